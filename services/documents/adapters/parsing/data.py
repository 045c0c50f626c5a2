"""JSON and XML: every value with the path that leads to it."""

import io
import json
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from services.documents.adapters.parsing.charsets import decode
from services.documents.adapters.parsing.layout import Layout
from services.documents.adapters.parsing.xml_trees import local_name
from services.documents.domain.errors import CorruptDocument, ParserLimitExceeded

MAX_DEPTH: Final = 100
# Values are put together up to about this many characters a block.
MAX_BLOCK_CHARS: Final = 900
_TITLES: Final = ("title", "name", "headline", "subject")


def read_json(content: bytes) -> Layout:
    """Read a JSON document, or one a line."""
    text, _ = decode(content)
    layout = Layout("json", "application/json")
    try:
        values = [json.loads(text)]
    except (ValueError, RecursionError) as error:
        values = list(_lines(text, error))
    for value in values:
        if isinstance(value, dict) and layout.title is None:
            layout.title = next(
                (value[key] for key in _TITLES if isinstance(value.get(key), str)), None
            )
        _add_lines(layout, _flattened(value))
    return layout


def read_xml(content: bytes) -> Layout:
    """Read an XML document; entities and external parts are refused, not resolved."""
    layout = Layout("xml", "application/xml")
    path: list[str] = []
    found: list[str] = []
    try:
        for event, element in iterparse(io.BytesIO(content), events=("start", "end")):
            if event == "start":
                path.append(local_name(element))
                if len(path) > MAX_DEPTH * 10:
                    raise ParserLimitExceeded
                continue
            found.extend(_element_lines(element, path))
            # Read and forgotten: a tree would take ten times the file's size.
            tail = element.tail
            element.clear()
            element.tail = tail
            path.pop()
    except DefusedXmlException as error:
        raise CorruptDocument(
            "The XML file uses entities or external parts, which are not read."
        ) from error
    except ParseError as error:
        raise CorruptDocument from error
    _add_lines(layout, iter(found))
    return layout


def _lines(text: str, error: Exception) -> Iterator[object]:
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        raise CorruptDocument from error
    for line in lines:
        try:
            yield json.loads(line)
        except (ValueError, RecursionError) as cause:
            raise CorruptDocument from cause


def _flattened(value: object, path: str = "", depth: int = 0) -> Iterator[str]:
    if depth > MAX_DEPTH:
        raise ParserLimitExceeded
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flattened(inner, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list):
        if all(isinstance(item, (str, int, float, bool)) for item in value):
            yield _line(path, ", ".join(map(_scalar, value)))
        else:
            for number, item in enumerate(value, start=1):
                yield from _flattened(item, f"{path}[{number}]" if path else "", depth + 1)
                if depth == 0 or isinstance(item, dict):
                    yield ""
    elif value is not None and value != "":
        yield _line(path, _scalar(value))


def _scalar(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _line(path: str, value: str) -> str:
    return f"{path}: {value}" if path else value


def _element_lines(element: Element, path: list[str]) -> Iterator[str]:
    name = " > ".join(path[1:] or path)
    for key, value in element.attrib.items():
        if value.strip() and "}" not in key:
            yield f"{name} {key}: {value.strip()}"
    # Texts of children are read with them; what stands between them belongs here.
    between = [element.text or "", *(child.tail or "" for child in element)]
    text = " ".join(" ".join(between).split())
    if text:
        yield f"{name}: {text}"


def _add_lines(layout: Layout, lines: Iterator[str]) -> None:
    held: list[str] = []
    size = 0
    for line in lines:
        # An empty line parts records.
        if held and (not line or size + len(line) > MAX_BLOCK_CHARS):
            layout.add("\n".join(held))
            held, size = [], 0
        if line:
            held.append(line)
            size += len(line)
    if held:
        layout.add("\n".join(held))

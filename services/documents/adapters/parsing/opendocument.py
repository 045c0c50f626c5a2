"""OpenDocument: texts, spreadsheets and presentations of LibreOffice and its relatives."""

import io
import zipfile
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

from services.documents.adapters.parsing.layout import Layout
from services.documents.adapters.parsing.tables import markdown_tables, records
from services.documents.adapters.parsing.xml_trees import tree_of
from services.documents.domain.errors import (
    CorruptDocument,
    EncryptedDocument,
    ParserLimitExceeded,
)

MAX_DEPTH: Final = 200
MAX_ROWS: Final = 200_000
MAX_COLUMNS: Final = 500
MAX_REPEATED: Final = 20
# A tree takes some ten times its text, and MAX_XML_BYTES of other formats are for several parts.
MAX_CONTENT_BYTES: Final = 32 * 1024 * 1024
_MEDIA_TYPE: Final = "application/vnd.oasis.opendocument."
_FORMATS: Final = {"odt": "text", "ods": "spreadsheet", "odp": "presentation"}

_NS: Final = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
_TEXT, _TABLE, _DRAW, _OFFICE, _PRESENTATION = (
    _NS % name for name in ("text", "table", "drawing", "office", "presentation")
)
_TITLE: Final = "{http://purl.org/dc/elements/1.1/}title"
# Not what readers see in its place: comments, what was deleted, the look of a form.
_DROPPED: Final = frozenset(
    {
        _OFFICE + "annotation",
        _OFFICE + "forms",
        _TEXT + "tracked-changes",
        _TEXT + "note-citation",
        _TEXT + "table-of-content",
        _TEXT + "sequence-decls",
    }
)


def read_opendocument(content: bytes, *, kind: str) -> Layout:
    """Read a text (odt), spreadsheet (ods) or presentation (odp).

    Sheets and slides are pages; a text has none of its own.

    Raises:
        EncryptedDocument: It asks for a password.
        CorruptDocument: It has no content, or one that uses entities.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = set(archive.namelist())
        if "META-INF/manifest.xml" in names and b"encryption-data" in archive.read(
            "META-INF/manifest.xml"
        ):
            raise EncryptedDocument
        if "content.xml" not in names:
            raise CorruptDocument
        if archive.getinfo("content.xml").file_size > MAX_CONTENT_BYTES:
            raise ParserLimitExceeded
        root = tree_of(archive.read("content.xml"))
        meta = tree_of(archive.read("meta.xml")) if "meta.xml" in names else None
    layout = Layout(kind, _MEDIA_TYPE + _FORMATS[kind])
    if meta is not None:
        layout.title = " ".join((meta.findtext(f".//{_TITLE}") or "").split()) or None
    body = root.find(f"{_OFFICE}body/{_OFFICE}{_FORMATS[kind]}")
    if body is None:
        raise CorruptDocument
    reader = _Reader(layout)
    if kind == "ods":
        reader.sheets(body)
    elif kind == "odp":
        reader.slides(body)
    else:
        reader.blocks(body)
    reader.end_list()
    return layout


class _Reader:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._page: int | None = None
        self._items: list[str] = []

    def sheets(self, body: Element) -> None:
        tables = body.findall(_TABLE + "table")
        self._layout.page_count = len(tables)
        for page, table in enumerate(tables, start=1):
            self._layout.place(table.get(_TABLE + "name") or f"Sheet {page}", level=1)
            for text in records(_rows(table)):
                self._layout.add(text, page=page)

    def slides(self, body: Element) -> None:
        pages = body.findall(_DRAW + "page")
        self._layout.page_count = len(pages)
        for number, page in enumerate(pages, start=1):
            self._page = number
            title = next(
                (
                    frame
                    for frame in page.iter(_DRAW + "frame")
                    if frame.get(_PRESENTATION + "class") == "title"
                ),
                None,
            )
            name = " ".join(_text(title).split()) if title is not None else ""
            if name:
                self._layout.heading(name, level=1, page=number)
                if title is not None:
                    title.clear()
            else:
                self._layout.place(f"Slide {number}", level=1)
            self.blocks(page)
            self.end_list()

    def blocks(self, parent: Element, depth: int = 0) -> None:
        if depth > MAX_DEPTH:
            raise ParserLimitExceeded
        for element in parent:
            tag = element.tag
            if tag in _DROPPED:
                continue
            if tag == _TEXT + "h":
                self.end_list()
                level = element.get(_TEXT + "outline-level", "1")
                self._layout.heading(
                    _text(element),
                    level=int(level) if level.isdecimal() and len(level) < 3 else 1,
                    page=self._page,
                )
            elif tag == _TEXT + "p":
                self.end_list()
                self._layout.add(_text(element), page=self._page)
            elif tag == _TEXT + "list":
                self._list(element)
            elif tag == _TABLE + "table":
                self.end_list()
                for part in markdown_tables(list(_rows(element))):
                    self._layout.add(part, page=self._page)
            else:
                self.blocks(element, depth + 1)

    def _list(self, element: Element, depth: int = 0) -> None:
        if depth > MAX_DEPTH:
            raise ParserLimitExceeded
        for item in element:
            for part in item:
                if part.tag == _TEXT + "list":
                    self._list(part, depth + 1)
                elif part.tag in (_TEXT + "p", _TEXT + "h") and (text := _text(part).strip()):
                    self._items.append("- " + text)

    def end_list(self) -> None:
        if self._items:
            self._layout.add("\n".join(self._items), page=self._page)
            self._items = []


def _rows(table: Element) -> Iterator[list[str]]:
    """Yield the rows of a table, those of its header first, as they stand in it.

    A cell or row may claim to be repeated a million times; empty ones are not shown, and others
    only so often as anybody would read.
    """
    count = 0
    for row in table.iter(_TABLE + "table-row"):
        cells: list[str] = []
        for cell in row:
            if cell.tag not in (_TABLE + "table-cell", _TABLE + "covered-table-cell"):
                continue
            text = "\n".join(_text(part) for part in cell.iter(_TEXT + "p")).strip()
            times = min(_repeated(cell, "columns"), MAX_REPEATED if text else MAX_COLUMNS)
            cells.extend([text] * min(times, MAX_COLUMNS - len(cells)))
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        for _ in range(min(_repeated(row, "rows"), MAX_REPEATED)):
            count += 1
            if count > MAX_ROWS:
                raise ParserLimitExceeded
            yield cells


def _repeated(element: Element, what: str) -> int:
    text = element.get(f"{_TABLE}number-{what}-repeated", "1")
    return int(text) if text.isdecimal() and len(text) < 10 else 1


def _text(element: Element, depth: int = 0) -> str:
    """Return the text of a paragraph, notes in brackets where their mark stands."""
    if depth > MAX_DEPTH:
        raise ParserLimitExceeded
    parts = [element.text or ""]
    for child in element:
        if child.tag == _TEXT + "s":
            count = child.get(_TEXT + "c", "1")
            parts.append(" " * (min(int(count), 1000) if count.isdecimal() else 1))
        elif child.tag == _TEXT + "tab":
            parts.append("\t")
        elif child.tag == _TEXT + "line-break":
            parts.append("\n")
        elif child.tag == _TEXT + "note-body":
            parts.append(f" ({_text(child, depth + 1).strip()})")
        elif child.tag not in _DROPPED:
            parts.append(_text(child, depth + 1))
            if child.tag in (_TEXT + "p", _TEXT + "h"):
                parts.append("\n")
        parts.append(child.tail or "")
    return "".join(parts)

"""Markdown: headings make the structure; emphasis and link targets are taken off the text."""

import re
from typing import Final

from services.documents.adapters.parsing.charsets import decode
from services.documents.adapters.parsing.html import add_html
from services.documents.adapters.parsing.layout import Layout
from services.documents.adapters.parsing.tables import markdown_tables

_HEADING: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(.+?)[ \t#]*$")
_FENCE: Final = re.compile(r" {0,3}(```+|~~~+)")
_UNDERLINE: Final = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_TABLE_RULE: Final = re.compile(r"[ \t]*\|?(?:[ \t]*:?-+:?[ \t]*\|)+[ \t]*:?-*:?[ \t]*$")
_ITEM: Final = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+\S")
_HTML_BLOCK: Final = re.compile(
    r" {0,3}<(table|div|p|ul|ol|dl|details|section|center)\b", re.IGNORECASE
)
_FRONT_MATTER: Final = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_TITLE: Final = re.compile(r"^title:[ \t]*[\"']?(.+?)[\"']?[ \t]*$", re.MULTILINE | re.IGNORECASE)

_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_IMAGE: Final = re.compile(r"!\[([^\]]*)\]\([^)\s]*(?:\s+\"[^\"]*\")?\)")
_LINK: Final = re.compile(r"\[([^\]]+)\](?:\([^)]*\)|\[[^\]]*\])")
_EMPHASIS: Final = re.compile(r"(\*\*|\*|~~)(?=\S)(.+?)(?<=\S)\1")
_TAG: Final = re.compile(r"</?[a-zA-Z][^<>\n]{0,300}>")
_ESCAPED: Final = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|>~])")


def read_markdown(content: bytes) -> Layout:
    """Read a Markdown file; HTML blocks in it are read as HTML."""
    text, warning = decode(content)
    layout = Layout("md", "text/markdown")
    if warning:
        layout.warnings.append(warning)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    front = _FRONT_MATTER.match(text)
    if front:
        title = _TITLE.search(front.group(1))
        layout.title = title.group(1) if title else None
        text = text[front.end() :]
    _Reader(layout).read(_COMMENT.sub("", text).split("\n"))
    return layout


class _Reader:
    """Reads lines; holds those of the paragraph under way."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._held: list[str] = []

    def read(self, lines: list[str]) -> None:
        at = 0
        while at < len(lines):
            at = self._line(lines, at)
        self._flush()

    def _line(self, lines: list[str], at: int) -> int:  # noqa: PLR0911 - one a construct
        """Read from line `at` on and return the next line to read."""
        line = lines[at]
        if not line.strip():
            self._flush()
            return at + 1
        if heading := _HEADING.match(line):
            self._flush()
            self._heading(heading.group(2), level=len(heading.group(1)))
            return at + 1
        if self._held and (underline := _UNDERLINE.match(line)) and len(self._held) == 1:
            text = self._held.pop()
            self._heading(text, level=1 if underline.group(1).startswith("=") else 2)
            return at + 1
        if fence := _FENCE.match(line):
            return self._fenced(lines, at, fence.group(1))
        if "|" in line and at + 1 < len(lines) and _TABLE_RULE.match(lines[at + 1]):
            return self._table(lines, at)
        if block := _HTML_BLOCK.match(line):
            return self._html(lines, at, block.group(1).lower())
        self._held.append(line)
        return at + 1

    def _heading(self, text: str, *, level: int) -> None:
        text = plain(text)
        if level == 1 and self._layout.title is None:
            self._layout.title = text or None
        self._layout.heading(text, level=level)

    def _fenced(self, lines: list[str], at: int, mark: str) -> int:
        self._flush()
        end = at + 1
        while end < len(lines) and not lines[end].lstrip().startswith(mark):
            end += 1
        self._layout.add("\n".join(lines[at + 1 : end]), tidy=False)
        return end + 1

    def _table(self, lines: list[str], at: int) -> int:
        self._flush()
        rows = [_cells(lines[at])]
        end = at + 2
        while end < len(lines) and "|" in lines[end]:
            rows.append(_cells(lines[end]))
            end += 1
        for part in markdown_tables(rows):
            self._layout.add(part)
        return end

    def _html(self, lines: list[str], at: int, tag: str) -> int:
        self._flush()
        end = at
        depth = 0
        opens, closes = (
            re.compile(rf"<{tag}\b", re.IGNORECASE),
            re.compile(rf"</{tag}\s*>", re.IGNORECASE),
        )
        while end < len(lines):
            depth += len(opens.findall(lines[end])) - len(closes.findall(lines[end]))
            end += 1
            if depth <= 0:
                break
        add_html(self._layout, "\n".join(lines[at:end]))
        return end

    def _flush(self) -> None:
        if self._held:
            # A list stays one block, so that its items stay together.
            joined = "\n".join(
                line.strip() if _ITEM.match(line) else line.strip().removeprefix("> ")
                for line in self._held
            )
            self._layout.add(plain(joined))
            self._held = []


def plain(text: str) -> str:
    """Return Markdown's inline text as a reader sees it."""
    if "[" in text:
        text = _LINK.sub(r"\1", _IMAGE.sub(r"\1", text))
    if "*" in text or "~~" in text:
        text = _EMPHASIS.sub(r"\2", _EMPHASIS.sub(r"\2", text))
    if "<" in text:
        text = _TAG.sub(" ", text)
    if "\\" in text:
        text = _ESCAPED.sub(r"\1", text)
    return text.replace("`", "")


def _cells(line: str) -> list[str]:
    line = line.strip().removeprefix("|")
    line = line[:-1] if line.endswith("|") and not line.endswith("\\|") else line
    return [plain(cell.strip()) for cell in re.split(r"(?<!\\)\|", line)]

"""Word documents: headings, paragraphs, lists and tables in the order of the body."""

import io
import re
from collections.abc import Iterator
from typing import Final

import docx
from docx.document import Document
from docx.oxml.ns import qn
from docx.table import Table, _Cell
from docx.text.paragraph import Paragraph

from services.documents.adapters.parsing.layout import Layout
from services.documents.adapters.parsing.tables import markdown_tables

_HEADING: Final = re.compile(
    r"(?:heading|überschrift|titre|título|titolo|kop)\s*(\d)", re.IGNORECASE
)
_MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def read_docx(content: bytes) -> Layout:
    """Read a Word document. It has no pages of its own: those come with printing."""
    document = docx.Document(io.BytesIO(content))
    layout = Layout("docx", _MEDIA_TYPE)
    layout.title = (document.core_properties.title or "").strip() or None
    listed: list[str] = []
    for part in document.iter_inner_content():
        if isinstance(part, Table):
            _flush(layout, listed)
            for text in markdown_tables(list(_rows(part))):
                layout.add(text)
            continue
        text = part.text
        level = _heading_level(part)
        if level is not None:
            _flush(layout, listed)
            layout.heading(text, level=level)
        elif _is_item(part):
            listed.append("- " + text.strip())
        else:
            _flush(layout, listed)
            layout.add(text)
    _flush(layout, listed)
    _add_margins(layout, document)
    return layout


def _flush(layout: Layout, listed: list[str]) -> None:
    if listed:
        layout.add("\n".join(listed))
        listed.clear()


def _heading_level(paragraph: Paragraph) -> int | None:
    style = paragraph.style
    name = style.name if style is not None else None
    if not name:
        return None
    if name.lower() == "title":
        return 1
    match = _HEADING.match(name)
    return int(match.group(1)) if match else None


def _is_item(paragraph: Paragraph) -> bool:
    properties = paragraph._p.pPr  # noqa: SLF001 - python-docx has no public word for lists
    if properties is not None and properties.find(qn("w:numPr")) is not None:
        return True
    style = paragraph.style
    return style is not None and (style.name or "").lower().startswith("list ")


def _rows(table: Table) -> Iterator[list[str]]:
    for row in table.rows:
        cells: list[str] = []
        last: object = None
        for cell in row.cells:
            # A merged cell is listed once for each column that it spans.
            if cell._tc is not last:  # noqa: SLF001 - nor one for the cell itself
                cells.append(_cell_text(cell))
            last = cell._tc  # noqa: SLF001 - nor one for the cell itself
        yield cells


def _cell_text(cell: _Cell) -> str:
    parts = [cell.text]
    for inner in cell.tables:
        parts.extend(" ".join(row) for row in _rows(inner))
    return "\n".join(part for part in parts if part)


def _add_margins(layout: Layout, document: Document) -> None:
    """Append what stands in headers and footers, once: letterheads hold names and dates."""
    seen: set[str] = set()
    for section in document.sections:
        for margin in (section.header, section.footer):
            if margin.is_linked_to_previous:
                continue
            text = "\n".join(paragraph.text for paragraph in margin.paragraphs).strip()
            if text and text not in seen:
                seen.add(text)
                layout.add(text)

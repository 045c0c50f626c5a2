"""PDF: the text layer, page by page; what is set larger than the rest is taken for a heading."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from time import process_time
from typing import Final

import pypdfium2
from pypdfium2 import raw

from services.documents.adapters.parsing.layout import Layout
from services.documents.adapters.parsing.ocr import DOTS_PER_INCH, MAX_PIXELS, Ocr
from services.documents.adapters.parsing.rulings import Table, tables_on
from services.documents.adapters.parsing.tables import markdown_tables
from services.documents.domain.errors import (
    CorruptDocument,
    EncryptedDocument,
    ParserLimitExceeded,
)

MAX_PAGES: Final = 5_000
# A heading is at least this much larger than the body, and no longer than a line or two.
_HEADING_SIZE: Final = 1.15
_MAX_HEADING_CHARS: Final = 150
_MAX_HEADING_LEVELS: Final = 3
_MAX_HEADING_LINES: Final = 2
# Running heads and feet take up to this many lines.
_EDGE_LINES: Final = 2
# A gap between lines above this share of the usual one ends a paragraph.
_PARAGRAPH_GAP: Final = 1.4
# Prose fills its lines to about this share of the longest; rows of a table and lists do not, and
# what is set this narrow is not prose.
_FULL_LINE: Final = 0.75
_WRAPPED_CHARS: Final = 45
_LIST_MARK: Final = re.compile(r"[•◦▪–—*-]\s|\(?\w{1,3}[.)]\s")
# pdfium marks a hyphen at a line's end, which is part of a broken word, with this.
_BROKEN_WORD: Final = re.compile("[\ufffe\x02\u00ad]\r?\n?")
_DIGITS: Final = re.compile(r"\d+")
_ERROR_PASSWORD: Final = 4
# Of CPU time, for a document: then tables are text like any other.
_TABLE_SECONDS: Final = 10.0
# Of the text in a table's place, what its cells may lack.
_TEXT_MISSED: Final = 0.02
# How far, in points, a character's box may stand out of its cell.
_SLACK: Final = 4.0


@dataclass(slots=True)
class _Line:
    page: int
    text: str
    size: float
    top: float
    table: Sequence[Sequence[str]] = ()


def read_pdf(content: bytes, *, ocr: Ocr | None = None) -> Layout:
    """Read a PDF; pages without a text layer are left to OCR, or out."""
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        # Its last error may be one of a document before this one.
        if error.err_code == _ERROR_PASSWORD and b"/Encrypt" in content:
            raise EncryptedDocument from error
        raise CorruptDocument from error
    with document:
        count = len(document)
        if count > MAX_PAGES:
            raise ParserLimitExceeded
        if count == 0:
            raise CorruptDocument
        layout = Layout("pdf", "application/pdf", page_count=count)
        layout.title = " ".join(document.get_metadata_value("Title").split()) or None
        lines: list[_Line] = []
        unreadable = 0
        silent_pages = set(range(1, count + 1))
        tables_until = process_time() + _TABLE_SECONDS
        for number in range(count):
            try:
                lines.extend(_page_lines(document, number, tables=process_time() < tables_until))
            except pypdfium2.PdfiumError:
                unreadable += 1
                silent_pages.discard(number + 1)
        silent_pages -= {line.page for line in lines}
        recognised = _recognised(document, silent_pages, ocr)
    if unreadable == count:
        raise CorruptDocument
    if unreadable:
        layout.warnings.append(f"pages_unreadable:{unreadable}")
    silent = count - unreadable - len({line.page for line in lines} | set(recognised))
    if (lines or recognised) and silent:
        layout.warnings.append(f"pages_without_text:{silent}")
    _lay_out(layout, lines, recognised)
    return layout


def _recognised(
    document: pypdfium2.PdfDocument, pages: set[int], ocr: Ocr | None
) -> dict[int, list[str]]:
    """Return the paragraphs that OCR finds on pages, by number; those without any are left out."""
    found: dict[int, list[str]] = {}
    if ocr is None:
        return found
    for number in sorted(pages):
        page = document.get_page(number - 1)
        try:
            width, height = page.get_size()
            if not width * height or raw.FPDFPage_CountObjects(page) == 0:
                continue
            ocr.begin()
            most = (MAX_PIXELS / (width * height)) ** 0.5
            bitmap = page.render(scale=min(DOTS_PER_INCH / 72, most), grayscale=True)
            try:
                texts = ocr.paragraphs(
                    bytes(bitmap.buffer),
                    width=bitmap.width,
                    height=bitmap.height,
                    stride=bitmap.stride,
                )
            finally:
                bitmap.close()
            if texts:
                found[number] = texts
        finally:
            page.close()
    return found


def _page_lines(document: pypdfium2.PdfDocument, number: int, *, tables: bool) -> Iterator[_Line]:
    """Yield the lines of a page; a table comes at once, where its first line stands."""
    page = document.get_page(number)
    try:
        textpage = page.get_textpage()
        try:
            text = _BROKEN_WORD.sub(_same_length, textpage.get_text_range())
            lines: list[_Line] = []
            lefts: list[float] = []
            start = 0
            for line in text.split("\n"):
                stripped = line.strip()
                if stripped:
                    first = start + len(line) - len(line.lstrip())
                    size, left, top = _set_at(textpage, first)
                    lines.append(_Line(number + 1, stripped, size, top))
                    lefts.append(left)
                start += len(line) + 1
            ruled = tables_on(page, textpage) if tables and lines else []
        finally:
            textpage.close()
    finally:
        page.close()
    yield from _with_tables(lines, lefts, ruled)


def _with_tables(lines: list[_Line], lefts: list[float], tables: list[Table]) -> Iterator[_Line]:
    """Put a table in the place of the lines that are in it, if its cells have their text."""
    places = [_table_at(tables, left, line.top) for line, left in zip(lines, lefts, strict=True)]
    sound = set()
    for place, table in enumerate(tables):
        inside = sum(
            _weight(line.text) for line, at in zip(lines, places, strict=True) if at == place
        )
        cells = sum(_weight(cell) for row in table.rows for cell in row)
        if inside and abs(cells - inside) <= _TEXT_MISSED * inside:
            sound.add(place)
    told: set[int] = set()
    for line, at in zip(lines, places, strict=True):
        if at is None or at not in sound:
            yield line
        elif at not in told:
            told.add(at)
            yield replace(line, size=0.0, table=tables[at].rows)


def _weight(text: str) -> int:
    return sum(character.isalnum() for character in text)


def _same_length(match: re.Match[str]) -> str:
    # Line positions are asked of pdfium by index, so the text must keep its length for now.
    return _JOINED + match.group()[1:].replace("\r", _JOINED).replace("\n", _JOINED)


# Stands for "nothing" until lines are put together.
_JOINED: Final = "\u2060"


def _table_at(tables: list[Table], left: float, top: float) -> int | None:
    """Return which table a character's upper left corner is in."""
    for place, table in enumerate(tables):
        inside = table.left - _SLACK <= left <= table.right
        if inside and table.bottom < top <= table.top + _SLACK:
            return place
    return None


def _set_at(textpage: pypdfium2.PdfTextPage, index: int) -> tuple[float, float, float]:
    """Return the font size, and the left and top of a character."""
    size = raw.FPDFText_GetFontSize(textpage, index)
    try:
        left, bottom, _, top = textpage.get_charbox(index, loose=True)
    except pypdfium2.PdfiumError:
        return size, 0.0, 0.0
    # Some producers set size 1 and scale the page; then the box tells.
    return (size if size > 2 else top - bottom), left, top


def _lay_out(layout: Layout, lines: list[_Line], recognised: dict[int, list[str]]) -> None:
    waiting = sorted(recognised)
    lines = _without_running_lines(lines, pages=layout.page_count or 0)
    body = _body_size(lines)
    levels = _heading_levels(lines, body)
    gap = _usual_gap(lines)
    held: list[_Line] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if waiting and waiting[0] < line.page:
            _flush(layout, held)
            held = []
            _add_recognised(layout, recognised, waiting, before=line.page)
        if line.table:
            _flush(layout, held)
            held = []
            for part in markdown_tables(line.table):
                layout.add(part, page=line.page)
            at += 1
            continue
        if (level := levels.get(round(line.size))) is not None:
            end = _same_size_until(lines, at)
            heading = " ".join(_joined_text(lines[at:end]).split())
            if end - at <= _MAX_HEADING_LINES and _may_be_heading(heading):
                _flush(layout, held)
                held = []
                layout.heading(heading, level=level, page=line.page)
                at = end
                continue
        if held and (held[-1].page != line.page or _is_apart(held[-1], line, gap)):
            _flush(layout, held)
            held = []
        held.append(line)
        at += 1
    _flush(layout, held)
    _add_recognised(layout, recognised, waiting, before=MAX_PAGES + 1)


def _add_recognised(
    layout: Layout, recognised: dict[int, list[str]], waiting: list[int], *, before: int
) -> None:
    """Append what OCR found on the pages before one."""
    while waiting and waiting[0] < before:
        page = waiting.pop(0)
        for text in recognised[page]:
            layout.add(text, page=page)


def _without_running_lines(lines: list[_Line], *, pages: int) -> list[_Line]:
    """Leave out what stands at the head or foot of most pages, page numbers apart."""
    edges: dict[int, set[str]] = {}
    for number, grouped in groupby(lines, key=lambda line: line.page):
        texts = [_DIGITS.sub("#", line.text) for line in grouped]
        edges[number] = {*texts[:_EDGE_LINES], *texts[-_EDGE_LINES:]}
    counts = Counter(text for texts in edges.values() for text in texts)
    running = {text for text, count in counts.items() if count >= max(3, pages * 0.5)}
    if not running:
        return lines
    kept: list[_Line] = []
    for number, grouped in groupby(lines, key=lambda line: line.page):
        page_lines = list(grouped)
        for place, line in enumerate(page_lines):
            at_edge = place < _EDGE_LINES or place >= len(page_lines) - _EDGE_LINES
            if not (at_edge and number in edges and _DIGITS.sub("#", line.text) in running):
                kept.append(line)
    return kept


def _same_size_until(lines: list[_Line], at: int) -> int:
    end = at + 1
    while (
        end < len(lines)
        and lines[end].page == lines[at].page
        and round(lines[end].size) == round(lines[at].size)
    ):
        end += 1
    return end


def _body_size(lines: list[_Line]) -> float:
    sizes: Counter[int] = Counter()
    for line in lines:
        if not line.table:
            sizes[round(line.size)] += len(line.text)
    return float(sizes.most_common(1)[0][0]) if sizes else 0.0


def _heading_levels(lines: list[_Line], body: float) -> dict[int, int]:
    """Map the sizes of headings to levels, the largest being 1."""
    sizes = {
        round(line.size) for line in lines if not line.table and line.size >= body * _HEADING_SIZE
    }
    return {
        size: min(level, _MAX_HEADING_LEVELS)
        for level, size in enumerate(sorted(sizes, reverse=True), start=1)
    }


def _may_be_heading(text: str) -> bool:
    return (
        2 < len(text) <= _MAX_HEADING_CHARS
        and any(character.isalpha() for character in text)
        and not text.endswith((".", ",", ";"))
    )


def _usual_gap(lines: list[_Line]) -> float:
    gaps = sorted(
        before.top - after.top
        for before, after in pairwise(lines)
        if before.page == after.page and before.top > after.top
    )
    return gaps[len(gaps) // 2] if gaps else 0.0


def _is_apart(before: _Line, after: _Line, gap: float) -> bool:
    distance = before.top - after.top
    # Upwards is the next column; a paragraph may well run on there.
    return gap > 0 and distance > gap * _PARAGRAPH_GAP


def _flush(layout: Layout, held: list[_Line]) -> None:
    if held:
        layout.add(_joined_text(held), page=held[0].page)


def _joined_text(lines: list[_Line]) -> str:
    """Put lines together: a full one runs on in the next, a short one ends where it ends."""
    widest = max(len(line.text) for line in lines)
    full = max(_WRAPPED_CHARS, widest * _FULL_LINE)
    text = lines[0].text
    for before, line in pairwise(lines):
        if text.endswith(_JOINED):
            # A word broken at the line's end goes on without a space.
            text += line.text
        elif len(before.text) >= full and not _LIST_MARK.match(line.text):
            text += " " + line.text
        else:
            text += "\n" + line.text
    return text.replace(_JOINED, "")

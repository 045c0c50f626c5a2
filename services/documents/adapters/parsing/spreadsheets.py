"""Rows of data: workbooks and CSV files. Each row is kept with the names of its columns."""

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import islice
from typing import Final, TypeVar

import openpyxl

from services.documents.adapters.parsing.charsets import decode
from services.documents.adapters.parsing.layout import Layout
from services.documents.adapters.parsing.tables import records
from services.documents.domain.errors import CorruptDocument, ParserLimitExceeded

MAX_ROWS: Final = 200_000
MAX_COLUMNS: Final = 500
MAX_SHEETS: Final = 200
Row = TypeVar("Row")
_DELIMITERS: Final = ",;\t|"
_MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def read_xlsx(content: bytes) -> Layout:
    """Read a workbook: its sheets are pages, formulas give their last value."""
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    try:
        sheets = book.worksheets
        if len(sheets) > MAX_SHEETS:
            raise ParserLimitExceeded
        layout = Layout("xlsx", _MEDIA_TYPE, page_count=len(sheets))
        layout.title = (book.properties.title or "").strip() or None
        for page, sheet in enumerate(sheets, start=1):
            # What a file claims of its size may be wrong in both directions.
            sheet.reset_dimensions()
            layout.place(sheet.title, level=1)
            rows = sheet.iter_rows(max_col=MAX_COLUMNS, values_only=True)
            for text in records([_shown(value) for value in row] for row in _counted(rows)):
                layout.add(text, page=page)
        return layout
    finally:
        book.close()


def read_csv(content: bytes) -> Layout:
    """Read a CSV file with any of the common delimiters."""
    text, warning = decode(content)
    layout = Layout("csv", "text/csv")
    if warning:
        layout.warnings.append(warning)
    csv.field_size_limit(1_000_000)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        for part in records(row[:MAX_COLUMNS] for row in _counted(rows)):
            layout.add(part)
    except csv.Error as error:
        raise CorruptDocument from error
    return layout


def _counted(rows: Iterator[Row]) -> Iterator[Row]:
    yield from islice(rows, MAX_ROWS)
    if next(rows, None) is not None:
        raise ParserLimitExceeded


def _delimiter(text: str) -> str:
    """Return the delimiter that cuts the first lines most evenly."""
    lines = [line for line in text[:20_000].splitlines() if line.strip()][:20]
    if len(lines) > 1 and len(text) > 20_000:
        lines = lines[:-1]

    def evenness(delimiter: str) -> tuple[int, int]:
        counts = [line.count(delimiter) for line in lines]
        return (sum(count == counts[0] for count in counts) if counts and counts[0] else 0), max(
            counts, default=0
        )

    return max(_DELIMITERS, key=evenness)


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value)

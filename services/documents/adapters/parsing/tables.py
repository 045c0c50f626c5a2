"""Tables as text: Markdown for those inside documents, `name: value` lines for data."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

# About a third of a passage: a table is cut between rows, each part with the header above it.
MAX_TABLE_CHARS: Final = 900
MAX_CELL_CHARS: Final = 20_000


def markdown_tables(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a table as Markdown, in parts if it is long; the first row is the header."""
    kept = [[_cell(cell) for cell in row] for row in rows]
    kept = [row for row in kept if any(row)]
    if not kept:
        return
    width = max(len(row) for row in kept)
    if width == 1:
        yield "\n".join(row[0] for row in kept)
        return
    lines = ["| " + " | ".join(row + [""] * (width - len(row))) + " |" for row in kept]
    head = lines[0] + "\n|" + " --- |" * width
    part = [head]
    size = 0
    for line in lines[1:]:
        if size and size + len(line) > MAX_TABLE_CHARS:
            yield "\n".join(part)
            part, size = [head], 0
        part.append(line)
        size += len(line)
    yield "\n".join(part)


def records(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield data rows, a few at a time, as lines of `name: value`; the first row has the names.

    So that each row can be understood, and found, by itself.
    """
    header: list[str] | None = None
    part: list[str] = []
    size = 0
    for row in rows:
        cells = [" ".join(cell.split())[:MAX_CELL_CHARS] for cell in row]
        if not any(cells):
            continue
        if header is None:
            header = cells
            if _looks_like_data(cells):
                header = []
            else:
                continue
        line = "; ".join(
            f"{header[place]}: {cell}" if place < len(header) and header[place] else cell
            for place, cell in enumerate(cells)
            if cell
        )
        if size and size + len(line) > MAX_TABLE_CHARS:
            yield "\n".join(part)
            part, size = [], 0
        part.append(line)
        size += len(line)
    if part:
        yield "\n".join(part)
    elif header:
        yield "; ".join(name for name in header if name)


def _looks_like_data(cells: Sequence[str]) -> bool:
    """A header has names, so a first row with numbers in it is none."""
    return any(_is_number(cell) for cell in cells)


def _is_number(cell: str) -> bool:
    return bool(cell) and cell.replace(".", "").replace(",", "").replace("-", "").isdigit()


def _cell(text: str) -> str:
    return " ".join(text[:MAX_CELL_CHARS].split()).replace("|", "\\|")

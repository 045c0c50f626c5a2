"""Tables of a PDF's page that are drawn with lines: a grid of rules, with text in its cells."""

import ctypes
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import pypdfium2
from pypdfium2 import raw

# A page with more is a drawing, and would take long.
MAX_OBJECTS: Final = 4_000
MAX_RULES: Final = 1_500
MAX_CELLS: Final = 2_000
# pdfium marks a hyphen at a line's end, which is part of a broken word, with this.
_BROKEN_WORD: Final = re.compile("[\ufffe\x02\u00ad]\\s*")
# In points: how thick a rule is at most, how short at least, and how far it may miss another.
_THICK: Final = 2.5
_SHORT: Final = 6.0
_NEAR: Final = 3.0
# Of its cells, as many as hold text at least: a form or a frame is no table.
_FILLED: Final = 0.4


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; its box is in points, from the page's lower left corner."""

    left: float
    bottom: float
    right: float
    top: float
    rows: Sequence[Sequence[str]]


@dataclass(slots=True)
class _Rule:
    """A straight line: `at` on its own axis, from `low` to `high` on the other."""

    at: float
    low: float
    high: float


def tables_on(page: pypdfium2.PdfPage, textpage: pypdfium2.PdfTextPage) -> list[Table]:
    """Return the ruled tables of a page, from the top; none where too much is drawn."""
    across, upright = _rules(page)
    if len(across) < 3 or len(upright) < 3:
        return []
    found = []
    for flat, tall in _grids(across, upright):
        ys, xs = _places(flat), _places(tall)
        # Two columns and two rows at least, and no more cells than can be looked at.
        if len(ys) < 3 or len(xs) < 3 or len(ys) * len(xs) > MAX_CELLS:
            continue
        table = _table(textpage, xs, ys, flat, tall)
        if table is not None:
            found.append(table)
    return sorted(found, key=lambda table: -table.top)


def _rules(page: pypdfium2.PdfPage) -> tuple[list[_Rule], list[_Rule]]:
    across: list[_Rule] = []
    upright: list[_Rule] = []
    count = raw.FPDFPage_CountObjects(page)
    if not 0 < count <= MAX_OBJECTS:
        return across, upright
    box = [ctypes.c_float() for _ in range(4)]
    for number in range(count):
        piece = raw.FPDFPage_GetObject(page, number)
        if raw.FPDFPageObj_GetType(piece) != raw.FPDF_PAGEOBJ_PATH:
            continue
        if not raw.FPDFPageObj_GetBounds(piece, *map(ctypes.byref, box)):
            continue
        left, bottom, right, top = (side.value for side in box)
        width, height = right - left, top - bottom
        if height <= _THICK:
            if width >= _SHORT:
                across.append(_Rule((top + bottom) / 2, left, right))
        elif width <= _THICK:
            if height >= _SHORT:
                upright.append(_Rule((left + right) / 2, bottom, top))
        elif width >= _SHORT and height >= _SHORT:
            # A cell's frame or its ground.
            across += [_Rule(bottom, left, right), _Rule(top, left, right)]
            upright += [_Rule(left, bottom, top), _Rule(right, bottom, top)]
        if len(across) + len(upright) > MAX_RULES:
            return [], []
    return across, upright


def _grids(across: list[_Rule], upright: list[_Rule]) -> Iterator[tuple[list[_Rule], list[_Rule]]]:
    """Yield the rules that hang together, by their meeting one another."""
    parents = list(range(len(across) + len(upright)))

    def root(one: int) -> int:
        while parents[one] != one:
            parents[one] = parents[parents[one]]
            one = parents[one]
        return one

    order = sorted(range(len(across)), key=lambda place: across[place].at)
    levels = [across[place].at for place in order]
    for number, rule in enumerate(upright):
        first = bisect_left(levels, rule.low - _NEAR)
        for place in order[first:]:
            flat = across[place]
            if flat.at > rule.high + _NEAR:
                break
            if flat.low - _NEAR <= rule.at <= flat.high + _NEAR:
                parents[root(place)] = root(len(across) + number)
    groups: dict[int, tuple[list[_Rule], list[_Rule]]] = {}
    for place, rule in enumerate([*across, *upright]):
        group = groups.setdefault(root(place), ([], []))
        group[place >= len(across)].append(rule)
    yield from groups.values()


def _places(rules: list[_Rule]) -> list[float]:
    """Return where the rules lie, those that lie together once."""
    found: list[float] = []
    for at in sorted(rule.at for rule in rules):
        if not found or at - found[-1] > _NEAR:
            found.append(at)
    return found


def _table(
    textpage: pypdfium2.PdfTextPage,
    xs: list[float],
    ys: list[float],
    flat: list[_Rule],
    tall: list[_Rule],
) -> Table | None:
    rows: list[list[str]] = []
    filled = 0
    for level in range(len(ys) - 1, 0, -1):
        row = [""] * (len(xs) - 1)
        low, high = ys[level - 1], ys[level]
        walls = [x for x in xs if _stands(tall, x, low, high)]
        for left, right in pairwise(walls):
            middle = (left + right) / 2
            if not _stands(flat, high, middle, middle):
                # It goes on from the row above.
                continue
            floor = next((y for y in reversed(ys[:level]) if _stands(flat, y, middle, middle)), low)
            text = textpage.get_text_bounded(left + 0.5, floor + 0.5, right - 0.5, high - 0.5)
            cell = " ".join(_BROKEN_WORD.sub("", text).split())
            row[xs.index(left)] = cell
            filled += bool(cell)
        rows.append(row)
    kept = [row for row in rows if any(row)]
    used = [any(row[place] for row in kept) for place in range(len(xs) - 1)]
    if len(kept) < 2 or sum(used) < 2 or filled < _FILLED * len(kept) * sum(used):
        return None
    shown = [[cell for cell, is_used in zip(row, used, strict=True) if is_used] for row in kept]
    return Table(xs[0], ys[0], xs[-1], ys[-1], shown)


def _stands(rules: list[_Rule], at: float, low: float, high: float) -> bool:
    """Tell whether a rule lies at a place and reaches from `low` to `high`."""
    return any(
        abs(rule.at - at) <= _NEAR and rule.low - _NEAR <= low and rule.high + _NEAR >= high
        for rule in rules
    )

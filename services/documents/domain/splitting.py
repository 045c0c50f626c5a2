"""Cutting a document into passages: as its author divided it, and small enough to embed.

A passage never crosses a page and only crosses a heading to pick up a section too short to stand
alone. Within a section it ends between paragraphs, failing that between sentences or rows, and
in the middle of one only where a single sentence is too long. Sections that must be cut are cut
into parts of about the same size: a last passage of five words finds nothing and is found by
nothing.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from services.documents.domain.ports import Block, ParsedDocument, Passage
from services.documents.domain.sentences import sentence_spans

# Models that embed take 512 word pieces; the title and headings need some of them.
MAX_PASSAGE_TOKENS: Final = 320
# A section below this joins the next one on its page.
MIN_SECTION_TOKENS: Final = 40

_WORD_PARTS: Final = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class _Unit:
    """A span that is not cut further, and what it costs."""

    start: int
    end: int
    tokens: int


@dataclass(frozen=True, slots=True)
class _Section:
    """Neighbouring blocks of one page under one heading."""

    page: int | None
    heading_path: tuple[str, ...]
    blocks: tuple[Block, ...]
    tokens: int


def estimate_tokens(text: str) -> int:
    """Return about how many tokens an embedding model makes of the text; rather too many.

    Word-piece tokenizers make 1.3 tokens of an English word and split numbers and rare words into
    short pieces, so long words count by their length; a CJK character is one token.
    """
    parts = _WORD_PARTS.findall(text)
    return len(parts) + sum((len(part) - 1) // 6 for part in parts if len(part) > 6)


def split_into_passages(
    document: ParsedDocument, *, max_tokens: int = MAX_PASSAGE_TOKENS
) -> list[Passage]:
    """Cut a document into passages of at most `max_tokens`, in reading order.

    Every passage's text is exactly `document.text[char_start:char_end]`. An empty document gives
    no passages.

    Raises:
        ValueError: `max_tokens` is below 16, where no sentence fits.
    """
    if max_tokens < 16:
        raise ValueError("passages need room for a sentence: max_tokens must be 16 or more")
    passages: list[Passage] = []
    for section in _merged(_sections(document.blocks), max_tokens=max_tokens):
        for run in _runs(document.text, section, max_tokens=max_tokens):
            start, end = run[0].start, run[-1].end
            passages.append(
                Passage(
                    position=len(passages),
                    text=document.text[start:end],
                    page=section.page,
                    heading_path=section.heading_path,
                    char_start=start,
                    char_end=end,
                    token_estimate=sum(unit.tokens for unit in run),
                )
            )
    return passages


def _sections(blocks: Sequence[Block]) -> Iterator[_Section]:
    held: list[Block] = []
    for block in blocks:
        if not block.text.strip():
            continue
        if held and (block.page, block.heading_path) != (held[0].page, held[0].heading_path):
            yield _section(held)
            held = []
        held.append(block)
    if held:
        yield _section(held)


def _section(blocks: Sequence[Block]) -> _Section:
    return _Section(
        blocks[0].page,
        blocks[0].heading_path,
        tuple(blocks),
        sum(estimate_tokens(block.text) for block in blocks),
    )


def _merged(sections: Iterator[_Section], *, max_tokens: int) -> Iterator[_Section]:
    """Join sections too short to stand alone to the one that follows on the same page."""
    held: _Section | None = None
    for section in sections:
        if held is None:
            held = section
            continue
        short = min(held.tokens, section.tokens) < MIN_SECTION_TOKENS
        fits = held.tokens + section.tokens <= max_tokens
        if short and fits and held.page == section.page:
            held = _Section(
                held.page,
                _shared_path(held.heading_path, section.heading_path),
                held.blocks + section.blocks,
                held.tokens + section.tokens,
            )
        else:
            yield held
            held = section
    if held is not None:
        yield held


def _shared_path(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """Return where both stand; of a heading and its own first subheading, the subheading."""
    if second[: len(first)] == first:
        return second
    shared = 0
    while shared < min(len(first), len(second)) and first[shared] == second[shared]:
        shared += 1
    return first[:shared]


def _runs(text: str, section: _Section, *, max_tokens: int) -> Iterator[list[_Unit]]:
    units = [
        unit for block in section.blocks for unit in _units(text, block, max_tokens=max_tokens)
    ]
    remaining = sum(unit.tokens for unit in units)
    run: list[_Unit] = []
    size = 0
    target = _even_share(remaining, max_tokens)
    for unit in units:
        full = size + unit.tokens > max_tokens
        # Past the even share, the next unit goes where it unbalances less.
        enough = size > 0 and size + unit.tokens / 2 > target
        if run and (full or enough):
            yield run
            remaining -= size
            run, size = [], 0
            target = _even_share(remaining, max_tokens)
        run.append(unit)
        size += unit.tokens
    if run:
        yield run


def _even_share(tokens: int, max_tokens: int) -> float:
    return tokens / max(1, math.ceil(tokens / max_tokens))


def _units(text: str, block: Block, *, max_tokens: int) -> Iterator[_Unit]:
    start, end = _stripped(text, block.char_start, block.char_end)
    tokens = estimate_tokens(text[start:end])
    # Whole paragraphs where they leave the packing some freedom, sentences otherwise.
    if tokens <= max_tokens // 2:
        yield _Unit(start, end, tokens)
        return
    for sentence_start, sentence_end in sentence_spans(text[start:end]):
        sentence = text[start + sentence_start : start + sentence_end]
        tokens = estimate_tokens(sentence)
        if tokens <= max_tokens:
            yield _Unit(start + sentence_start, start + sentence_end, tokens)
        else:
            yield from _forced(text, start + sentence_start, start + sentence_end, max_tokens)


def _forced(text: str, start: int, end: int, max_tokens: int) -> Iterator[_Unit]:
    """Cut what has no sentences, at spaces where there are any."""
    held: int | None = None
    last = start
    tokens = 0
    for match in re.finditer(r"\S{1,256}", text[start:end]):
        # A word without a space in sight may be a page of CJK, or of base64.
        for piece_start in range(match.start(), match.end(), 64):
            piece_end = min(piece_start + 64, match.end())
            cost = estimate_tokens(text[start + piece_start : start + piece_end])
            if held is not None and tokens + cost > max_tokens:
                yield _Unit(held, last, tokens)
                held, tokens = None, 0
            if held is None:
                held = start + piece_start
            last = start + piece_end
            tokens += cost
    if held is not None:
        yield _Unit(held, last, tokens)


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    stripped = text[start:end].strip()
    start += len(text[start:end]) - len(text[start:end].lstrip())
    return start, start + len(stripped)

"""What becomes of the best passages before they are shown: no twins, no pieces of one stretch.

Documents come in drafts and copies, and boilerplate is on every page: a passage that says what a
better one says takes a place and tells nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from services.documents.domain.search import FoundPassage
from services.documents.domain.splitting import estimate_tokens
from services.documents.domain.terms import terms_of, words_with_terms

# Of the words of both, so many shared: the same text but for a date or a number of a page.
TWIN_SHARE: Final = 0.9
# Below so few words, two passages are alike by chance.
MIN_TWIN_WORDS: Final = 8


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Found passages that follow one another in a document, shown as one.

    Attributes:
        best: The one that was found first.
        passages: All of them, in reading order.
    """

    best: FoundPassage
    passages: tuple[FoundPassage, ...]

    @property
    def text(self) -> str:
        """The texts of the passages, a blank line between them."""
        return "\n\n".join(passage.text for passage in self.passages)


def without_twins(passages: Sequence[FoundPassage]) -> tuple[FoundPassage, ...]:
    """Leave out passages that say what a better one says, and number the rest from 1."""
    kept: list[FoundPassage] = []
    seen: list[frozenset[str]] = []
    for passage in passages:
        # On the path of every question: words as they stand, where stems would cost ten times.
        words = frozenset(passage.text.lower().split())
        if any(_alike(words, other) for other in seen):
            continue
        seen.append(words)
        kept.append(replace(passage, number=len(kept) + 1))
    return tuple(kept)


def within_budget(
    passages: Iterable[FoundPassage], max_tokens: int | None
) -> tuple[FoundPassage, ...]:
    """Keep the best passages that fit the budget together; the best one in any case."""
    if max_tokens is None:
        return tuple(passages)
    kept: list[FoundPassage] = []
    left = max_tokens
    for passage in passages:
        left -= estimate_tokens(passage.text)
        if kept and left < 0:
            break
        kept.append(passage)
    return tuple(kept)


def stretches_of(passages: Sequence[FoundPassage]) -> list[Stretch]:
    """Put neighbours together, in the order of the best of each stretch."""
    by_place = {(one.document_id, one.document_version, one.position): one for one in passages}
    stretches: list[Stretch] = []
    placed: set[int] = set()
    for passage in passages:
        if passage.number in placed:
            continue
        document = (passage.document_id, passage.document_version)
        first = last = passage.position
        while (*document, first - 1) in by_place:
            first -= 1
        while (*document, last + 1) in by_place:
            last += 1
        run = tuple(by_place[(*document, position)] for position in range(first, last + 1))
        placed.update(one.number for one in run)
        stretches.append(Stretch(best=passage, passages=run))
    return stretches


def highlights(query: str, text: str, *, limit: int = 50) -> list[tuple[int, int]]:
    """Return the spans of the text's words that share a stem with a word of the query."""
    wanted = terms_of(query).keys()
    spans = (span for span, terms in words_with_terms(text) if not wanted.isdisjoint(terms))
    return [span for span, _ in zip(spans, range(limit), strict=False)]


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    fewer, more = sorted((len(one), len(other)))
    if fewer < MIN_TWIN_WORDS:
        return one == other
    if fewer < TWIN_SHARE * more:
        return False
    shared = len(one & other)
    return shared >= TWIN_SHARE * (fewer + more - shared)

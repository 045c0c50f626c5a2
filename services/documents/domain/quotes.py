"""Sentences to quote: those of the found passages that share most with a question."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from services.documents.domain.search import FoundPassage, Quote
from services.documents.domain.sentences import sentence_spans
from services.documents.domain.terms import terms_of

MIN_SENTENCE_CHARS = 20
MAX_SENTENCE_CHARS = 600
# Shorter ones ("2nd", "5kg") are rather quantities.
MIN_CODE_CHARS = 5
_HAS_DIGIT = re.compile(r"\d").search
_HAS_LETTER = re.compile(r"[^\W\d_]").search


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A sentence of a passage; its span is one of the passage's own text."""

    passage: FoundPassage
    start: int
    end: int

    @property
    def text(self) -> str:
        """The sentence as it stands in the passage."""
        return self.passage.text[self.start : self.end]

    def quoted(self, score: float) -> Quote:
        """Return the sentence as a quote, placed in its document."""
        return Quote(
            passage_number=self.passage.number,
            char_start=self.passage.char_start + self.start,
            char_end=self.passage.char_start + self.end,
            text=self.text,
            score=score,
        )


def sentences_of(passage: FoundPassage) -> Iterator[Sentence]:
    """Yield the passage's sentences that are worth quoting, in order."""
    for start, end in sentence_spans(passage.text):
        if MIN_SENTENCE_CHARS <= end - start <= MAX_SENTENCE_CHARS and any(
            character.isalpha() for character in passage.text[start:end]
        ):
            yield Sentence(passage=passage, start=start, end=end)


def likeliest(
    question: str, passages: Sequence[FoundPassage], *, limit: int
) -> list[tuple[Sentence, float]]:
    """Return the sentences that share most with the question, best first.

    The score, 0 to 1, is the share of the question's terms that a sentence has, a little less
    for the sentences of later passages; shorter terms count less, since they say less. Who asks
    for a code, such as a policy's number, gets no sentence about another code of its kind.
    """
    weights = {term: min(len(term), 8) for term in terms_of(question)}
    total = sum(weights.values()) or 1
    codes = _codes_in(weights)
    naming, others = [], []
    for rank, passage in enumerate(passages):
        for sentence in sentences_of(passage):
            terms = terms_of(sentence.text).keys()
            score = sum(weights[term] for term in weights.keys() & terms) / total
            entry = (sentence, score * (1 - 0.05 * min(rank, 10)))
            if codes.keys() & terms:
                naming.append(entry)
            else:
                others.append((entry, _codes_in(terms)))
    kinds = set(codes.values()) if naming else set()
    scored = naming + [entry for entry, own in others if kinds.isdisjoint(own.values())]
    scored.sort(key=lambda pair: -pair[1])
    return scored[:limit]


def _codes_in(terms: Iterable[str]) -> dict[str, str]:
    """Return the terms that are codes, each with its kind: `ms.exo.14.3v2` is `a.a.9.9a9`."""
    return {
        term: re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", term))
        for term in terms
        if len(term) >= MIN_CODE_CHARS and _HAS_DIGIT(term) and _HAS_LETTER(term)
    }

"""Citations: from the markers in a model's answer to places in documents.

A model is shown numbered passages and cites `[Source n]`. Nothing it writes is taken on trust:
a marker for a passage that it was not shown is removed, and a sentence whose words do not stand
in the passages is flagged.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.conversations.domain.answers import Citation, Source
from services.conversations.domain.figures import figures, joined
from services.conversations.domain.knowledge import Passage
from services.conversations.domain.words import content_words, is_negated, sentence_spans

# A model may write anything, a hundred thousand blanks too: the look-behind and the possessive
# quantifiers keep the time linear.
_MARKER: Final = re.compile(
    r"(?<![ \t])[ \t]*+\[\s*+source\s*+:?\s*+"
    r"(\d++(?:\s*+(?:,|;|and|&)\s*+(?:source\s*+)?\d++)*+)\s*+\]",
    re.IGNORECASE,
)
_BARE_MARKER: Final = re.compile(r"(?<![ \t])[ \t]*+\[\s*+(\d++(?:\s*+,\s*+\d++)*+)\s*+\]")
# Below this share of its words, a sentence is not what the passage says. Tuned by eye: a
# paraphrase keeps well over half, an invention seldom more than a third.
MIN_SUPPORT: Final = 0.5
_MIN_WORDS: Final = 3
# Of so much of the shorter one's words, two sentences are about the same.
_NEARLY_SAME: Final = 0.75
_MAX_WARNINGS: Final = 20

_Sentence = tuple[int, int, set[str]]
"""Where a sentence of a passage begins and ends, and its content words."""


@dataclass(frozen=True, slots=True)
class CitedText:
    """An answer with its markers resolved."""

    text: str
    citations: Sequence[Citation]
    warnings: Sequence[str]
    _said: set[str] = field(repr=False)
    _held: "_HeldWords" = field(repr=False)

    @property
    def support(self) -> float:
        """The share of the answer's content words that stand in the passages, 0..1."""
        if not self._said:
            return 0.0
        return len(self._said & self._held.by_all()) / len(self._said)


class _HeldWords:
    """The content words of passages, found when they are first asked for: most never are."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._texts = {passage.number: passage.text for passage in passages}
        self._words: dict[int, set[str]] = {}

    def by(self, numbers: Iterable[int]) -> set[str]:
        """Return the words of some passages."""
        return set().union(*(self._of(number) for number in numbers))

    def by_all(self) -> set[str]:
        """Return the words of all passages."""
        return self.by(self._texts)

    def _of(self, number: int) -> set[str]:
        if number not in self._words:
            self._words[number] = content_words(self._texts[number])
        return self._words[number]


def marker(number: int) -> str:
    """Return the marker of a source as answers carry it."""
    return f"[Source {number}]"


def without_markers(text: str) -> str:
    """Return a document's text in which nothing looks like a marker of ours."""
    if "[" not in text:
        return text
    return _MARKER.sub(lambda match: match.group().replace("[", "(").replace("]", ")"), text)


def resolve_citations(
    text: str, passages: Sequence[Passage], *, bare_markers: bool = False
) -> CitedText:
    """Resolve each marker to document, version, page and span; drop the unknown ones.

    Args:
        text: The model's answer.
        passages: What the model was shown.
        bare_markers: `[2]` counts as a marker too, as small models write it.
    """
    known = {passage.number: passage for passage in passages}
    warnings: list[str] = []
    unknown: set[int] = set()

    def normalised(match: re.Match[str]) -> str:
        found = [int(digits) for digits in re.findall(r"\d+", match.group(1)[:200])]
        unknown.update(number for number in found if number not in known)
        kept = [marker(number) for number in dict.fromkeys(found) if number in known]
        return f" {' '.join(kept)}" if kept else ""

    text = _MARKER.sub(normalised, text)
    if bare_markers:
        text = _BARE_MARKER.sub(normalised, text)
    text = text.strip()
    if unknown:
        listed = ", ".join(str(number) for number in sorted(unknown)[:_MAX_WARNINGS])
        warnings.append(f"Removed references to sources that do not exist: {listed}.")

    citations: dict[tuple[int, int], Citation] = {}
    held = _HeldWords(passages)
    sentences: dict[int, list[_Sentence]] = {}
    said: set[str] = set()
    for sentence, cited in _cited_sentences(text):
        words = content_words(sentence)
        said |= words
        for number in cited:
            if number not in sentences:
                sentences[number] = _sentences_of(known[number])
            citation = _locate(words, known[number], sentences[number])
            citations.setdefault((number, citation.char_start), citation)
        if len(words) < _MIN_WORDS:
            continue
        where = held.by(cited) if cited else held.by_all()
        if len(words & where) < MIN_SUPPORT * len(words):
            place = "the sources it cites" if cited else "the documents"
            warnings.append(f"Not supported by {place}: “{_shortened(sentence)}”")
        warnings += _wrong_figures(sentence, [known[number] for number in cited], passages)
        for number in cited:
            if _says_the_opposite(sentence, words, sentences[number], known[number]):
                warnings.append(
                    f"Source {number} seems to say the opposite of this: “{_shortened(sentence)}”"
                )
    return CitedText(text, list(citations.values()), warnings[:_MAX_WARNINGS], said, held)


def offered_sources(passages: Sequence[Passage], citations: Sequence[Citation]) -> list[Source]:
    """List the passages of an answer, marking those it cites."""
    cited = {citation.source_number for citation in citations}
    return [
        Source(
            source_number=passage.number,
            document_id=passage.document_id,
            document_name=passage.name,
            url=passage.url,
            page=passage.page,
            cited=passage.number in cited,
        )
        for passage in passages
    ]


def _wrong_figures(
    sentence: str, cited: Sequence[Passage], passages: Sequence[Passage]
) -> list[str]:
    """Return warnings for numbers, dates and measures that no source has, or not the cited one."""
    own = figures(sentence)
    if not (own.numbers or own.dates):
        return []
    # Nearly always the cited sources have them all, and nothing else needs to be read.
    elsewhere = own.missing_in(joined(passage.text for passage in cited)) if cited else []
    if cited and not elsewhere:
        return []
    nowhere = own.missing_in(joined(passage.text for passage in passages))
    if nowhere:
        listed = ", ".join(nowhere[:_MAX_WARNINGS])
        return [f"Numbers that stand in no source: {listed}."]
    if not cited:
        return []
    listed = ", ".join(elsewhere[:_MAX_WARNINGS])
    return [f"Numbers that the cited sources do not have: {listed}."]


def _says_the_opposite(
    sentence: str, words: set[str], sentences: Sequence[_Sentence], passage: Passage
) -> bool:
    """Whether the sentence of the source that is closest to this one differs by a negation."""
    start, end, own = max(
        sentences,
        key=lambda one: len(words & one[2]) / (len(one[2]) ** 0.5 or 1),
        default=(0, 0, set()),
    )
    shared = len(words & own)
    if shared < _MIN_WORDS or shared < _NEARLY_SAME * min(len(words), len(own)):
        return False
    return is_negated(sentence) != is_negated(passage.text[start:end])


def _cited_sentences(text: str) -> list[tuple[str, list[int]]]:
    """Pair each sentence with the markers in or right behind it."""
    result: list[tuple[str, list[int]]] = []
    for start, end in sentence_spans(text):
        piece = text[start:end]
        found = [int(match.group(1)) for match in _MARKER.finditer(piece)]
        sentence = _MARKER.sub("", piece).strip()
        if not content_words(sentence):
            # Markers behind the full stop belong to the sentence before.
            if found and result:
                result[-1][1].extend(found)
            continue
        leading = _leading_markers(piece)
        if leading and result:
            result[-1][1].extend(leading)
            found = found[len(leading) :]
        result.append((sentence, found))
    return result


def _leading_markers(piece: str) -> list[int]:
    found = []
    position = 0
    while match := _MARKER.match(piece, position):
        found.append(int(match.group(1)))
        position = match.end()
    return found


def _sentences_of(passage: Passage) -> list[_Sentence]:
    spans = sentence_spans(passage.text)
    return [(start, end, content_words(passage.text[start:end])) for start, end in spans]


def _locate(words: set[str], passage: Passage, sentences: Sequence[_Sentence]) -> Citation:
    """Find the sentence of the passage that says most of what the answer's sentence says."""
    start, end, best_score = 0, len(passage.text), 0.0
    for sentence_start, sentence_end, own in sentences:
        score = len(words & own) / (len(own) ** 0.5) if own else 0.0
        if score > best_score:
            start, end, best_score = sentence_start, sentence_end, score
    return Citation(
        source_number=passage.number,
        document_id=passage.document_id,
        document_version=passage.document_version,
        passage_id=passage.passage_id,
        page=passage.page,
        char_start=passage.char_start + start,
        char_end=passage.char_start + end,
        quote=passage.text[start:end],
        name=passage.name,
        url=passage.url,
    )


def _shortened(sentence: str, *, limit: int = 120) -> str:
    return sentence if len(sentence) <= limit else f"{sentence[: limit - 1]}…"

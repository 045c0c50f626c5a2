"""Answers without a chat model: verified quotes, and saying so when there is nothing to quote."""

from collections.abc import Sequence
from typing import Final

from services.conversations.domain.answers import Answer, AnswerMode, Citation
from services.conversations.domain.citations import marker, offered_sources, without_markers
from services.conversations.domain.knowledge import Knowledge, Passage, Quote
from services.conversations.domain.words import content_words, sentence_spans

MAX_QUOTES: Final = 3
# What answers less than half as well as the best sentence is about something else.
_WORTH_QUOTING: Final = 0.5
_MAX_QUOTE_CHARACTERS: Final = 600
_NEAREST: Final = 3
_OUT_OF_REACH: Final = (
    "The knowledge base is out of reach at the moment, so I cannot answer from the documents. "
    "Please try again shortly."
)


def verified_quotes(knowledge: Knowledge) -> list[tuple[Quote, Passage]]:
    """Keep the quotes whose text is, letter for letter, what stands at their place.

    Of these, keep those that answer nearly as well as the best.
    """
    passages = {passage.number: passage for passage in knowledge.passages}
    kept = []
    for quote in knowledge.quotes:
        passage = passages.get(quote.passage_number)
        if passage is None:
            continue
        start, end = quote.char_start - passage.char_start, quote.char_end - passage.char_start
        if 0 <= start < end <= len(passage.text) and passage.text[start:end] == quote.text:
            kept.append((quote, passage))
    best = max((quote.score for quote, _ in kept), default=0.0)
    return [(quote, passage) for quote, passage in kept if quote.score >= best * _WORTH_QUOTING]


def best_sentences(question: str, passages: Sequence[Passage], *, limit: int) -> list[Quote]:
    """Pick the sentences that share most words with the question, best first.

    For when search has no opinion on sentences; the spans are exact by construction.
    """
    wanted = content_words(question)
    scored: list[tuple[float, int, Quote]] = []
    for rank, passage in enumerate(passages):
        for start, end in sentence_spans(passage.text):
            own = content_words(passage.text[start:end])
            if not own:
                continue
            # A long sentence meets more words by chance; an early passage was judged better.
            score = len(wanted & own) / len(own) ** 0.25 / (1 + 0.1 * rank)
            quote = Quote(
                passage.number,
                passage.char_start + start,
                passage.char_start + end,
                passage.text[start:end],
            )
            scored.append((-score, rank, quote))
    scored.sort(key=lambda entry: entry[:2])
    return [quote for _, _, quote in scored[:limit]]


def extractive_answer(
    question: str, knowledge: Knowledge, *, warnings: Sequence[str], because: str = ""
) -> Answer:
    """Answer in quotes, each with its source.

    Args:
        question: Used to choose sentences when search gave no quotes.
        knowledge: Has at least one passage.
        warnings: Why there is no generated answer, and what search had to say.
        because: One sentence that stands above the quotes, for what the reader should know.
    """
    quotes = verified_quotes(knowledge)
    if not quotes:
        chosen = best_sentences(question, knowledge.passages, limit=MAX_QUOTES)
        passages = {passage.number: passage for passage in knowledge.passages}
        quotes = [(quote, passages[quote.passage_number]) for quote in chosen]
    if not quotes:
        return refusal(knowledge, warnings=warnings)
    citations = [_citation(quote, passage) for quote, passage in quotes[:MAX_QUOTES]]
    lines = [because] if because else []
    lines += [
        f"“{_shown(citation.quote)}” {marker(citation.source_number)}" for citation in citations
    ]
    return Answer(
        text="\n\n".join(lines),
        mode=AnswerMode.EXTRACTIVE,
        citations=citations,
        sources=offered_sources(knowledge.passages, citations),
        warnings=[*warnings, *knowledge.warnings],
    )


def refusal(knowledge: Knowledge, *, warnings: Sequence[str] = ()) -> Answer:
    """Say that the documents do not hold the answer, and which come nearest."""
    if not knowledge.available:
        text = _OUT_OF_REACH
    else:
        names = list(dict.fromkeys(passage.name for passage in knowledge.passages))[:_NEAREST]
        text = "I could not find an answer to this in the documents."
        if names:
            text += f" The nearest ones are: {', '.join(names)}."
    return Answer(
        text=text,
        mode=AnswerMode.REFUSED,
        sources=offered_sources(knowledge.passages[:_NEAREST], []),
        warnings=[*warnings, *knowledge.warnings],
    )


def _citation(quote: Quote, passage: Passage) -> Citation:
    return Citation(
        source_number=passage.number,
        document_id=passage.document_id,
        document_version=passage.document_version,
        passage_id=passage.passage_id,
        page=passage.page,
        char_start=quote.char_start,
        char_end=quote.char_end,
        quote=quote.text,
        name=passage.name,
        url=passage.url,
    )


def _shown(text: str) -> str:
    """Put a quote on one line; a very long one is cut, and the cut is shown."""
    line = without_markers(" ".join(text.split()))
    return line if len(line) <= _MAX_QUOTE_CHARACTERS else f"{line[: _MAX_QUOTE_CHARACTERS - 2]} …"

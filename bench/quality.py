"""`make eval`: how well the platform finds and answers, asked through its public API.

    make eval DATA=folder

The folder has `questions.jsonl` and the documents in `docs/`; without one, the demo's handbook is
asked about. A line of questions: `question`, `answers` (any one will do), `evidence` (`doc`, and
`page` where there are pages), `answerable`. Runs on a scratch platform with the local models, and
with whatever chat model the environment names; without one, answers are quotes. It prints a table
and writes `eval.html`: the same with plots, and with what went wrong.
"""

import argparse
import os
import re
import sys
import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from bench.api import Api, median, quantile
from bench.claims import measure
from bench.report import page
from bench.stack import scratch_platform

_HANDBOOK: Final = Path(__file__).with_name("handbook") / "questions.jsonl"
_HANDBOOK_PDF: Final = Path(__file__).resolve().parents[1] / "ops" / "demo" / "handbook.pdf"
_INDEXING_SECONDS: Final = 1_800.0
_BEST: Final = 5


@dataclass(frozen=True)
class Question:
    """A question, and what is known about its answer.

    Attributes:
        places: The documents that answer it, with the page where there are pages.
    """

    id: str
    text: str
    answers: Sequence[str]
    places: Sequence[tuple[str, int | None]]
    answerable: bool


@dataclass(frozen=True)
class Dataset:
    """Documents and questions about them."""

    documents: Sequence[Path]
    questions: Sequence[Question]

    @classmethod
    def load(cls, folder: Path | None) -> "Dataset":
        """Read a folder; None is the handbook."""
        if folder is None:
            return cls([_HANDBOOK_PDF], list(_questions(_HANDBOOK)))
        documents = sorted(path for path in (folder / "docs").iterdir() if path.is_file())
        return cls(documents, list(_questions(folder / "questions.jsonl")))


@dataclass
class Scores:
    """What came of the questions; a list holds one value for each question that it concerns."""

    document_found: list[bool] = field(default_factory=list)
    page_found: list[bool] = field(default_factory=list)
    near_page_found: list[bool] = field(default_factory=list)
    reciprocal_ranks: list[float] = field(default_factory=list)
    answered: list[bool] = field(default_factory=list)
    cited: list[bool] = field(default_factory=list)
    citation_precision: list[float] = field(default_factory=list)
    citation_recall: list[float] = field(default_factory=list)
    refused: list[bool] = field(default_factory=list)
    refused_wrongly: list[bool] = field(default_factory=list)
    search_seconds: list[float] = field(default_factory=list)
    first_text_seconds: list[float] = field(default_factory=list)
    answer_seconds: list[float] = field(default_factory=list)
    missed: list[tuple[str, str, str]] = field(default_factory=list)

    def shares(self) -> dict[str, tuple[float, int]]:
        """Return each measure's mean, 0 to 1, with the number of questions it is about."""
        named: dict[str, Sequence[float]] = {
            f"the document is among the best {_BEST} passages": self.document_found,
            f"the page is among the best {_BEST} passages": self.page_found,
            f"the page or a neighbour is among the best {_BEST}": self.near_page_found,
            "mean reciprocal rank of the document": self.reciprocal_ranks,
            "the answer holds an accepted one": self.answered,
            "the answer cites a document that answers it": self.cited,
            "citations: to documents that answer it (precision)": self.citation_precision,
            "documents that answer it: cited (recall)": self.citation_recall,
            "unanswerable: the agent says so": self.refused,
            "answerable, but the agent says it is not": self.refused_wrongly,
        }
        return {
            name: (sum(values) / len(values), len(values))
            for name, values in named.items()
            if values
        }

    def times(self) -> dict[str, list[float]]:
        """Return the seconds of each kind of wait."""
        return {
            "search": self.search_seconds,
            "first text": self.first_text_seconds,
            "whole answer": self.answer_seconds,
        }

    def lines(self) -> Iterator[str]:
        """Yield the report in Markdown."""
        yield "| measure | value | of |"
        yield "|---|---|---|"
        for name, (value, count) in self.shares().items():
            shown = f"{value:.2f}" if "rank" in name else f"{100 * value:.0f} %"
            yield f"| {name} | {shown} | {count} |"
        for name, seconds in self.times().items():
            if seconds:
                middle, slow = 1_000 * median(seconds), 1_000 * quantile(seconds, 0.95)
                yield f"| {name}, p50 / p95 | {middle:,.0f} / {slow:,.0f} ms | {len(seconds)} |"


def evaluate(api: Api, dataset: Dataset, *, verbose: bool) -> Scores:
    """Upload the documents, ask every question, and compare."""
    agent_id = api.make_agent("Evaluation")
    for path in dataset.documents:
        api.upload(agent_id, {path.name: path.read_bytes()})
    api.wait_until_indexed(
        agent_id, len(dataset.documents), seconds=_INDEXING_SECONDS, pause_seconds=0.5
    )
    # The first question wakes what sleeps; it is not counted.
    api.search(agent_id, "hello")
    scores = Scores()
    for question in dataset.questions:
        _search(api, agent_id, question, scores)
        right, content = _ask(api, agent_id, question, scores)
        shown = " ".join(content.split())[:160]
        if not right:
            scores.missed.append((question.id, question.text, shown))
        if verbose:
            print(f"{'ok  ' if right else 'MISS'} {question.id}: {question.text} → {shown}")
    return scores


def _search(api: Api, agent_id: str, question: Question, scores: Scores) -> None:
    started = time.monotonic()
    found = [hit["metadata"] for hit in api.search(agent_id, question.text, limit=_BEST)]
    scores.search_seconds.append(time.monotonic() - started)
    if not question.answerable:
        return
    documents = {name for name, _ in question.places}
    scores.document_found.append(any(hit["document_name"] in documents for hit in found))
    ranks = [rank for rank, hit in enumerate(found, 1) if hit["document_name"] in documents]
    scores.reciprocal_ranks.append(1 / ranks[0] if ranks else 0.0)
    pages = {(name, page) for name, page in question.places if page is not None}
    if pages:
        scores.page_found.append(any((hit["document_name"], hit["page"]) in pages for hit in found))
        near = {(name, page + step) for name, page in pages for step in (-1, 0, 1)}
        scores.near_page_found.append(
            any((hit["document_name"], hit["page"]) in near for hit in found)
        )


def _ask(api: Api, agent_id: str, question: Question, scores: Scores) -> tuple[bool, str]:
    """Ask, and return whether the answer is right, and what it says."""
    conversation_id = api.make_conversation(agent_id)
    started = time.monotonic()
    first: list[float] = []
    message = api.ask(
        conversation_id, question.text, on_text=lambda: first.append(time.monotonic() - started)
    )
    scores.answer_seconds.append(time.monotonic() - started)
    scores.first_text_seconds += first
    content: str = message["content"]
    refused = message["metadata"].get("mode") == "refused"
    if not question.answerable:
        scores.refused.append(refused)
        return refused, content
    told = any(_plain(answer) in _plain(content) for answer in question.answers)
    scores.answered.append(told)
    scores.refused_wrongly.append(refused)
    documents = {name for name, _ in question.places}
    cited = [one["document_name"] for one in message["citations"]]
    scores.cited.append(any(name in documents for name in cited))
    if cited:
        scores.citation_precision.append(sum(name in documents for name in cited) / len(cited))
    if documents:
        scores.citation_recall.append(len(documents & set(cited)) / len(documents))
    return told, content


def _plain(text: str) -> str:
    """Return a text's words and numbers alone: what punctuation and line ends do not change."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"\w+", folded))


def _questions(path: Path) -> Iterator[Question]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            row: dict[str, Any] = orjson.loads(line)
            yield Question(
                id=str(row.get("id", "")),
                text=row["question"],
                answers=row["answers"],
                places=[(one["doc"], one.get("page")) for one in row.get("evidence", ())],
                answerable=row["answerable"],
            )


def main() -> int:
    """Evaluate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, help="a folder; the handbook without one")
    parser.add_argument(
        "--html", type=Path, default=Path("eval.html"), help="where the page with plots goes"
    )
    parser.add_argument("--verbose", action="store_true", help="show each question")
    given = parser.parse_args()
    dataset = Dataset.load(given.data)
    local_chat = os.environ.get("LOCAL_CHAT", "extractive")
    with scratch_platform(LOCAL_CHAT=local_chat) as platform:
        platform.up()
        with Api.for_new_company(platform.url) as api:
            scores = evaluate(api, dataset, verbose=given.verbose)
    print("\n".join([*scores.lines(), "", *measure().lines()]))
    title = f"Evaluation of {given.data or 'the handbook'}"
    given.html.write_text(
        page(title=title, shares=scores.shares(), times=scores.times(), missed=scores.missed),
        encoding="utf-8",
    )
    print(f"\nWith plots: {given.html}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

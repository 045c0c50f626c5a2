"""Finding passages: embed the query, search by meaning and words, confirm, rerank, quote."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import structlog

from services.documents.domain.arranging import within_budget, without_twins
from services.documents.domain.errors import DocumentNotFound, RerankUnavailable
from services.documents.domain.ports import Agents, PassageFinder, QueryReader, Reranker
from services.documents.domain.quotes import likeliest
from services.documents.domain.readers import Reader
from services.documents.domain.scripts import is_latin, shares_words
from services.documents.domain.search import (
    RERANK_CANDIDATES,
    FoundPassage,
    Quote,
    SearchFilter,
    SearchOutcome,
)
from services.documents.repositories.unit_of_work import OpenUnitOfWork

log = structlog.get_logger(__name__)

# Sentences that the reranker reads for quotes.
QUOTE_CANDIDATES: Final = 16
NO_FILTER: Final = SearchFilter()
# Nobody asks in a novel; beyond this the embedding model would cut anyway.
MAX_QUERY_CHARS: Final = 4000


@dataclass(frozen=True, kw_only=True)
class SearchPassages:
    """Return the passages of an agent's documents that answer a query best."""

    tenant_id: UUID
    reader: Reader
    unit_of_work: OpenUnitOfWork
    agents: Agents
    queries: QueryReader
    passages: PassageFinder
    reranker: Reranker | None
    gate: float
    reranks_latin_only: bool = True

    async def __call__(
        self,
        query: str,
        *,
        agent_id: UUID,
        limit: int,
        wanted: SearchFilter = NO_FILTER,
        quotes: int = 0,
        rerank: bool = True,
        max_tokens: int | None = None,
    ) -> SearchOutcome:
        """Search one agent's documents.

        Args:
            query: A question or some words.
            agent_id: Whose documents; must be the tenant's.
            limit: How many passages at most.
            wanted: Which documents it is about.
            quotes: How many sentences of them to quote at most.
            rerank: Let the reranker, where there is one, order the passages and judge whether
                the best of them is relevant at all.
            max_tokens: How long the passages may be together; None for as long as they are.

        Raises:
            AgentNotFound: The tenant has no such agent.
            DocumentNotFound: One that the search is about is none of the agent's.
            VectorStoreUnavailable: The knowledge base is out of reach.
            EmbeddingUnavailable: And EmbeddingRejected: the query cannot be embedded.
        """
        query = query.strip()[:MAX_QUERY_CHARS]
        knowledge = await self.agents.find(self.tenant_id, agent_id)
        read = await self.queries.read(self.tenant_id, query, choice=knowledge.embedding)
        reranker = self.reranker if rerank else None
        candidates = max(limit, RERANK_CANDIDATES) if reranker else limit
        document_ids = None
        if wanted.asks_the_rows:
            async with self.unit_of_work(read_only=True) as uow:
                named = wanted.document_ids
                if named and not await uow.documents.has_all(agent_id, named):
                    raise DocumentNotFound
                document_ids = await uow.documents.ids_matching(agent_id, wanted)
        passages = await self.passages.find(
            self.tenant_id,
            read,
            agent_id=agent_id,
            reader=self.reader,
            document_ids=document_ids,
            limit=candidates,
        )
        judged = reranker is not None and self._can_judge(query, passages)
        warnings: tuple[str, ...] = ()
        if reranker is not None and judged:
            try:
                return await self._judged(
                    query, passages, reranker, limit=limit, quotes=quotes, max_tokens=max_tokens
                )
            except RerankUnavailable as error:
                log.warning("rerank_skipped", reason=error.code)
                warnings = (error.code,)
        passages = within_budget(without_twins(passages)[:limit], max_tokens)
        relevant = None
        if reranker is not None and not judged:
            relevant = shares_words(query, passages)
        return SearchOutcome(
            passages=passages,
            relevant=relevant,
            quotes=_lexical_quotes(query, passages, limit=quotes),
            warnings=warnings,
        )

    def _can_judge(self, query: str, passages: Sequence[FoundPassage]) -> bool:
        """Tell whether the reranker can read the question, and something of what was found."""
        if not self.reranks_latin_only or not passages:
            return True
        return is_latin(query) and any(is_latin(passage.text) for passage in passages)

    def _readable(
        self, passages: Sequence[FoundPassage]
    ) -> tuple[list[FoundPassage], list[FoundPassage]]:
        """Part what the reranker can read from what it cannot."""
        readable: list[FoundPassage] = []
        unread: list[FoundPassage] = []
        for passage in passages:
            can = not self.reranks_latin_only or is_latin(passage.text)
            (readable if can else unread).append(passage)
        return readable, unread

    async def _judged(
        self,
        query: str,
        passages: Sequence[FoundPassage],
        reranker: Reranker,
        *,
        limit: int,
        quotes: int,
        max_tokens: int | None,
    ) -> SearchOutcome:
        passages = without_twins(passages)
        if not passages:
            return SearchOutcome(relevant=False)
        found_first = passages[0]
        passages, unread = self._readable(passages)
        scores = await reranker.rerank(query, [passage.text for passage in passages])
        # Python's sort keeps equals in the order of the search.
        ranked = sorted(zip(passages, scores, strict=True), key=lambda pair: -pair[1])
        # What it cannot read comes behind, as search has ordered it.
        ranked = [*ranked, *((passage, 0.0) for passage in unread)][:limit]
        best = within_budget(
            (
                replace(passage, number=number, rerank_score=score)
                for number, (passage, score) in enumerate(ranked, start=1)
            ),
            max_tokens,
        )
        best_score = ranked[0][1]
        relevant: bool | None = best_score >= self.gate
        if not relevant and unread and found_first in unread:
            # What search liked best could not be judged.
            relevant = None
        quoted: tuple[Quote, ...] = ()
        if quotes and relevant:
            quoted = await _reranked_quotes(query, best, reranker, limit=quotes)
        return SearchOutcome(passages=best, quotes=quoted, relevant=relevant, best_score=best_score)


async def _reranked_quotes(
    query: str, passages: Sequence[FoundPassage], reranker: Reranker, *, limit: int
) -> tuple[Quote, ...]:
    candidates = [sentence for sentence, _ in likeliest(query, passages, limit=QUOTE_CANDIDATES)]
    if not candidates:
        return ()
    scores = await reranker.rerank(query, [sentence.text for sentence in candidates])
    ranked = sorted(zip(candidates, scores, strict=True), key=lambda pair: -pair[1])
    return tuple(sentence.quoted(score) for sentence, score in ranked[:limit])


def _lexical_quotes(
    query: str, passages: Sequence[FoundPassage], *, limit: int
) -> tuple[Quote, ...]:
    if not limit:
        return ()
    ranked = likeliest(query, passages, limit=limit)
    return tuple(sentence.quoted(score) for sentence, score in ranked if score > 0)

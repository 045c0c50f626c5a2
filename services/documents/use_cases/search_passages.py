"""Finding passages: embed the query, search by meaning and words, confirm, rerank, quote."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import structlog

from services.documents.domain.errors import RerankUnavailable
from services.documents.domain.ports import Agents, PassageFinder, QueryReader, Reranker
from services.documents.domain.quotes import likeliest
from services.documents.domain.search import (
    RERANK_CANDIDATES,
    FoundPassage,
    Quote,
    SearchOutcome,
)

log = structlog.get_logger(__name__)

# Sentences that the reranker reads for quotes.
QUOTE_CANDIDATES: Final = 16
# Nobody asks in a novel; beyond this the embedding model would cut anyway.
MAX_QUERY_CHARS: Final = 4000


@dataclass(frozen=True, kw_only=True)
class SearchPassages:
    """Return the passages of an agent's documents that answer a query best."""

    tenant_id: UUID
    agents: Agents
    queries: QueryReader
    passages: PassageFinder
    reranker: Reranker | None
    gate: float

    async def __call__(
        self, query: str, *, agent_id: UUID, limit: int, quotes: int = 0, rerank: bool = True
    ) -> SearchOutcome:
        """Search one agent's documents.

        Args:
            query: A question or some words.
            agent_id: Whose documents; must be the tenant's.
            limit: How many passages at most.
            quotes: How many sentences of them to quote at most.
            rerank: Let the reranker, where there is one, order the passages and judge whether
                the best of them is relevant at all.

        Raises:
            AgentNotFound: The tenant has no such agent.
            VectorStoreUnavailable: The knowledge base is out of reach.
            EmbeddingUnavailable: And EmbeddingRejected: the query cannot be embedded.
        """
        query = query.strip()[:MAX_QUERY_CHARS]
        knowledge = await self.agents.find(self.tenant_id, agent_id)
        read = await self.queries.read(self.tenant_id, query, choice=knowledge.embedding)
        reranker = self.reranker if rerank else None
        wanted = max(limit, RERANK_CANDIDATES) if reranker else limit
        passages = await self.passages.find(self.tenant_id, read, agent_id=agent_id, limit=wanted)
        if reranker is not None:
            try:
                return await self._judged(query, passages, reranker, limit=limit, quotes=quotes)
            except RerankUnavailable as error:
                log.warning("rerank_skipped", reason=error.code)
                warnings: tuple[str, ...] = (error.code,)
        else:
            warnings = ()
        passages = passages[:limit]
        return SearchOutcome(
            passages=passages,
            quotes=_lexical_quotes(query, passages, limit=quotes),
            warnings=warnings,
        )

    async def _judged(
        self,
        query: str,
        passages: Sequence[FoundPassage],
        reranker: Reranker,
        *,
        limit: int,
        quotes: int,
    ) -> SearchOutcome:
        if not passages:
            return SearchOutcome(relevant=False)
        scores = await reranker.rerank(query, [passage.text for passage in passages])
        # Python's sort keeps equals in the order of the search.
        ranked = sorted(zip(passages, scores, strict=True), key=lambda pair: -pair[1])[:limit]
        best = tuple(
            replace(passage, number=number, rerank_score=score)
            for number, (passage, score) in enumerate(ranked, start=1)
        )
        best_score = ranked[0][1]
        relevant = best_score >= self.gate
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

"""Queries as vectors and terms, with those asked lately at hand.

People repeat their questions, and clients their searches; an embedding costs a call to a model.
"""

from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

from services.documents.domain.ports import EmbedderFactory, EmbeddingChoice, ReadQuery

Key = tuple[UUID, str, str]


class RememberedQueries:
    """Fulfils `QueryReader`; keeps the last queries of each process.

    Args:
        embedder_for: Gives the embedder of an agent's choice.
        terms_of: Gives the terms of a text, as the passages' were made.
        size: How many queries are kept; one takes 2 to 12 KiB.
    """

    def __init__(
        self,
        embedder_for: EmbedderFactory,
        terms_of: Callable[[str], dict[str, int]],
        *,
        size: int = 2000,
    ) -> None:
        self._embedder_for = embedder_for
        self._terms_of = terms_of
        self._size = size
        self._kept: OrderedDict[Key, ReadQuery] = OrderedDict()

    async def read(
        self, tenant_id: UUID, query: str, *, choice: EmbeddingChoice | None
    ) -> ReadQuery:
        """Return the query in the space of an agent's embedding model."""
        embedder = self._embedder_for(choice)
        key = (tenant_id, embedder.space.name, query)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept
        vectors = await embedder.embed([query], kind="query")
        read = ReadQuery(
            space=embedder.space, vector=vectors[0], terms=tuple(self._terms_of(query))
        )
        self._kept[key] = read
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return read

"""Asking both embedding spaces the same questions, before one takes the place of the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.documents.domain.moves import Compared, Probe, TwoModels, share
from services.documents.domain.ports import EmbedderFactory, PassageFinder, ReadQuery
from services.documents.domain.readers import EVERYTHING
from services.documents.domain.search import FoundPassage
from services.documents.domain.terms import terms_of
from services.documents.repositories.unit_of_work import OpenUnitOfWork

BEST: Final = 5
# Of a passage, so many words from its middle are the question.
_WORDS: Final = 14

Found = Sequence[FoundPassage]


@dataclass(frozen=True, kw_only=True)
class CompareSpaces:
    """Measure a tenant's two spaces side by side."""

    tenant_id: UUID
    unit_of_work: OpenUnitOfWork
    models: TwoModels
    embedder_for: EmbedderFactory
    passages: PassageFinder

    async def __call__(self, probes: Sequence[Probe] = (), *, sample: int = 100) -> Compared:
        """Ask each question of both spaces.

        Args:
            probes: Questions with what should be found; without any, pieces of `sample` passages
                are asked for, each of which should find its passage again.
            sample: How many passages at most.

        Raises:
            EmbeddingUnavailable: And EmbeddingRejected: one of the models is no use.
            VectorStoreUnavailable: The store is out of reach.
        """
        async with self.unit_of_work() as uow:
            place, _ = await uow.moves.held()
            drawn = [] if probes else await uow.moves.sample(sample)
        probes = probes or [
            Probe(agent_id=agent_id, question=_middle(text), passage_id=passage_id)
            for passage_id, agent_id, text in drawn
        ]
        live, other = self.models.live(place), self.models.other(place)
        embedders = [self.embedder_for(choice) for choice in (live, other)]
        found: list[list[bool]] = [[], []]
        meant: list[list[bool]] = [[], []]
        agreements = []
        for probe in probes:
            asked: list[Found] = []
            for number, embedder in enumerate(embedders):
                vector = (await embedder.embed([probe.question], kind="query"))[0]
                words = tuple(terms_of(probe.question))
                by_meaning = ReadQuery(space=embedder.space, vector=vector, terms=())
                as_asked = ReadQuery(space=embedder.space, vector=vector, terms=words)
                asked.append(await self._find(probe, as_asked))
                found[number].append(_is_found(probe, asked[-1]))
                meant[number].append(_is_found(probe, await self._find(probe, by_meaning)))
            agreements.append(_agreement(*asked))
        return Compared(
            probes=len(probes),
            found=(share(found[0]), share(found[1])),
            found_by_meaning=(share(meant[0]), share(meant[1])),
            agreement=sum(agreements) / len(agreements) if agreements else 0.0,
        )

    async def _find(self, probe: Probe, query: ReadQuery) -> Found:
        return await self.passages.find(
            self.tenant_id, query, agent_id=probe.agent_id, reader=EVERYTHING, limit=BEST
        )


def _middle(text: str) -> str:
    words = text.split()
    start = max(0, (len(words) - _WORDS) // 2)
    return " ".join(words[start : start + _WORDS])


def _is_found(probe: Probe, found: Found) -> bool:
    if probe.passage_id is not None:
        return any(one.passage_id == probe.passage_id for one in found)
    return any(one.document_name in probe.documents for one in found)


def _agreement(first: Found, second: Found) -> float:
    """Return the share of the passages that both name, of those that either names at most."""
    ids: list[set[UUID]] = [{one.passage_id for one in found} for found in (first, second)]
    most = max(map(len, ids))
    return len(ids[0] & ids[1]) / most if most else 1.0

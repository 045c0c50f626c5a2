"""From one embedding model to another and back, in both stores: nothing is lost on the way."""

import warnings
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
from qdrant_client import AsyncQdrantClient

from services.documents.adapters.moving_agents import MovingAgents
from services.documents.adapters.queries import RememberedQueries
from services.documents.adapters.vectors.pgvector import PgVectorStore
from services.documents.adapters.vectors.pgvector_inventory import PgVectorInventory
from services.documents.adapters.vectors.qdrant import QdrantStore
from services.documents.adapters.vectors.qdrant_inventory import QdrantInventory
from services.documents.domain.errors import SpaceMoved, SpaceNotFull, SpaceNotKept
from services.documents.domain.jobs import FillVectors
from services.documents.domain.moves import Place, Probe, TwoModels
from services.documents.domain.ports import Embedder, EmbeddingChoice
from services.documents.domain.readers import EVERYTHING
from services.documents.domain.reconciling import VectorInventory
from services.documents.domain.terms import terms_of
from services.documents.models import Document
from services.documents.repositories.found_passages import FindInBoth
from services.documents.repositories.moves import MoveLookup
from services.documents.repositories.reconciling import KnowledgeState
from services.documents.use_cases.compare_spaces import CompareSpaces
from services.documents.use_cases.drop_space import DropSpace
from services.documents.use_cases.fill_space import FillSpace, TellFilling
from services.documents.use_cases.flip_space import FlipSpace
from services.documents.use_cases.moving_agents import FindMovingAgents
from services.documents.use_cases.reconcile import Reconcile
from tests.documents.cast import KnownAgents, MemoryBlobs, Tenant, WordEmbedder
from tests.documents.library import Library, unheard

RETURNS = "# Returns\nReturns are accepted for thirty days after delivery.\n"
SHIPPING = "# Shipping\nParcels leave within two days of payment.\n"
WARRANTY = "# Warranty\nThe warranty covers seven years of use.\n"


def choice(model: str, dimension: int) -> EmbeddingChoice:
    return EmbeddingChoice(
        provider="platform", model=model, dimension=dimension, base_url="http://x/v1", api_key=None
    )


MODELS = TwoModels(first=choice("words", 384), second=choice("better words", 512))
OLD, NEW = MODELS.names


class TwoEmbedders(WordEmbedder):
    """Fulfils `EmbedderFactory`: the first model, and one of another dimension."""

    def __init__(self) -> None:
        super().__init__()
        self.other = WordEmbedder(dimension=512, model="better words")

    def __call__(self, choice: EmbeddingChoice | None) -> Embedder:
        wanted = choice is not None and choice.model == self.other.space.model
        return self.other if wanted else self


@dataclass
class Shop:
    """A tenant on the move."""

    library: Library
    embedders: TwoEmbedders
    inventory: VectorInventory

    @property
    def tenant(self) -> Tenant:
        return self.library.tenant

    @property
    def moving(self) -> FindMovingAgents:
        return FindMovingAgents(
            tenant_id=self.tenant.id,
            unit_of_work=self.tenant.unit_of_work,
            agents=self.library.agents,
            models=MODELS,
        )

    async def fill(self) -> int:
        """Queue what is lacking, and do these jobs once."""
        queue = FillSpace(
            unit_of_work=self.tenant.unit_of_work, models=MODELS, moving_agents=self.moving
        )
        queued = await queue()
        for job in await queued_fills(self.tenant):
            await self.library.fill(job.document_id, version=job.version, beside=job.beside)
        return queued

    async def told(self) -> tuple[str, int, int]:
        filling = await TellFilling(
            unit_of_work=self.tenant.unit_of_work, models=MODELS, moving_agents=self.moving
        )()
        return filling.live, filling.documents, filling.lacking

    async def flip(self, *, back: bool = False) -> bool:
        flip = FlipSpace(
            unit_of_work=self.tenant.unit_of_work, models=MODELS, moving_agents=self.moving
        )
        changed = await flip(back=back)
        # What a process believes for two seconds.
        self.library.agents._known.clear()  # type: ignore[attr-defined]
        return changed

    def drop(self, *, settle_seconds: float = 0) -> DropSpace:
        return DropSpace(
            tenant_id=self.tenant.id,
            unit_of_work=self.tenant.unit_of_work,
            models=MODELS,
            moving_agents=self.moving,
            inventory=self.inventory,
            settle_seconds=settle_seconds,
        )

    def compare(self) -> CompareSpaces:
        vectors, database = self.library.vectors, self.tenant.database
        return CompareSpaces(
            tenant_id=self.tenant.id,
            unit_of_work=self.tenant.unit_of_work,
            models=MODELS,
            embedder_for=self.embedders,
            passages=FindInBoth(database=database, vectors=vectors),
        )

    async def disagreements(self, *, filling: bool = True) -> list[str]:
        reconcile = Reconcile(
            tenant_id=self.tenant.id,
            unit_of_work=self.tenant.unit_of_work,
            state=KnowledgeState(database=self.tenant.database),
            inventory=self.inventory,
            blobs=self.library.blobs,
            filling=MODELS.spaces if filling else (),
            settle_seconds=0,
        )
        return [str(finding.kind) for finding in await reconcile(repair=False)]

    async def spaces(self, document: Document) -> list[str]:
        """Return the space of each of a document's vectors, the store's own name of it."""
        points = await self.inventory.points_of(self.tenant.id, [document.id])
        return sorted(point.space for point in points)

    def labels(self, *names: str) -> list[str]:
        spaces = {space.name: self.inventory.label(space) for space in MODELS.spaces}
        return sorted(spaces[name] for name in names)

    async def searched_in(self, query: str) -> tuple[str, list[str]]:
        """Search as people do; return where, and what was found."""
        library = self.library
        knowledge = await library.agents.find(self.tenant.id, self.tenant.agent_id)
        read = await RememberedQueries(self.embedders, terms_of).read(
            self.tenant.id, query, choice=knowledge.embedding
        )
        found = await FindInBoth(database=self.tenant.database, vectors=library.vectors).find(
            self.tenant.id, read, agent_id=self.tenant.agent_id, reader=EVERYTHING, limit=1
        )
        return read.space.name, [passage.text for passage in found]


async def queued_fills(tenant: Tenant) -> list[FillVectors]:
    """Take the queued jobs out of the queue."""
    async with tenant.database.lean(tenant.id) as connection:
        rows = await connection.fetch(
            "DELETE FROM jobs WHERE tenant_id = $1 AND kind = $2 RETURNING payload::text",
            tenant.id,
            FillVectors.kind,
        )
    return [FillVectors.model_validate_json(row[0]) for row in rows]


@pytest.fixture(params=["pgvector", "qdrant"])
async def shop(
    request: pytest.FixtureRequest, acme: Tenant, blobs: MemoryBlobs, agents: KnownAgents
) -> AsyncIterator[Shop]:
    """A tenant whose platform has two models, and no document yet."""
    embedders = TwoEmbedders()
    moving: Any = MovingAgents(agents, models=MODELS, places=MoveLookup(database=acme.database))
    with warnings.catch_warnings():
        # Qdrant's in-memory form has no payload indexes and says so.
        warnings.simplefilter("ignore", UserWarning)
        client = AsyncQdrantClient(":memory:")
        stores: dict[str, tuple[Any, VectorInventory]] = {
            "pgvector": (PgVectorStore(acme.database), PgVectorInventory(acme.database)),
            "qdrant": (QdrantStore(client), QdrantInventory(client)),
        }
        store, inventory = stores[request.param]
        yield Shop(Library(acme, blobs, moving, store, embedder=embedders), embedders, inventory)
        await client.close()


async def add_before_the_move(shop: Shop, text: str, *, filename: str) -> Document:
    """Index a document as a platform with one model does."""
    shop.embedders.other.down = True
    document = await shop.library.add_indexed(text, filename=filename)
    shop.embedders.other.down = False
    return document


class TestMoving:
    async def test_there_and_back_and_there_for_good(self, shop: Shop) -> None:
        old = await add_before_the_move(shop, RETURNS, filename="returns.md")
        assert await shop.spaces(old) == shop.labels(OLD)
        assert await shop.told() == (OLD, 1, 1)
        with pytest.raises(SpaceNotFull):
            await shop.flip()

        # What comes in meanwhile is written to both.
        new = await shop.library.add_indexed(SHIPPING, filename="shipping.md")
        assert await shop.spaces(new) == shop.labels(OLD, NEW)
        assert await shop.fill() == 1
        assert await shop.told() == (OLD, 2, 0)
        assert await shop.spaces(old) == shop.labels(OLD, NEW)
        assert await shop.searched_in("delivery") == (OLD, [RETURNS.splitlines()[1]])

        assert await shop.flip() is True
        assert await shop.flip() is False
        assert await shop.searched_in("delivery") == (NEW, [RETURNS.splitlines()[1]])
        assert (await shop.tenant.get(old.id)).embedding_model == "better words"
        # Both are kept after the flip too, so that there is a way back.
        later = await shop.library.add_indexed(WARRANTY, filename="warranty.md")
        assert await shop.spaces(later) == shop.labels(OLD, NEW)
        assert (await shop.tenant.get(later.id)).embedding_space == NEW
        assert await shop.disagreements() == []

        assert await shop.flip(back=True) is True
        assert await shop.searched_in("warranty") == (OLD, [WARRANTY.splitlines()[1]])
        assert await shop.flip() is True
        assert await shop.drop()() == 3
        for document in (old, new, later):
            assert await shop.spaces(document) == shop.labels(NEW)
        assert await shop.searched_in("warranty") == (NEW, [WARRANTY.splitlines()[1]])
        assert await shop.disagreements(filling=False) == []
        with pytest.raises(SpaceNotKept):
            await shop.flip(back=True)

    async def test_a_fill_that_was_stopped_goes_on(self, shop: Shop) -> None:
        first = await add_before_the_move(shop, RETURNS, filename="returns.md")
        second = await add_before_the_move(shop, SHIPPING, filename="shipping.md")
        await shop.library.fill(first.id, version=1, beside=True)
        assert await shop.told() == (OLD, 2, 1)

        assert await shop.fill() == 1

        assert await shop.spaces(second) == shop.labels(OLD, NEW)
        assert await shop.told() == (OLD, 2, 0)
        assert await shop.fill() == 0

    async def test_what_changes_and_goes_meanwhile(self, shop: Shop) -> None:
        gone = await add_before_the_move(shop, RETURNS, filename="returns.md")
        await shop.library.delete(gone.id)
        await shop.library.purge(gone.id, version=1)
        await shop.library.fill(gone.id, version=1, beside=True)
        assert await shop.spaces(gone) == []

        kept = await shop.library.add_indexed(SHIPPING, filename="shipping.md")
        await shop.library.delete(kept.id)
        await shop.library.purge(kept.id, version=1)

        assert await shop.spaces(kept) == []
        assert await shop.told() == (OLD, 0, 0)
        assert await shop.disagreements() == []

    async def test_what_is_lost_of_either_space_is_told_and_made_again(self, shop: Shop) -> None:
        document = await shop.library.add_indexed(RETURNS)
        label = shop.labels(NEW)[0]
        points = await shop.inventory.points_of(shop.tenant.id, [document.id])
        await shop.inventory.delete(shop.tenant.id, [one for one in points if one.space == label])
        assert await shop.disagreements() == ["vectors_missing"]

        await shop.library.fill(document.id, version=1)

        assert await shop.disagreements() == []

    async def test_vectors_of_a_fill_under_way_are_no_strays(self, shop: Shop) -> None:
        document = await shop.library.add_indexed(RETURNS)
        async with shop.tenant.unit_of_work() as uow:
            await uow.moves.note_left([document.id], MODELS.second.space)

        assert await shop.disagreements() == []
        assert await shop.disagreements(filling=False) == ["vectors_orphaned"]

    async def test_a_model_of_an_agents_own_stays_out_of_it(
        self, shop: Shop, agents: KnownAgents, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def own(tenant_id: UUID, agent_id: UUID, *, fresh: bool = False) -> Any:
            found = await find(tenant_id, agent_id)
            return replace(found, embedding=replace(MODELS.first))

        find = agents.find
        monkeypatch.setattr(agents, "find", own)
        document = await shop.library.add_indexed(RETURNS)

        assert await shop.spaces(document) == shop.labels(OLD)
        assert await shop.told() == (OLD, 0, 0)
        assert await shop.flip() is True
        assert await shop.searched_in("delivery") == (OLD, [RETURNS.splitlines()[1]])
        assert await shop.drop()() == 0
        assert await shop.spaces(document) == shop.labels(OLD)

    async def test_nobody_gives_up_what_is_searched_still(self, shop: Shop) -> None:
        document = await shop.library.add_indexed(RETURNS)
        await shop.flip()

        with pytest.raises(SpaceNotKept):
            await shop.drop(settle_seconds=30)()

        assert await shop.spaces(document) == shop.labels(OLD, NEW)

    async def test_who_came_after_the_flip_keeps_the_space_to_move_to(self, shop: Shop) -> None:
        document = await shop.library.add_indexed(RETURNS)

        with pytest.raises(SpaceNotKept, match="searched still"):
            await shop.drop()()
        assert await shop.spaces(document) == shop.labels(OLD, NEW)
        assert await shop.flip() is True
        with pytest.raises(SpaceNotKept, match="searched still"):
            await shop.drop()(back=True)

        assert await shop.spaces(document) == shop.labels(OLD, NEW)

    async def test_a_move_can_be_given_up(self, shop: Shop) -> None:
        document = await shop.library.add_indexed(RETURNS)

        assert await shop.drop()(back=True) == 1

        assert await shop.spaces(document) == shop.labels(OLD)
        assert await shop.searched_in("delivery") == (OLD, [RETURNS.splitlines()[1]])

    @pytest.mark.parametrize("back", [False, True])
    async def test_an_agent_that_chose_the_model_meanwhile_keeps_its_vectors(
        self, shop: Shop, agents: KnownAgents, monkeypatch: pytest.MonkeyPatch, back: bool
    ) -> None:
        document = await shop.library.add_indexed(RETURNS)
        if not back:
            await shop.flip()
        chosen = MODELS.second if back else MODELS.first

        async def own(tenant_id: UUID, agent_id: UUID, *, fresh: bool = False) -> Any:
            return replace(await find(tenant_id, agent_id), embedding=replace(chosen))

        find = agents.find
        monkeypatch.setattr(agents, "find", own)

        assert await shop.drop()(back=back) == 0

        assert await shop.spaces(document) == shop.labels(OLD, NEW)
        where = chosen.space.name
        assert await shop.searched_in("delivery") == (where, [RETURNS.splitlines()[1]])

    @pytest.mark.parametrize("ended", [False, True])
    async def test_whom_an_earlier_move_left_behind_moves_at_once(
        self, shop: Shop, ended: bool
    ) -> None:
        async with shop.tenant.unit_of_work() as uow:
            await uow.moves.note(Place(live=OLD if ended else "older/384", ended=ended))
        await shop.library.add_indexed(RETURNS)
        assert await shop.told() == (OLD, 1, 1)

        assert await shop.fill() == 1

        assert await shop.told() == (OLD, 1, 0)
        assert await shop.flip() is True


class TestRaces:
    async def test_a_document_that_missed_the_flip_is_tried_again(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its second model was away, and its space went live before it was shown."""
        document = await shop.library.add(RETURNS)
        shop.embedders.other.down = True
        embed = shop.embedders.embed

        async def flipping(*args: Any, **kwargs: Any) -> Any:
            async with shop.tenant.unit_of_work() as uow:
                await uow.moves.note(Place(live=NEW, ended=False))
            return await embed(*args, **kwargs)

        monkeypatch.setattr(shop.embedders, "embed", flipping)
        with pytest.raises(SpaceMoved):
            await shop.library.run(document)
        assert (await shop.tenant.get(document.id)).live_version is None
        shop.embedders.other.down = False
        shop.library.agents._known.clear()  # type: ignore[attr-defined]

        await shop.library.index(document.id, version=1, tell_progress=unheard)

        assert (await shop.tenant.get(document.id)).embedding_space == NEW
        assert await shop.searched_in("delivery") == (NEW, [RETURNS.splitlines()[1]])

    async def test_one_that_was_begun_before_the_move_is_in_both(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with shop.tenant.unit_of_work() as uow:
            await uow.moves.note(Place(live=OLD, ended=True))
        document = await shop.library.add(RETURNS)
        embed = shop.embedders.embed

        async def beginning(*args: Any, **kwargs: Any) -> Any:
            async with shop.tenant.unit_of_work() as uow:
                await uow.moves.note(Place(live=OLD, ended=False))
            shop.library.agents._known.clear()  # type: ignore[attr-defined]
            return await embed(*args, **kwargs)

        monkeypatch.setattr(shop.embedders, "embed", beginning)

        await shop.library.run(document)

        shown = await shop.tenant.get(document.id)
        assert (shown.embedding_space, shown.second_space) == (OLD, NEW)

    async def test_one_that_has_both_is_shown_where_people_search_by_now(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        document = await shop.library.add(RETURNS)
        embed = shop.embedders.embed

        async def flipping(*args: Any, **kwargs: Any) -> Any:
            async with shop.tenant.unit_of_work() as uow:
                await uow.moves.note(Place(live=NEW, ended=False))
            return await embed(*args, **kwargs)

        monkeypatch.setattr(shop.embedders, "embed", flipping)

        await shop.library.run(document)

        shown = await shop.tenant.get(document.id)
        assert (shown.embedding_space, shown.second_space) == (NEW, OLD)


class TestComparing:
    async def test_pieces_of_passages_find_them_again_in_both(self, shop: Shop) -> None:
        for number, text in enumerate((RETURNS, SHIPPING, WARRANTY)):
            await shop.library.add_indexed(text, filename=f"{number}.md")

        compared = await shop.compare()(sample=10)

        assert compared.probes == 3
        assert compared.found == (1.0, 1.0)
        assert compared.found_by_meaning == (1.0, 1.0)
        assert compared.agreement == 1.0

    async def test_a_model_that_knows_nothing_is_found_out(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(12):
            await shop.library.add_indexed(f"# Fact {number}\nword{number}\n", filename=f"{number}")
        agent = shop.tenant.agent_id
        probes = [
            Probe(agent_id=agent, question=f"word{number}", documents=frozenset([str(number)]))
            for number in range(12)
        ]
        known = WordEmbedder(dimension=512, model="better words")

        async def mistaken(texts: Any, *, kind: Any) -> Any:
            return await known.embed(["nonsense" for _ in texts], kind=kind)

        monkeypatch.setattr(shop.embedders.other, "embed", mistaken)

        compared = await shop.compare()(probes)

        assert compared.found_by_meaning[0] == 1.0
        assert compared.found_by_meaning[1] < 0.7
        assert compared.found[0] == 1.0

import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from sqlalchemy import text

from services.documents.domain.documents import Stage, Status
from services.documents.domain.errors import (
    DocumentNotFound,
    EmbeddingUnavailable,
    VectorStoreUnavailable,
)
from services.documents.domain.ports import EmbeddingChoice, ParsedDocument, Passage
from services.documents.domain.splitting import split_into_passages
from services.documents.repositories.passages import PassageRepository
from services.documents.use_cases import index_document
from tests.documents.cast import Tenant, WordEmbedder
from tests.documents.library import Library, unheard

HANDBOOK = """# Returns
Returns are accepted for thirty days after delivery.

# Shipping
Parcels are sent from Rotterdam every morning.
"""


OTHER = EmbeddingChoice(
    provider="openai", model="other", dimension=384, base_url="http://x/v1", api_key=None
)


class Killed(BaseException):
    """Stands for a process that dies."""


async def events_of(tenant: Tenant) -> list[str]:
    async with tenant.unit_of_work() as uow:
        return list((await uow.session.scalars(text("SELECT name FROM outbox ORDER BY id"))).all())


async def passage_count(tenant: Tenant) -> int:
    async with tenant.unit_of_work() as uow:
        return len((await uow.session.scalars(text("SELECT id FROM passages"))).all())


class TestIndexDocument:
    async def test_is_found_by_its_own_tenant_only(
        self, library: Library, other_library: Library
    ) -> None:
        await library.add_indexed(HANDBOOK)

        assert any("Rotterdam" in found for found in await library.found("parcels Rotterdam"))
        assert await other_library.found("parcels Rotterdam") == []

    async def test_notes_what_it_found(self, library: Library, acme: Tenant) -> None:
        document = await library.add_indexed(HANDBOOK)

        assert document.status == Status.PROCESSED
        assert document.stage == Stage.DONE
        assert document.live_version == 1
        assert document.word_count == 19
        assert document.passage_count == await passage_count(acme)
        assert document.embedding_model == "words"
        assert await events_of(acme) == ["document.indexed"]

    async def test_running_twice_changes_nothing(self, library: Library, acme: Tenant) -> None:
        document = await library.add_indexed(HANDBOOK)
        before = await passage_count(acme), len(library.vectors.points)

        await library.run(document)

        assert (await passage_count(acme), len(library.vectors.points)) == before
        assert await events_of(acme) == ["document.indexed"]

    @pytest.mark.parametrize("point", ["read", "parsed", "embedded", "upserted", "stored"])
    async def test_ends_the_same_after_a_death_at_any_point(
        self, library: Library, acme: Tenant, monkeypatch: pytest.MonkeyPatch, point: str
    ) -> None:
        document = await library.add(HANDBOOK)
        die_at(point, library, monkeypatch)
        with pytest.raises(Killed):
            await library.run(document)
        monkeypatch.undo()
        assert await library.found("parcels Rotterdam") == []

        await library.run(document)

        assert len(await library.found("parcels Rotterdam")) == await passage_count(acme)
        assert len(library.vectors.points) == await passage_count(acme)
        assert await events_of(acme) == ["document.indexed"]

    @pytest.mark.parametrize(
        ("content", "code"),
        [("%locked", "encrypted_document"), ("\n", "no_text")],
    )
    async def test_a_bad_file_ends_failed_with_a_reason(
        self, library: Library, acme: Tenant, content: str, code: str
    ) -> None:
        document = await library.add_indexed(content)

        assert document.status == Status.FAILED
        assert document.reason_code == code
        assert document.processing_error
        assert await events_of(acme) == ["document.failed"]

    async def test_a_missing_file_ends_failed(self, library: Library) -> None:
        document = await library.add(HANDBOOK)
        library.blobs.kept.clear()

        await library.run(document)

        assert (await library.tenant.get(document.id)).reason_code == "file_missing"

    async def test_an_outage_leaves_it_for_later(self, library: Library) -> None:
        document = await library.add(HANDBOOK)
        library.embedder.down = True
        with pytest.raises(EmbeddingUnavailable):
            await library.run(document)
        library.embedder.down, library.vectors.down = False, True
        with pytest.raises(VectorStoreUnavailable):
            await library.run(document)
        library.vectors.down = False

        assert (await library.tenant.get(document.id)).status == Status.PROCESSING
        await library.run(document)
        assert (await library.tenant.get(document.id)).status == Status.PROCESSED

    async def test_leaves_a_superseded_version_alone(self, library: Library) -> None:
        document = await library.add(HANDBOOK)

        await library.run(document, version=2)

        assert (await library.tenant.get(document.id)).status == Status.PENDING
        assert library.vectors.points == {}

    async def test_a_deletion_meanwhile_leaves_no_vectors(
        self, library: Library, acme: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        document = await library.add(HANDBOOK)
        embed = library.embedder.embed

        async def delete_then_embed(*args: object, **kwargs: object) -> object:
            await library.delete(document.id)
            await library.purge(document.id, version=1)
            return await embed(*args, **kwargs)  # type: ignore[arg-type]  # passed through

        monkeypatch.setattr(library.embedder, "embed", delete_then_embed)
        await library.run(document)

        assert library.vectors.points == {}
        assert await passage_count(acme) == 0
        assert await events_of(acme) == ["document.deleted"]

    async def test_a_death_before_the_withdrawal_leaves_no_vectors(
        self, library: Library, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        document = await library.add(HANDBOOK)
        upsert = library.vectors.upsert

        async def upsert_and_die(*args: object, **kwargs: object) -> None:
            await library.delete(document.id)
            await library.purge(document.id, version=1)
            await upsert(*args, **kwargs)
            raise Killed

        with monkeypatch.context() as patched, pytest.raises(Killed):
            patched.setattr(library.vectors, "upsert", upsert_and_die)
            await library.run(document)
        assert library.vectors.points != {}
        await library.run(document)

        assert library.vectors.points == {}

    async def test_follows_its_agent_into_another_space(
        self, library: Library, acme: Tenant
    ) -> None:
        document = await library.add(HANDBOOK)
        other = WordEmbedder(model="other")
        embed = library.embedder.embed

        async def change_then_embed(*args: object, **kwargs: object) -> object:
            library.agents.embedding = OTHER
            return await embed(*args, **kwargs)  # type: ignore[arg-type]  # passed through

        library.embedder.embed = change_then_embed  # type: ignore[method-assign,assignment]  # a stand-in for one call
        index = replace(
            library.index, embedder_for=lambda choice: other if choice else library.embedder
        )
        await index(document.id, version=1, tell_progress=unheard)

        assert (await acme.get(document.id)).embedding_model == "other"

    async def test_a_large_document_leaves_the_loop_alone(
        self, library: Library, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        in_loop = []

        def noting(parsed: ParsedDocument) -> list[Passage]:
            in_loop.append(threading.current_thread() is threading.main_thread())
            return split_into_passages(parsed)

        monkeypatch.setattr(index_document, "split_into_passages", noting)
        await library.add_indexed(HANDBOOK)
        monkeypatch.setattr(index_document, "_THREAD_ABOVE_CHARS", 10)
        await library.add_indexed(f"{HANDBOOK}\nAnd more.")

        assert in_loop == [True, False]

    async def test_large_documents_tell_their_progress(
        self, library: Library, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(index_document, "BATCH_SIZE", 2)
        text_ = "\n".join(f"# Part {n}\n" + f"Sentence {n} says this. " * 60 for n in range(5))
        document = await library.add(text_)
        heard: list[float] = []

        async def hear(share: float, stage: Stage) -> None:
            now = await library.tenant.get(document.id)
            assert (now.status, now.stage) == (Status.PROCESSING, stage)
            heard.append(now.progress)

        await library.index(document.id, version=1, tell_progress=hear)

        assert heard == sorted(heard)
        assert heard[0] == 0
        assert len(heard) >= 3


def die_at(point: str, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process die when it has reached a point of the work."""

    def after(step: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def done(*args: object, **kwargs: object) -> object:
            await step(*args, **kwargs)
            raise Killed

        return done

    if point == "read":

        async def die(*args: object, **kwargs: object) -> object:
            raise Killed

        monkeypatch.setattr(library.agents, "find", die)
    elif point == "parsed":

        def killed(*args: object) -> object:
            raise Killed

        monkeypatch.setattr(index_document, "split_into_passages", killed)
    elif point == "embedded":
        monkeypatch.setattr(library.embedder, "embed", after(library.embedder.embed))
    elif point == "upserted":
        monkeypatch.setattr(library.vectors, "upsert", after(library.vectors.upsert))
    else:
        replace = PassageRepository.replace

        async def die_in_transaction(*args: object, **kwargs: object) -> None:
            await replace(*args, **kwargs)  # type: ignore[arg-type]  # passed through
            raise Killed

        monkeypatch.setattr(PassageRepository, "replace", die_in_transaction)


class TestLifeCycle:
    async def test_another_tenants_document_cannot_be_deleted(
        self, library: Library, other_library: Library
    ) -> None:
        document = await library.add_indexed(HANDBOOK)

        with pytest.raises(DocumentNotFound):
            await other_library.delete(document.id)

        assert await library.found("parcels Rotterdam")

    async def test_a_deleted_document_is_hidden_at_once_then_purged(self, library: Library) -> None:
        document = await library.add_indexed(HANDBOOK)

        await library.delete(document.id)

        assert await library.found("parcels Rotterdam") == []
        await library.purge(document.id, version=1)
        assert library.vectors.points == {}

    async def test_a_restored_document_is_found_again(self, library: Library) -> None:
        document = await library.add_indexed(HANDBOOK)
        await library.delete(document.id)

        restored = await library.restore(document.id)
        assert restored.version == 2
        await library.run(document, version=2)
        # The purge of the deletion comes late, and spares what was restored.
        await library.purge(document.id, version=1)

        assert await library.found("parcels Rotterdam")
        assert {p.document_version for _, p in library.vectors.points.values()} == {2}

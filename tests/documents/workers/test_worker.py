"""The worker's parts together: jobs from the queue, and what an agent's change leads to."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from libs.common.events import Event, EventEnvelope
from libs.common.events.catalogue.agents import (
    AgentDeleted,
    AgentRestored,
    AgentUpdated,
    SettingsUpdated,
)
from libs.common.jobs.runner import JobRunner
from libs.common.resources import Resources
from services.documents.domain.documents import Status
from services.documents.domain.errors import VersionNotFound
from services.documents.domain.ports import EmbeddingChoice, ParsedDocument
from services.documents.models import Document
from services.documents.settings import Settings
from services.documents.wiring import Wiring, erase_deleted, purge_versions, sweep_store
from services.documents.workers.events import HANDLERS
from services.documents.workers.jobs import JobHandlers
from tests.conftest import DatabaseUrls, ServiceEnvironment
from tests.documents.cast import (
    NOON,
    Form,
    KnownAgents,
    LineParser,
    MemoryBlobs,
    MemoryVectors,
    Tenant,
    WordEmbedder,
    new_agent_id,
)

TEXT = b"# Returns\nReturns are accepted for thirty days after delivery.\n"


@pytest.fixture
async def resources(
    service_environment: ServiceEnvironment,
    fresh_database_urls: DatabaseUrls,
    redis: Redis,
    tmp_path: Path,
) -> AsyncIterator[Resources]:
    """The connections of a worker, with a database of its own."""
    urls = fresh_database_urls("documents")
    environment: dict[str, Any] = {
        name.lower(): value for name, value in service_environment("documents").items()
    }
    environment |= {"primary_db_url": urls.primary, "worker_db_url": urls.worker}
    settings = Settings(
        **environment,
        object_store_url=f"file://{tmp_path}",
        embedding_base_url="http://127.0.0.1:9/v1",
        qdrant_url=None,
        rerank_url=None,
    )
    async with Resources.open(settings) as opened:
        yield opened


@pytest.fixture
def tenant(resources: Resources) -> Tenant:
    """A company."""
    return Tenant(uuid4(), new_agent_id(), resources.database)


@pytest.fixture
def agents(tenant: Tenant) -> KnownAgents:
    """The agents service."""
    return KnownAgents(tenant)


@pytest.fixture
async def wiring(
    resources: Resources, agents: KnownAgents, blobs: MemoryBlobs, vectors: MemoryVectors
) -> AsyncIterator[Wiring]:
    """The worker's parts, with stand-ins for models and stores."""
    async with Wiring.open(resources) as opened:
        yield replace(
            opened,
            agents=agents,
            blobs=blobs,
            vectors=vectors,
            embedder_for=WordEmbedder(),
        )


@pytest.fixture
def runner(resources: Resources, wiring: Wiring) -> JobRunner:
    """Does the jobs."""
    jobs = JobHandlers(wiring=wiring, parser=LineParser())
    return JobRunner(
        resources.database,
        resources.redis,
        "documents",
        jobs.by_kind,
        on_failed=jobs.on_failed,
        first_retry_seconds=0,
    )


class SlowScans(LineParser):
    """A parser whose scans take until they are told to end."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.finish = asyncio.Event()

    async def parse(
        self, content: bytes | Path, *, filename: str, scans: bool = True
    ) -> ParsedDocument:
        parsed = await super().parse(content, filename=filename, scans=scans)
        if parsed.text.startswith("%scan"):
            self.began.set()
            await self.finish.wait()
        return parsed


async def upload(wiring: Wiring, tenant: Tenant, *contents: bytes) -> list[Document]:
    files = [(f"{n}.md", content) for n, content in enumerate(contents)]
    outcome = await wiring.use_cases(tenant.id).upload_documents(Form(files, tenant.agent_id))
    return [item.document for item in outcome.accepted]


class TestJobs:
    async def test_an_upload_is_indexed_and_a_deletion_purged(
        self, wiring: Wiring, tenant: Tenant, runner: JobRunner, vectors: MemoryVectors
    ) -> None:
        good, bad = await upload(wiring, tenant, TEXT, b"%locked")

        await runner.drain()

        assert (await tenant.get(good.id)).status == Status.PROCESSED
        assert (await tenant.get(bad.id)).status == Status.FAILED
        assert vectors.points
        await wiring.use_cases(tenant.id).delete_document(good.id)
        await runner.drain()
        assert vectors.points == {}

    async def test_a_job_that_always_breaks_fails_its_document(
        self,
        wiring: Wiring,
        tenant: Tenant,
        runner: JobRunner,
        vectors: MemoryVectors,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        async def explode(*args: object) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr(vectors, "upsert", explode)
        [document] = await upload(wiring, tenant, TEXT)

        for _ in range(20):
            await runner.drain()

        failed = await tenant.get(document.id)
        assert (failed.status, failed.reason_code) == (Status.FAILED, "indexing_failed")
        assert failed.processing_error
        assert "bug" not in failed.processing_error


class TestScans:
    async def test_they_keep_nobody_elses_text_waiting(
        self, resources: Resources, wiring: Wiring, tenant: Tenant, agents: KnownAgents
    ) -> None:
        """Scans of as many tenants as there are hands, none of which is ever through."""
        parser = SlowScans()
        jobs = JobHandlers(wiring=wiring, parser=parser)
        database, redis = resources.database, resources.redis
        hands = JobRunner(database, redis, "documents", jobs.by_kind, concurrency=2)
        slow = JobRunner(database, redis, "documents-scans", jobs.slow, concurrency=1)
        scans = []
        for number in range(3):
            other = Tenant(uuid4(), new_agent_id(), resources.database)
            agents.known.add((other.id, other.agent_id))
            scans += [(other, one) for one in await upload(wiring, other, b"%%scan %d\n" % number)]
        await hands.drain()
        assert await slow.start_due() == 1
        await asyncio.wait_for(parser.began.wait(), timeout=10)

        [text_file] = await upload(wiring, tenant, TEXT)
        await hands.drain()

        assert (await tenant.get(text_file.id)).status == Status.PROCESSED
        states = [(await other.get(scan.id)).status for other, scan in scans]
        assert states == [Status.PROCESSING] * 3
        parser.finish.set()
        await slow.drain()
        states = [(await other.get(scan.id)).status for other, scan in scans]
        assert states == [Status.PROCESSED] * 3

    async def test_one_that_always_breaks_fails(
        self, wiring: Wiring, tenant: Tenant, resources: Resources, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def explode(*args: object) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr(wiring.vectors, "upsert", explode)
        jobs = JobHandlers(wiring=wiring, parser=LineParser())
        [document] = await upload(wiring, tenant, b"%scan\n")
        database, redis, failing = resources.database, resources.redis, jobs.on_failed
        await JobRunner(database, redis, "documents", jobs.by_kind, on_failed=failing).drain()
        slow = JobRunner(
            database, redis, "documents-scans", jobs.slow, on_failed=failing, first_retry_seconds=0
        )
        for _ in range(20):
            await slow.drain()

        failed = await tenant.get(document.id)
        assert (failed.status, failed.reason_code) == (Status.FAILED, "indexing_failed")


class TestEvents:
    @pytest.mark.parametrize("all_agents", [False, True])
    async def test_documents_follow_their_agent_into_another_space(
        self,
        wiring: Wiring,
        tenant: Tenant,
        runner: JobRunner,
        vectors: MemoryVectors,
        all_agents: bool,
    ) -> None:
        [document] = await upload(wiring, tenant, TEXT)
        await runner.drain()
        embedder = wiring.embedder_for(None)
        assert isinstance(embedder, WordEmbedder)
        embedder.space = replace(embedder.space, model="better words")

        await hear(tenant, all_agents=all_agents)
        await runner.drain()

        now = await tenant.get(document.id)
        assert (now.version, now.live_version, now.embedding_model) == (2, 2, "better words")
        assert {space.model for space, _ in vectors.points.values()} == {"better words"}

    async def test_an_unchanged_space_changes_nothing(
        self, wiring: Wiring, tenant: Tenant, runner: JobRunner
    ) -> None:
        [document] = await upload(wiring, tenant, TEXT)
        await runner.drain()

        await hear(tenant)
        await runner.drain()

        assert (await tenant.get(document.id)).version == 1

    async def test_documents_are_hidden_and_come_back_with_their_agent(
        self, wiring: Wiring, tenant: Tenant, runner: JobRunner, agents: KnownAgents
    ) -> None:
        [document] = await upload(wiring, tenant, TEXT)
        await runner.drain()

        agents.known.clear()
        await handle(tenant, AgentDeleted(agent_id=tenant.agent_id))
        await runner.drain()
        assert (await tenant.get(document.id)).deleted_at is not None

        agents.known.add((tenant.id, tenant.agent_id))
        await handle(tenant, AgentRestored(agent_id=tenant.agent_id))
        await runner.drain()
        back = await tenant.get(document.id)
        assert (back.deleted_at, back.status) == (None, Status.PROCESSED)


async def hear(tenant: Tenant, *, all_agents: bool = False) -> None:
    """Handle an event about the tenant's agent, or about its settings."""
    if all_agents:
        await handle(tenant, SettingsUpdated(settings_id=uuid4()))
    else:
        await handle(tenant, AgentUpdated(agent_id=tenant.agent_id))


async def handle(tenant: Tenant, event: Event) -> None:
    """Handle an event of the tenant's."""
    envelope = EventEnvelope(
        id=uuid4(),
        name=event.event_name,
        version=1,
        tenant_id=tenant.id,
        aggregate_id=None,
        aggregate_version=0,
        occurred_at=NOON,
        traceparent=None,
        payload={},
    )
    async with tenant.database.session(tenant.id) as session:
        await HANDLERS[type(event)](event, envelope, session)


class TestSweeps:
    async def test_files_without_a_row_go(
        self, wiring: Wiring, tenant: Tenant, blobs: MemoryBlobs
    ) -> None:
        [document] = await upload(wiring, tenant, TEXT)
        kept = dict(blobs.kept)
        blobs.kept[tenant.id, f"documents/{uuid4()}"] = b"orphan"
        blobs.kept[uuid4(), f"documents/{document.blob_id}"] = b"orphan of another tenant"
        blobs.kept[tenant.id, "exports/1"] = b"none of our business"

        assert await sweep_store(wiring)() == 0
        blobs.age_seconds = 90_000
        assert await sweep_store(wiring)() == 2

        assert blobs.kept == {**kept, (tenant.id, "exports/1"): b"none of our business"}

    async def test_earlier_files_stay_as_long_as_their_document(
        self,
        wiring: Wiring,
        tenant: Tenant,
        runner: JobRunner,
        blobs: MemoryBlobs,
        vectors: MemoryVectors,
    ) -> None:
        [document] = await upload(wiring, tenant, TEXT)
        await runner.drain()
        [again] = await upload(wiring, tenant, TEXT + b"More.\n")
        await runner.drain()
        blobs.age_seconds = 90_000

        assert again.id == document.id
        assert {point.document_version for _, point in vectors.points.values()} == {2}
        assert await sweep_store(wiring)() == 0
        assert len(blobs.kept) == 2
        await wiring.use_cases(tenant.id).delete_document(document.id)
        async with tenant.unit_of_work() as uow:
            found = await uow.documents.get(document.id)
            assert found is not None
            found.deleted_at = NOON
        assert await erase_deleted(wiring)() == 1
        assert blobs.kept == {}

    async def test_the_oldest_files_of_many_go(
        self, wiring: Wiring, tenant: Tenant, runner: JobRunner, blobs: MemoryBlobs
    ) -> None:
        for number in range(4):
            [document] = await upload(wiring, tenant, TEXT + b"More.\n" * number)
            await runner.drain()
        settings = wiring.settings.model_copy(update={"keep_versions": 2})
        keeping = replace(wiring, settings=settings)

        assert await purge_versions(keeping)() == 1
        assert await purge_versions(keeping)() == 0

        use = wiring.use_cases(tenant.id)
        assert len(blobs.kept) == 3
        with pytest.raises(VersionNotFound):
            await use.download_document(document.id, version=1)
        kept = [await use.download_document(document.id, version=one) for one in (2, 3, 4)]
        assert [file.size_bytes - len(TEXT) for file in kept] == [6, 12, 18]
        blobs.age_seconds = 90_000
        assert await sweep_store(wiring)() == 0

    async def test_the_file_that_search_shows_stays_while_newer_ones_fail(
        self, wiring: Wiring, tenant: Tenant, runner: JobRunner
    ) -> None:
        for number in range(4):
            [document] = await upload(wiring, tenant, TEXT + b"More.\n" * number)
            await runner.drain()
        async with tenant.unit_of_work() as uow:
            found = await uow.documents.get(document.id)
            assert found is not None
            # As if no file after the first could be read.
            found.live_version = 1
        keeping = replace(wiring, settings=wiring.settings.model_copy(update={"keep_versions": 0}))

        assert await purge_versions(keeping)() == 2

        use = wiring.use_cases(tenant.id)
        assert (await use.download_document(document.id, version=1)).size_bytes == len(TEXT)

    async def test_what_was_deleted_long_ago_is_erased(
        self,
        wiring: Wiring,
        tenant: Tenant,
        runner: JobRunner,
        blobs: MemoryBlobs,
    ) -> None:
        old, fresh = await upload(wiring, tenant, TEXT, TEXT + b"More.\n")
        await runner.drain()
        await wiring.use_cases(tenant.id).delete_documents([old.id, fresh.id])
        async with tenant.unit_of_work() as uow:
            document = await uow.documents.get(old.id)
            assert document is not None
            document.deleted_at = NOON

        assert await erase_deleted(wiring)() == 1

        assert list(blobs.kept) == [(tenant.id, f"documents/{fresh.blob_id}")]
        async with tenant.unit_of_work() as uow:
            assert await uow.documents.get(old.id) is None
            left = await uow.session.scalars(text("SELECT DISTINCT document_id FROM passages"))
            assert left.all() == [fresh.id]


def test_an_agents_choice_keeps_its_key_to_itself() -> None:
    choice = EmbeddingChoice(
        provider="openai", model="m", dimension=3, base_url="https://x", api_key="sk-secret"
    )

    assert "sk-secret" not in repr(choice)

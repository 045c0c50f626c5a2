"""Clients, stores and use cases of a process, put together once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from uuid import UUID

from libs.common.health import Check
from libs.common.http.outbound import Outbound
from libs.common.objects import open_store
from libs.common.resources import Resources
from libs.common.wake import Wake
from services.documents.adapters.agent_events import following_agents
from services.documents.adapters.agents import CachedAgents
from services.documents.adapters.blobs import EncryptedBlobs
from services.documents.adapters.embeddings import Embedders
from services.documents.adapters.moving_agents import MovingAgents
from services.documents.adapters.parsing.sniff import sniff
from services.documents.adapters.queries import RememberedQueries
from services.documents.adapters.rerank import HttpReranker
from services.documents.adapters.vectors.pgvector import PgVectorStore
from services.documents.adapters.vectors.pgvector_inventory import PgVectorInventory
from services.documents.domain.moves import TwoModels
from services.documents.domain.ports import (
    Agents,
    BlobStore,
    EmbedderFactory,
    Parser,
    PassageFinder,
    QueryReader,
    Reranker,
    VectorStore,
)
from services.documents.domain.readers import EVERYTHING, Reader
from services.documents.domain.reconciling import VectorInventory
from services.documents.domain.splitting import MAX_PASSAGE_TOKENS
from services.documents.domain.terms import terms_of
from services.documents.repositories.found_passages import FindInBoth, FindInOneTransaction
from services.documents.repositories.indexing import IndexingState
from services.documents.repositories.moves import MoveLookup
from services.documents.repositories.reconciling import KnowledgeState
from services.documents.repositories.sweeping import DocumentSweep
from services.documents.repositories.tasks import TaskLookup
from services.documents.settings import Settings
from services.documents.use_cases.change_document import ChangeDocument
from services.documents.use_cases.change_passages import (
    ChangeAllPassages,
    DeletePassage,
    ListDeletedPassages,
    RestorePassage,
)
from services.documents.use_cases.delete_documents import DeleteDocument, DeleteDocuments
from services.documents.use_cases.describe_uploads import DescribeUploads
from services.documents.use_cases.download_document import DownloadDocument
from services.documents.use_cases.fail_document import FailDocument
from services.documents.use_cases.follow_document import FollowDocument
from services.documents.use_cases.get_task import GetTask
from services.documents.use_cases.greet_website import GreetWebsite
from services.documents.use_cases.index_document import IndexDocument
from services.documents.use_cases.list_documents import GetDocument, ListDocuments
from services.documents.use_cases.list_versions import ListVersions
from services.documents.use_cases.restore_document import RestoreDocument
from services.documents.use_cases.retry_document import RetryDocument
from services.documents.use_cases.search_passages import SearchPassages
from services.documents.use_cases.sweep import EraseDeleted, PurgeVersions, SweepStore
from services.documents.use_cases.upload_documents import UploadDocuments
from services.documents.wiring.models import platform_embedding, two_models
from services.documents.wiring.websites import WebsiteUseCases, greet_website


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """What a process of documents is made of."""

    settings: Settings
    resources: Resources
    wake: Wake
    blobs: BlobStore
    agents: Agents
    models: TwoModels | None
    embedder_for: EmbedderFactory
    queries: QueryReader
    vectors: VectorStore
    inventory: VectorInventory
    passages: PassageFinder
    reranker: Reranker | None
    web: Outbound

    def use_cases(
        self, tenant_id: UUID, *, caller_id: UUID | None = None, reader: Reader = EVERYTHING
    ) -> "UseCases":
        """Return the use cases of one tenant.

        Args:
            tenant_id: Whose.
            caller_id: Who is behind a request; None for workers.
            reader: What they may read; workers read everything.
        """
        return UseCases(self, tenant_id, caller_id, reader)

    async def all_tenants(self) -> set[UUID]:
        """Return everybody of whom any store knows; needs the worker's database role."""
        known = await KnowledgeState(database=self.resources.database).tenants()
        known |= await self.inventory.tenants()
        async for blob in self.blobs.list_keys():
            known.add(blob.tenant_id)
        return known

    def public_use_cases(self, caller_tenant_id: UUID | None) -> "PublicUseCases":
        """Return what may be done without credentials."""
        return PublicUseCases(self, caller_tenant_id)

    @classmethod
    @asynccontextmanager
    async def open(cls, resources: Resources) -> AsyncIterator["Wiring"]:
        """Connect to what only this service uses, and let go of it at the end."""
        settings = resources.settings
        if not isinstance(settings, Settings):
            raise TypeError("documents is wired with its own settings")
        wake = Wake(resources.redis, settings.service)
        cached = CachedAgents(resources.client("agents"))
        agents: Agents = cached
        models = two_models(settings)
        if models is not None:
            places = MoveLookup(database=resources.database)
            agents = MovingAgents(cached, models=models, places=places)
        async with (
            Outbound.open(settings.outbound_policy) as outbound,
            # It counts what it unpacks.
            Outbound.open(settings.website_policy, decompresses=False) as web,
            open_vectors(settings, resources) as vectors,
            following_agents(resources.redis, cached),
        ):
            embedder_for = Embedders(
                platform=models.first if models else platform_embedding(settings),
                second=models.second if models else None,
                outbound=outbound,
            )
            wiring = cls(
                settings=settings,
                resources=resources,
                wake=wake,
                blobs=EncryptedBlobs(open_store(settings.object_store_url), resources.key_ring),
                agents=agents,
                models=models,
                embedder_for=embedder_for,
                queries=RememberedQueries(embedder_for, terms_of),
                vectors=vectors,
                inventory=_inventory(resources, vectors),
                passages=_finder(resources, vectors),
                reranker=_reranker(settings, resources),
                web=web,
            )
            yield wiring
            await wake.aclose()


class UseCases(WebsiteUseCases):
    """What one tenant can do; each use case is made when it is first asked for."""

    @cached_property
    def upload_documents(self) -> UploadDocuments:
        """Take in files."""
        return UploadDocuments(
            tenant_id=self.tenant_id,
            caller_id=self._caller_id,
            reader=self._reader,
            unit_of_work=self.unit_of_work,
            blobs=self.wiring.blobs,
            agents=self.wiring.agents,
            sniff=sniff,
            addresses=self.note_addresses,
            max_bytes=self.wiring.settings.max_upload_bytes,
        )

    @cached_property
    def list_documents(self) -> ListDocuments:
        """List documents."""
        return ListDocuments(
            tenant_id=self.tenant_id, unit_of_work=self.unit_of_work, agents=self.wiring.agents
        )

    @cached_property
    def get_document(self) -> GetDocument:
        """Show one document."""
        return GetDocument(unit_of_work=self.unit_of_work)

    @cached_property
    def change_document(self) -> ChangeDocument:
        """Change a document's tags and groups."""
        return ChangeDocument(reader=self._reader, unit_of_work=self.unit_of_work)

    @cached_property
    def delete_document(self) -> DeleteDocument:
        """Delete one document."""
        return DeleteDocument(unit_of_work=self.unit_of_work)

    @cached_property
    def delete_documents(self) -> DeleteDocuments:
        """Delete several documents."""
        return DeleteDocuments(unit_of_work=self.unit_of_work)

    @cached_property
    def restore_document(self) -> RestoreDocument:
        """Bring a document back."""
        return RestoreDocument(unit_of_work=self.unit_of_work)

    @cached_property
    def retry_document(self) -> RetryDocument:
        """Index a failed document once more."""
        return RetryDocument(unit_of_work=self.unit_of_work)

    @cached_property
    def download_document(self) -> DownloadDocument:
        """Give the original file back."""
        return DownloadDocument(
            tenant_id=self.tenant_id, unit_of_work=self.unit_of_work, blobs=self.wiring.blobs
        )

    @cached_property
    def list_versions(self) -> ListVersions:
        """Show the files that a document has had."""
        return ListVersions(unit_of_work=self.unit_of_work)

    @cached_property
    def follow_document(self) -> FollowDocument:
        """Tell how far a document is, as it goes on."""
        return FollowDocument(
            unit_of_work=self.unit_of_work, draining=self.wiring.resources.draining
        )

    @cached_property
    def delete_passage(self) -> DeletePassage:
        """Hide one chunk."""
        return DeletePassage(unit_of_work=self.unit_of_work)

    @cached_property
    def restore_passage(self) -> RestorePassage:
        """Show one chunk again."""
        return RestorePassage(unit_of_work=self.unit_of_work)

    @cached_property
    def change_all_passages(self) -> ChangeAllPassages:
        """Hide or show all chunks of a document."""
        return ChangeAllPassages(unit_of_work=self.unit_of_work)

    @cached_property
    def list_deleted_passages(self) -> ListDeletedPassages:
        """List deleted chunks."""
        return ListDeletedPassages(unit_of_work=self.unit_of_work)

    @cached_property
    def search_passages(self) -> SearchPassages:
        """Find passages."""
        return SearchPassages(
            tenant_id=self.tenant_id,
            reader=self._reader,
            unit_of_work=self.unit_of_work,
            agents=self.wiring.agents,
            queries=self.wiring.queries,
            passages=self.wiring.passages,
            reranker=self.wiring.reranker,
            gate=self.wiring.settings.rerank_gate,
            reranks_latin_only=self.wiring.settings.rerank_scripts == "latin",
        )

    def index_document(self, parser: Parser) -> IndexDocument:
        """Index a document; only workers have a parser."""
        return IndexDocument(
            tenant_id=self.tenant_id,
            unit_of_work=self.unit_of_work,
            state=IndexingState(database=self.wiring.resources.database),
            blobs=self.wiring.blobs,
            agents=self.wiring.agents,
            parser=parser,
            embedder_for=self.wiring.embedder_for,
            vectors=self.wiring.vectors,
            terms_of=terms_of,
            fail=self.fail_document,
        )

    @cached_property
    def fail_document(self) -> FailDocument:
        """Give a document up."""
        return FailDocument(unit_of_work=self.unit_of_work)


class PublicUseCases:
    """What anybody can do."""

    def __init__(self, wiring: Wiring, caller_tenant_id: UUID | None) -> None:
        self._wiring = wiring
        self._caller_tenant_id = caller_tenant_id

    @cached_property
    def describe_uploads(self) -> DescribeUploads:
        """Tell what may be uploaded."""
        return DescribeUploads(
            max_file_bytes=self._wiring.settings.max_upload_bytes,
            passage_tokens=MAX_PASSAGE_TOKENS,
        )

    @cached_property
    def greet_website(self) -> GreetWebsite:
        """Hear the greeting of a page with the widget."""
        return greet_website(self._wiring)

    @cached_property
    def get_task(self) -> GetTask:
        """Tell how far a task is."""
        database = self._wiring.resources.database
        return GetTask(
            database=database,
            tasks=TaskLookup(database=database),
            caller_tenant_id=self._caller_tenant_id,
        )


def sweep_store(wiring: Wiring) -> SweepStore:
    """Return the sweep of files without a row; needs the worker's database role."""
    return SweepStore(
        documents=DocumentSweep(database=wiring.resources.database), blobs=wiring.blobs
    )


def purge_versions(wiring: Wiring) -> PurgeVersions:
    """Return the sweep of earlier files beyond those kept; needs the worker's database role."""
    return PurgeVersions(
        documents=DocumentSweep(database=wiring.resources.database),
        blobs=wiring.blobs,
        keep=wiring.settings.keep_versions,
    )


def erase_deleted(wiring: Wiring) -> EraseDeleted:
    """Return the sweep of documents deleted long ago; needs the worker's database role."""
    return EraseDeleted(
        documents=DocumentSweep(database=wiring.resources.database),
        blobs=wiring.blobs,
        vectors=wiring.vectors,
        keep=timedelta(days=wiring.settings.keep_deleted_days),
    )


@asynccontextmanager
async def open_vectors(settings: Settings, resources: Resources) -> AsyncIterator[VectorStore]:
    """Open Qdrant where one is given, else the tables in our own database."""
    if settings.qdrant_url is None:
        yield PgVectorStore(resources.database)
        return
    from services.documents.adapters.vectors.qdrant import (  # noqa: PLC0415 - takes 60 MB
        QdrantStore,
        open_client,
    )

    key = settings.qdrant_api_key
    client = open_client(settings.qdrant_url, api_key=key.get_secret_value() if key else None)

    async def probe() -> None:
        await client.get_collections()

    resources.checks.append(Check("qdrant", probe, critical=False))
    try:
        yield QdrantStore(client)
    finally:
        await client.close()


def _inventory(resources: Resources, vectors: VectorStore) -> VectorInventory:
    if isinstance(vectors, PgVectorStore):
        return PgVectorInventory(resources.database)
    from services.documents.adapters.vectors.qdrant import (  # noqa: PLC0415 - as above
        QdrantStore,
    )
    from services.documents.adapters.vectors.qdrant_inventory import (  # noqa: PLC0415 - as above
        QdrantInventory,
    )

    if not isinstance(vectors, QdrantStore):
        raise TypeError("vectors are in PostgreSQL or in a Qdrant")
    return QdrantInventory(vectors.client)


def _finder(resources: Resources, vectors: VectorStore) -> PassageFinder:
    if isinstance(vectors, PgVectorStore):
        return FindInOneTransaction(database=resources.database, vectors=vectors)
    return FindInBoth(database=resources.database, vectors=vectors)


def _reranker(settings: Settings, resources: Resources) -> Reranker | None:
    if settings.rerank_url is None:
        return None
    key = settings.rerank_api_key
    return HttpReranker(
        url=settings.rerank_url,
        model=settings.rerank_model,
        api_key=key.get_secret_value() if key else None,
        http=resources.http,
    )

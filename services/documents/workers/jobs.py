"""Jobs in: each handler is one call of a use case."""

from collections.abc import Mapping
from dataclasses import dataclass

from libs.common.jobs import Job, JobContext
from libs.common.jobs.runner import Handler, OnFailed
from services.documents.domain.jobs import (
    CrawlWebsite,
    FetchDocument,
    ForgetWebsite,
    IndexDocument,
    PurgeVectors,
    ReindexAgents,
)
from services.documents.domain.ports import Parser
from services.documents.wiring import Crawling, Wiring


@dataclass(frozen=True, kw_only=True)
class JobHandlers:
    """Does this service's jobs."""

    wiring: Wiring
    parser: Parser

    @property
    def by_kind(self) -> Mapping[type[Job], Handler]:
        """The handlers by job class."""
        return {
            IndexDocument: self.index_document,
            PurgeVectors: self.purge_vectors,
            ReindexAgents: self.reindex_agents,
            ForgetWebsite: self.forget_website,
        }

    @property
    def on_failed(self) -> Mapping[type[Job], OnFailed]:
        """What is noted when a job has failed for good."""
        return {IndexDocument: self.give_document_up}

    async def index_document(self, job: IndexDocument, context: JobContext) -> None:
        """Index one version of a document."""
        use = self.wiring.use_cases(context.tenant_id)
        await use.index_document(self.parser)(
            job.document_id, version=job.version, tell_progress=context.progress
        )

    async def give_document_up(self, job: IndexDocument, context: JobContext, reason: str) -> None:
        """Mark a document as failed whose job was tried too often."""
        use = self.wiring.use_cases(context.tenant_id)
        await use.fail_document(
            job.document_id, version=job.version, code="indexing_failed", message=reason
        )

    async def purge_vectors(self, job: PurgeVectors, context: JobContext) -> None:
        """Take a deleted document out of the vector store."""
        use = self.wiring.use_cases(context.tenant_id)
        await use.purge_vectors(job.document_id, version=job.version)

    async def reindex_agents(self, job: ReindexAgents, context: JobContext) -> None:
        """Queue what lies in another embedding space than its agent now uses."""
        use = self.wiring.use_cases(context.tenant_id)
        await use.reindex_agents(job.agent_id)

    async def forget_website(self, job: ForgetWebsite, context: JobContext) -> None:
        """Purge the pages of a deleted website."""
        use = self.wiring.use_cases(context.tenant_id)
        await use.purge_website(job.source_id, crawl_id=job.crawl_id)


@dataclass(frozen=True, kw_only=True)
class WebJobHandlers:
    """Does the jobs that wait for other people's servers, with hands of their own."""

    wiring: Wiring
    crawling: Crawling

    @property
    def by_kind(self) -> Mapping[type[Job], Handler]:
        """The handlers by job class."""
        return {CrawlWebsite: self.crawl_website, FetchDocument: self.fetch_document}

    @property
    def on_failed(self) -> Mapping[type[Job], OnFailed]:
        """What is noted when a job has failed for good."""
        return {CrawlWebsite: self.give_crawl_up, FetchDocument: self.give_document_up}

    async def crawl_website(self, job: CrawlWebsite, context: JobContext) -> None:
        """Go on with a crawl."""
        use = self.wiring.use_cases(context.tenant_id)
        await use.crawl_website(self.crawling)(
            job.crawl_id, turn=job.turn, tell_progress=context.progress
        )

    async def give_crawl_up(self, job: CrawlWebsite, context: JobContext, reason: str) -> None:
        """Mark a crawl as failed whose job was tried too often."""
        use = self.wiring.use_cases(context.tenant_id)
        await use.crawl_website(self.crawling).fail(job.crawl_id, reason=reason)

    async def fetch_document(self, job: FetchDocument, context: JobContext) -> None:
        """Get the page that a document was made for."""
        use = self.wiring.use_cases(context.tenant_id)
        await use.fetch_document(self.crawling)(
            job.document_id, version=job.version, attempt=context.attempt
        )

    async def give_document_up(self, job: FetchDocument, context: JobContext, reason: str) -> None:
        """Mark a document as failed whose page was tried too often."""
        use = self.wiring.use_cases(context.tenant_id)
        await use.fail_document(
            job.document_id, version=job.version, code="page_not_fetched", message=reason
        )

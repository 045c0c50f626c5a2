"""Jobs in that wait for other people's servers: each handler is one call of a use case."""

from collections.abc import Mapping
from dataclasses import dataclass

from libs.common.jobs import Job, JobContext
from libs.common.jobs.runner import Handler, OnFailed
from services.documents.domain.jobs import CrawlWebsite, FetchDocument
from services.documents.wiring import Wiring
from services.documents.wiring.websites import Crawling


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

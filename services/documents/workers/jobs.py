"""Jobs in: each handler is one call of a use case."""

from collections.abc import Mapping
from dataclasses import dataclass

from libs.common.jobs import HandOver, Job, JobContext
from libs.common.jobs.runner import Handler, OnFailed
from services.documents.domain.errors import ScanFound
from services.documents.domain.jobs import (
    FillVectors,
    FollowAgent,
    ForgetWebsite,
    IndexDocument,
    IndexScan,
    PurgeVectors,
    ReindexAgents,
    SetGroups,
)
from services.documents.domain.ports import Parser
from services.documents.wiring import Wiring


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
            FillVectors: self.fill_vectors,
            FollowAgent: self.follow_agent,
            SetGroups: self.set_groups,
        }

    @property
    def slow(self) -> Mapping[type[Job], Handler]:
        """The handlers of what would keep everybody else waiting."""
        return {IndexScan: self.index_scan}

    @property
    def on_failed(self) -> Mapping[type[Job], OnFailed]:
        """What is noted when a job has failed for good."""
        return {IndexDocument: self.give_document_up, IndexScan: self.give_document_up}

    async def index_document(self, job: IndexDocument, context: JobContext) -> None:
        """Index one version of a document; what is to be recognised is left to the slow hands."""
        use = self.wiring.use_cases(context.tenant_id)
        try:
            await use.index_document(self.parser)(
                job.document_id, version=job.version, tell_progress=context.progress, scans=False
            )
        except ScanFound:
            raise HandOver(IndexScan) from None

    async def index_scan(self, job: IndexScan, context: JobContext) -> None:
        """Index one version of a document, recognising the pages that are pictures."""
        use = self.wiring.use_cases(context.tenant_id)
        await use.index_document(self.parser)(
            job.document_id, version=job.version, tell_progress=context.progress
        )

    async def give_document_up(
        self, job: IndexDocument | IndexScan, context: JobContext, reason: str
    ) -> None:
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

    async def fill_vectors(self, job: FillVectors, context: JobContext) -> None:
        """Make a document's vectors again."""
        use = self.wiring.use_cases(context.tenant_id)
        await use.fill_vectors(job.document_id, version=job.version, beside=job.beside)

    async def set_groups(self, job: SetGroups, context: JobContext) -> None:
        """Tell the vector store who may read a document."""
        use = self.wiring.use_cases(context.tenant_id)
        await use.set_groups(job.document_id)

    async def follow_agent(self, job: FollowAgent, context: JobContext) -> None:
        """Hide or show an agent's documents."""
        use = self.wiring.use_cases(context.tenant_id)
        await use.follow_agent(job.agent_id)

"""The work that documents gives itself."""

from uuid import UUID

from libs.common.jobs import Job


class IndexDocument(Job, kind="documents.index"):
    """Read a document, split it, embed it, and show it to search."""

    document_id: UUID
    version: int


class IndexScan(Job, kind="documents.index_scan", max_seconds=21_600):
    """`IndexDocument`, for what has pages to be recognised: slow, so done by hands of its own."""

    document_id: UUID
    version: int


class PurgeVectors(Job, kind="documents.purge_vectors"):
    """Take a deleted document out of the vector store.

    `version` is the one that was deleted: a later one, wanted by a restore, is spared.
    """

    document_id: UUID
    version: int


class CrawlWebsite(Job, kind="documents.crawl"):
    """Visit pages of a website for a while; `turn` counts these jobs within a crawl."""

    crawl_id: UUID
    turn: int


class ForgetWebsite(Job, kind="documents.forget_website"):
    """Purge the documents of a deleted website; they are hidden already."""

    crawl_id: UUID
    source_id: UUID


class FetchDocument(Job, kind="documents.fetch"):
    """Get the page that a document was made for by its address.

    `version` is the one to be fetched for: 1 at first; one that is known is left if it is the same.
    """

    document_id: UUID
    version: int


class FillVectors(Job, kind="documents.fill_vectors"):
    """Make the vectors of a document's live version again, from its passages.

    `beside`: in the space that it lacks, of the two that are kept while the platform moves.
    """

    document_id: UUID
    version: int
    beside: bool = False


class FollowAgent(Job, kind="documents.follow_agent"):
    """Hide the documents of an agent that was deleted; show them again when it is back."""

    agent_id: UUID


class SetGroups(Job, kind="documents.set_groups"):
    """Tell the vector store who may read a document by now."""

    document_id: UUID


class ReindexAgents(Job, kind="documents.reindex_agents"):
    """Index again what lies in another embedding space than its agent now uses.

    `agent_id` narrows it to one agent; without it all of the tenant's are looked at.
    """

    agent_id: UUID | None = None

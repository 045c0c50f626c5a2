"""The work that documents gives itself."""

from uuid import UUID

from libs.common.jobs import Job


class IndexDocument(Job, kind="documents.index"):
    """Read a document, split it, embed it, and show it to search."""

    document_id: UUID
    version: int


class PurgeVectors(Job, kind="documents.purge_vectors"):
    """Take a deleted document out of the vector store.

    `version` is the one that was deleted: a later one, wanted by a restore, is spared.
    """

    document_id: UUID
    version: int


class FillVectors(Job, kind="documents.fill_vectors"):
    """Make the vectors of a document's live version again, from its passages."""

    document_id: UUID
    version: int


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

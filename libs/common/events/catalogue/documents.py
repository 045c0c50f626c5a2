"""What documents tells: the life of a document."""

from uuid import UUID

from pydantic import Field

from libs.common.events.envelope import Event


class DocumentUploaded(Event, topic="documents", name="document.uploaded"):
    """A file was accepted and waits to be indexed; the document is the aggregate.

    Read by analytics for storage.
    """

    document_id: UUID
    agent_id: UUID
    size_bytes: int = Field(ge=0)


class DocumentIndexed(Event, topic="documents", name="document.indexed"):
    """A document's passages can now be found by search.

    Sent by documents once the vectors are stored; read by analytics for usage.
    """

    document_id: UUID
    agent_id: UUID
    passage_count: int = Field(ge=0)
    token_count: int = Field(ge=0, description="Embedding tokens billed.")
    page_count: int = Field(default=0, ge=0, description="0 for formats without pages.")


class DocumentFailed(Event, topic="documents", name="document.failed"):
    """A document could not be indexed, for good."""

    document_id: UUID
    agent_id: UUID
    reason_code: str = Field(description="The error's stable code.")


class DocumentDeleted(Event, topic="documents", name="document.deleted"):
    """A document was deleted and no longer appears in search."""

    document_id: UUID
    agent_id: UUID


class WebsiteAdded(Event, topic="documents", name="website.added"):
    """A website was added to an agent, not yet crawled; the website is the aggregate."""

    website_id: UUID
    agent_id: UUID


class WebsiteCrawled(Event, topic="documents", name="website.crawled"):
    """A crawl of a website has ended; its pages are documents with events of their own."""

    website_id: UUID
    agent_id: UUID
    succeeded: bool = Field(description="False when it was given up.")
    page_count: int = Field(ge=0, description="Pages that are documents, changed or not.")
    failed_page_count: int = Field(ge=0)


class WebsiteDeleted(Event, topic="documents", name="website.deleted"):
    """A website was deleted; its pages no longer appear in search."""

    website_id: UUID
    agent_id: UUID


class DocumentRestored(Event, topic="documents", name="document.restored"):
    """A deleted document can be found again."""

    document_id: UUID
    agent_id: UUID

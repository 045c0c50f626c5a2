"""Documents in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, Select, Uuid, and_, cast, func, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.database import TenantRepository
from services.documents.domain.documents import Status
from services.documents.domain.errors import AgentNotFound, EmbeddingRejected, SameContent
from services.documents.domain.readers import EVERYTHING, Reader
from services.documents.domain.search import SearchFilter
from services.documents.models import Document


def readable_by(reader: Reader) -> list[ColumnElement[bool]]:
    """Return the conditions under which a reader may read a document."""
    if reader.group_list is None:
        return []
    mine = cast(reader.group_list, ARRAY(Uuid))
    return [or_(func.cardinality(Document.groups) == 0, Document.groups.overlap(mine))]


@dataclass(frozen=True, kw_only=True)
class DocumentFilter:
    """Which documents a list shows; what is None does not narrow it."""

    agent_id: UUID | None = None
    status: Status | None = None
    document_type: str | None = None
    search: str | None = None
    tag: str | None = None
    deleted: bool = False


@dataclass(frozen=True, kw_only=True)
class Indexed:
    """What is known of a document once it is indexed."""

    title: str | None
    document_type: str
    embedding_space: str
    embedding_model: str
    second_space: str | None
    page_count: int | None
    word_count: int
    passage_count: int
    token_count: int
    warnings: list[str]


# Every document passes through these two statements; the ORM would take 0.5 ms for each.
_INSERTED = (
    "tenant_id",
    "id",
    "agent_id",
    "task_id",
    "blob_id",
    "filename",
    "source_url",
    "document_type",
    "size_bytes",
    "content_hash",
    "uploaded_by",
    "groups",
    "tags",
    "status",
    "stage",
    "version",
    "created_at",
    "updated_at",
)
_NAME_UNKNOWN = """
    WHERE NOT EXISTS (
        SELECT FROM documents WHERE tenant_id = :tenant_id AND agent_id = :agent_id
          AND filename = :filename AND source_url IS NULL AND deleted_at IS NULL
    )
"""
_INSERT = f"""
    INSERT INTO documents ({", ".join(_INSERTED)}, extra)
    SELECT {", ".join(f":{name}" for name in _INSERTED)}, CAST(:extra AS jsonb)
    {{condition}}
    ON CONFLICT (tenant_id, agent_id, content_hash) WHERE deleted_at IS NULL DO NOTHING
    RETURNING id
"""
_INSERT_NEW = text(_INSERT.format(condition=""))
_INSERT_NEW_NAME = text(_INSERT.format(condition=_NAME_UNKNOWN))
_MAKE_LIVE = text(
    """
    UPDATE documents
    SET status = 'processed', stage = 'done', progress = 1, live_version = :version,
        reason_code = NULL, processing_error = NULL, processed_at = now(), updated_at = now(),
        filename = coalesce(next_filename, filename), next_filename = NULL,
        title = :title, document_type = :document_type, embedding_space = :embedding_space,
        embedding_model = :embedding_model, second_space = :second_space,
        page_count = :page_count, word_count = :word_count,
        passage_count = :passage_count, token_count = :token_count, warnings = :warnings
    WHERE tenant_id = :tenant_id AND id = :id AND version = :version
      AND status = 'processing' AND deleted_at IS NULL
    RETURNING groups
    """
)


class DocumentRepository(TenantRepository[Document]):
    """One tenant's documents, as far as a reader may see them."""

    model = Document

    def __init__(
        self, session: AsyncSession, tenant_id: UUID, *, reader: Reader = EVERYTHING
    ) -> None:
        super().__init__(session, tenant_id)
        self.reader = reader

    def owned(self) -> Select[Document]:
        """Select the tenant's documents that the reader may read."""
        return super().owned().where(*readable_by(self.reader))

    async def page(
        self, wanted: DocumentFilter, *, offset: int, limit: int
    ) -> tuple[Sequence[Document], int]:
        """Return a stretch of the list, newest first, and how long the list is."""
        query = self._filtered(wanted)
        total = await self.session.scalar(
            select(func.count()).select_from(query.with_only_columns(Document.id).subquery())
        )
        # Ids are ordered by time, so this is by creation.
        ordered = query.order_by(Document.id.desc()).offset(offset).limit(limit)
        return (await self.session.scalars(ordered)).all(), total or 0

    async def live(self, document_id: UUID, *, lock: bool = False) -> Document | None:
        """Return a document that is not deleted."""
        query = self.owned().where(Document.id == document_id, Document.deleted_at.is_(None))
        found: Document | None = await self.session.scalar(
            query.with_for_update() if lock else query
        )
        return found

    async def locked(self, document_id: UUID) -> Document | None:
        """Return a document, deleted or not, that nobody else changes meanwhile."""
        found: Document | None = await self.session.scalar(
            self.owned().where(Document.id == document_id).with_for_update()
        )
        return found

    async def live_of(self, document_ids: Sequence[UUID]) -> Sequence[Document]:
        """Return those of the documents that are not deleted, locked in order of their ids."""
        query = (
            self.owned()
            .where(Document.id.in_(document_ids), Document.deleted_at.is_(None))
            .order_by(Document.id)
            .with_for_update()
        )
        return (await self.session.scalars(query)).all()

    async def with_content(self, agent_id: UUID, content_hash: bytes) -> Document | None:
        """Return the agent's document with exactly these bytes, whoever may read it."""
        query = (
            super()
            .owned()
            .where(
                Document.agent_id == agent_id,
                Document.content_hash == content_hash,
                Document.deleted_at.is_(None),
            )
        )
        found: Document | None = await self.session.scalar(query)
        return found

    async def from_address(self, agent_id: UUID, url: str) -> Document | None:
        """Return the agent's document that is the page at an address, locked."""
        query = (
            self.owned()
            .where(
                Document.agent_id == agent_id,
                func.md5(Document.source_url) == func.md5(url),
                Document.source_url == url,
                Document.deleted_at.is_(None),
            )
            .order_by(Document.id)
            .limit(1)
            .with_for_update()
        )
        found: Document | None = await self.session.scalar(query)
        return found

    async def alike(
        self, agent_id: UUID, *, content_hashes: Sequence[bytes], filenames: Sequence[str]
    ) -> Sequence[Document]:
        """Return the agent's documents with such bytes, or uploaded by such names, locked."""
        named = and_(Document.filename.in_(filenames), Document.source_url.is_(None))
        query = (
            self.owned()
            .where(
                Document.agent_id == agent_id,
                Document.deleted_at.is_(None),
                or_(Document.content_hash.in_(content_hashes), named),
            )
            .order_by(Document.id)
            .with_for_update()
        )
        return (await self.session.scalars(query)).all()

    async def add_if_new(self, document: Document, *, new_name: bool = False) -> bool:
        """Insert the document unless its agent has the same bytes already.

        A twin that is being inserted at this moment is waited for.

        Args:
            document: What to insert.
            new_name: Nor if the agent has a document that was uploaded by this name.
        """
        document.tenant_id = self.tenant_id
        values = {name: getattr(document, name) for name in _INSERTED}
        values["extra"] = orjson.dumps(document.extra).decode()
        statement = _INSERT_NEW_NAME if new_name else _INSERT_NEW
        inserted = await self.session.scalar(statement, values)
        return inserted is not None

    async def flush(self) -> None:
        """Write what was changed.

        Raises:
            SameContent: Another document of the agent has that content.
        """
        try:
            await self.session.flush()
        except IntegrityError as error:
            if "ux_documents_content" in str(error.orig):
                message = "The agent has this file already, as another document."
                raise SameContent(message) from error
            raise

    async def make_live(
        self, document_id: UUID, *, version: int, found: Indexed
    ) -> list[UUID] | None:
        """Show this version to search.

        Returns:
            The groups that the document is for by now; None when the version is not wanted.
        """
        groups: list[UUID] | None = await self.session.scalar(
            _MAKE_LIVE,
            {
                "tenant_id": self.tenant_id,
                "id": document_id,
                "version": version,
                **asdict(found),
            },
        )
        return groups

    async def outside_space(self, agent_id: UUID, space: str, *, limit: int) -> Sequence[Document]:
        """Return the agent's documents that a change of the agent calls for, locked.

        Those whose vectors lie in another space, and those that failed because of the agent.
        """
        query = (
            self.owned()
            .where(
                Document.agent_id == agent_id,
                Document.deleted_at.is_(None),
                or_(
                    and_(
                        Document.status == Status.PROCESSED,
                        Document.embedding_space != space,
                        Document.second_space.is_distinct_from(space),
                    ),
                    and_(
                        Document.status == Status.FAILED,
                        Document.reason_code.in_([EmbeddingRejected.code, AgentNotFound.code]),
                    ),
                ),
            )
            .order_by(Document.id)
            .limit(limit)
            .with_for_update()
        )
        return (await self.session.scalars(query)).all()

    async def of_agent(self, agent_id: UUID, *, limit: int) -> Sequence[Document]:
        """Return undeleted documents of an agent, locked in order of their ids."""
        query = self.owned().where(Document.agent_id == agent_id, Document.deleted_at.is_(None))
        ordered = query.order_by(Document.id).limit(limit).with_for_update()
        return (await self.session.scalars(ordered)).all()

    async def deleted_with_agent(self, agent_id: UUID, *, limit: int) -> Sequence[Document]:
        """Return the documents that were deleted because their agent was, locked."""
        query = self.owned().where(
            Document.agent_id == agent_id,
            Document.deleted_at.is_not(None),
            Document.deleted_with_agent,
        )
        ordered = query.order_by(Document.id).limit(limit).with_for_update()
        return (await self.session.scalars(ordered)).all()

    async def ids_matching(self, agent_id: UUID, wanted: SearchFilter) -> frozenset[UUID]:
        """Return the agent's documents that a search is about."""
        query = self.owned().where(
            Document.agent_id == agent_id,
            Document.deleted_at.is_(None),
            Document.live_version.is_not(None),
        )
        if wanted.document_ids is not None:
            query = query.where(Document.id.in_(wanted.document_ids))
        if wanted.document_types is not None:
            query = query.where(Document.document_type.in_(wanted.document_types))
        if wanted.tags is not None:
            query = query.where(Document.tags.contains(sorted(wanted.tags)))
        if wanted.uploaded_after is not None:
            query = query.where(Document.created_at >= wanted.uploaded_after)
        if wanted.uploaded_before is not None:
            query = query.where(Document.created_at < wanted.uploaded_before)
        found = await self.session.scalars(query.with_only_columns(Document.id))
        return frozenset(found.all())

    async def has_all(self, agent_id: UUID, document_ids: frozenset[UUID]) -> bool:
        """Tell whether these are all documents of the agent that the reader may read."""
        query = self.owned().where(
            Document.agent_id == agent_id,
            Document.deleted_at.is_(None),
            Document.id.in_(document_ids),
        )
        count = await self.session.scalar(select(func.count()).select_from(query.subquery()))
        return count == len(document_ids)

    async def agent_ids(self) -> Sequence[UUID]:
        """Return the agents that have documents."""
        query = (
            select(Document.agent_id)
            .where(Document.tenant_id == self.tenant_id, Document.deleted_at.is_(None))
            .distinct()
        )
        return (await self.session.scalars(query)).all()

    def _filtered(self, wanted: DocumentFilter) -> Select[Document]:
        query = self.owned()
        if wanted.deleted:
            query = query.where(Document.deleted_at.is_not(None))
        else:
            query = query.where(Document.deleted_at.is_(None))
        if wanted.agent_id is not None:
            query = query.where(Document.agent_id == wanted.agent_id)
        if wanted.status is not None:
            query = query.where(Document.status == wanted.status)
        if wanted.document_type is not None:
            query = query.where(Document.document_type == wanted.document_type)
        if wanted.tag is not None:
            query = query.where(Document.tags.contains([wanted.tag]))
        if wanted.search:
            query = query.where(
                or_(
                    Document.filename.icontains(wanted.search, autoescape=True),
                    Document.title.icontains(wanted.search, autoescape=True),
                )
            )
        return query

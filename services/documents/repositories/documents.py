"""Documents in PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from libs.common.database import TenantRepository
from services.documents.domain.documents import Stage, Status
from services.documents.domain.errors import AgentNotFound, EmbeddingRejected
from services.documents.models import Document


@dataclass(frozen=True, kw_only=True)
class DocumentFilter:
    """Which documents a list shows; what is None does not narrow it."""

    agent_id: UUID | None = None
    status: Status | None = None
    document_type: str | None = None
    search: str | None = None
    deleted: bool = False


class DocumentRepository(TenantRepository[Document]):
    """One tenant's documents."""

    model = Document

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

    async def with_content(
        self, agent_id: UUID, content_hash: bytes, *, lock: bool = False
    ) -> Document | None:
        """Return the agent's document with exactly these bytes."""
        query = self.owned().where(
            Document.agent_id == agent_id,
            Document.content_hash == content_hash,
            Document.deleted_at.is_(None),
        )
        found: Document | None = await self.session.scalar(
            query.with_for_update() if lock else query
        )
        return found

    async def add_if_new(self, document: Document) -> bool:
        """Insert the document unless its agent has the same bytes already.

        A twin that is being inserted at this moment is waited for.
        """
        document.tenant_id = self.tenant_id
        columns = {
            column.key: getattr(document, column.key)
            for column in Document.__mapper__.column_attrs
            if column.key in document.__dict__
        }
        inserted = await self.session.scalar(
            insert(Document)
            .values(columns)
            .on_conflict_do_nothing(
                index_elements=["tenant_id", "agent_id", "content_hash"],
                index_where=Document.deleted_at.is_(None),
            )
            .returning(Document.id)
        )
        return inserted is not None

    async def make_live(
        self, document_id: UUID, *, version: int, values: Mapping[str, object]
    ) -> bool:
        """Show this version to search; False when it is not wanted any more."""
        shown = await self.session.scalar(
            update(Document)
            .where(
                Document.tenant_id == self.tenant_id,
                Document.id == document_id,
                Document.version == version,
                Document.status == Status.PROCESSING,
                Document.deleted_at.is_(None),
            )
            .values(
                status=Status.PROCESSED,
                stage=Stage.DONE,
                progress=1.0,
                live_version=version,
                reason_code=None,
                processing_error=None,
                **values,
            )
            .returning(Document.id)
            .execution_options(synchronize_session=False)
        )
        return shown is not None

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
                    and_(Document.status == Status.PROCESSED, Document.embedding_space != space),
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
        if wanted.search:
            query = query.where(
                or_(
                    Document.filename.icontains(wanted.search, autoescape=True),
                    Document.title.icontains(wanted.search, autoescape=True),
                )
            )
        return query

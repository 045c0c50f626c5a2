"""Passages in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, exists, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.expression import and_

from libs.common.database import TenantRepository
from services.documents.domain.ports import Passage, passage_id
from services.documents.domain.readers import EVERYTHING, Reader
from services.documents.models import Document, StoredPassage
from services.documents.repositories.documents import readable_by

# One statement for all passages of a document. Heading paths differ in length, which arrays of
# arrays cannot express, so each travels joined by a character that no text contains.
_SEPARATOR = "\x1f"
_INSERT = text(
    """
    INSERT INTO passages (tenant_id, id, document_id, document_version, position, page,
                          heading_path, char_start, char_end, word_count, token_estimate, text)
    SELECT :tenant_id, p.id, :document_id, :version, p.position, p.page,
           string_to_array(p.heading, :separator),
           p.char_start, p.char_end, p.word_count, p.token_estimate, p.text
    FROM unnest(CAST(:ids AS uuid[]), CAST(:positions AS int[]), CAST(:pages AS int[]),
                CAST(:headings AS text[]), CAST(:starts AS int[]), CAST(:ends AS int[]),
                CAST(:words AS int[]), CAST(:tokens AS int[]), CAST(:texts AS text[]))
         AS p (id, position, page, heading, char_start, char_end, word_count, token_estimate, text)
    ON CONFLICT (tenant_id, id) DO NOTHING
    """
)


class PassageRepository(TenantRepository[StoredPassage]):
    """One tenant's passages."""

    model = StoredPassage

    def __init__(
        self, session: AsyncSession, tenant_id: UUID, *, reader: Reader = EVERYTHING
    ) -> None:
        super().__init__(session, tenant_id)
        self.reader = reader

    async def replace(
        self, document_id: UUID, *, version: int, passages: Sequence[Passage]
    ) -> None:
        """Store the passages of one version; those of other versions go."""
        if version > 1:
            await self.session.execute(
                delete(StoredPassage).where(
                    StoredPassage.tenant_id == self.tenant_id,
                    StoredPassage.document_id == document_id,
                    StoredPassage.document_version != version,
                )
            )
        await self.session.execute(
            _INSERT,
            {
                "tenant_id": self.tenant_id,
                "document_id": document_id,
                "version": version,
                "separator": _SEPARATOR,
                "ids": [
                    passage_id(self.tenant_id, document_id, version=version, position=p.position)
                    for p in passages
                ],
                "positions": [p.position for p in passages],
                "pages": [p.page for p in passages],
                "headings": [
                    _SEPARATOR.join(h.replace(_SEPARATOR, " ") for h in p.heading_path)
                    for p in passages
                ],
                "starts": [p.char_start for p in passages],
                "ends": [p.char_end for p in passages],
                "words": [len(p.text.split()) for p in passages],
                "tokens": [p.token_estimate for p in passages],
                "texts": [p.text for p in passages],
            },
        )

    async def of_document(
        self, document: Document, *, offset: int, limit: int
    ) -> tuple[Sequence[StoredPassage], int]:
        """Return a stretch of a document's live passages in reading order, and their number."""
        query = self.owned().where(
            StoredPassage.document_id == document.id,
            StoredPassage.document_version == document.live_version,
            StoredPassage.deleted_at.is_(None),
        )
        total = await self.session.scalar(
            select(func.count()).select_from(query.with_only_columns(StoredPassage.id).subquery())
        )
        ordered = query.order_by(StoredPassage.position).offset(offset).limit(limit)
        return (await self.session.scalars(ordered)).all(), total or 0

    async def stretch(
        self, document: Document, *, offset: int, limit: int
    ) -> Sequence[StoredPassage]:
        """Return passages of a document's live version in reading order, deleted ones too."""
        query = self.owned().where(
            StoredPassage.document_id == document.id,
            StoredPassage.document_version == document.live_version,
            StoredPassage.position >= offset,
        )
        return (
            await self.session.scalars(query.order_by(StoredPassage.position).limit(limit))
        ).all()

    async def deleted(self, *, offset: int, limit: int) -> tuple[Sequence[StoredPassage], int]:
        """Return single passages that were deleted, while their document was not."""
        query = self.owned().where(
            StoredPassage.deleted_at.is_not(None),
            exists().where(
                Document.tenant_id == self.tenant_id,
                Document.id == StoredPassage.document_id,
                Document.live_version == StoredPassage.document_version,
                Document.deleted_at.is_(None),
                *readable_by(self.reader),
            ),
        )
        total = await self.session.scalar(
            select(func.count()).select_from(query.with_only_columns(StoredPassage.id).subquery())
        )
        ordered = query.order_by(StoredPassage.deleted_at.desc(), StoredPassage.id)
        return (await self.session.scalars(ordered.offset(offset).limit(limit))).all(), total or 0

    async def locked(self, passage_id: UUID) -> tuple[StoredPassage, Document] | None:
        """Return a passage of a document's live version, with the document."""
        query = (
            select(StoredPassage, Document)
            .join(
                Document,
                and_(
                    Document.tenant_id == StoredPassage.tenant_id,
                    Document.id == StoredPassage.document_id,
                    Document.live_version == StoredPassage.document_version,
                ),
            )
            .where(
                StoredPassage.tenant_id == self.tenant_id,
                StoredPassage.id == passage_id,
                *readable_by(self.reader),
            )
            .with_for_update()
        )
        row = (await self.session.execute(query)).one_or_none()
        return (row[0], row[1]) if row else None

    async def mark_deleted(self, document: Document, *, now: datetime) -> int:
        """Delete all live passages of a document; return how many."""
        return await self._set_deleted(document, now)

    async def mark_restored(self, document: Document) -> int:
        """Restore all deleted passages of a document; return how many."""
        return await self._set_deleted(document, None)

    async def _set_deleted(self, document: Document, moment: datetime | None) -> int:
        column = StoredPassage.deleted_at
        changed = await self.session.scalars(
            update(StoredPassage)
            .where(
                StoredPassage.tenant_id == self.tenant_id,
                StoredPassage.document_id == document.id,
                StoredPassage.document_version == document.live_version,
                column.is_(None) if moment else column.is_not(None),
            )
            .values(deleted_at=moment)
            .returning(StoredPassage.id)
            .execution_options(synchronize_session=False)
        )
        return len(changed.all())

"""Earlier files of documents, in PostgreSQL."""

from collections.abc import Sequence
from uuid import UUID

from libs.common.database import TenantRepository
from services.documents.models import DocumentVersion


class VersionRepository(TenantRepository[DocumentVersion]):
    """One tenant's earlier files."""

    model = DocumentVersion

    async def of_document(self, document_id: UUID, *, limit: int) -> Sequence[DocumentVersion]:
        """Return the files that were replaced and are kept, newest first."""
        query = (
            self.owned()
            .where(DocumentVersion.document_id == document_id, DocumentVersion.purged_at.is_(None))
            .order_by(DocumentVersion.version.desc())
            .limit(limit)
        )
        return (await self.session.scalars(query)).all()

    async def file_of(self, document_id: UUID, version: int) -> DocumentVersion | None:
        """Return the earlier file that a version was made of; None when it is the present one."""
        query = (
            self.owned()
            .where(DocumentVersion.document_id == document_id, DocumentVersion.version >= version)
            .order_by(DocumentVersion.version)
            .limit(1)
        )
        found: DocumentVersion | None = await self.session.scalar(query)
        return found

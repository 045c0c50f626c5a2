"""How far the indexing of a document is: small statements, so without SQLAlchemy's cost."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.database import Database
from services.documents.domain.documents import Stage
from services.documents.models import Document

_BEGIN = """
UPDATE documents SET status = 'processing', stage = 'reading', progress = 0, updated_at = now()
WHERE tenant_id = $1 AND id = $2 AND version = $3 AND deleted_at IS NULL
  AND status IN ('pending', 'processing')
RETURNING agent_id, blob_id, coalesce(next_filename, filename), size_bytes
"""
_NOTE = """
UPDATE documents SET stage = $3, progress = $4, updated_at = now()
WHERE tenant_id = $1 AND id = $2 AND status = 'processing'
"""


@dataclass(frozen=True, kw_only=True)
class IndexingState:
    """Notes the state of documents that are being indexed."""

    database: Database

    async def begin(self, tenant_id: UUID, document_id: UUID, *, version: int) -> Document | None:
        """Mark a document as being read; None when this version is not wanted any more.

        Returns:
            The document with what indexing needs: id, version, agent, blob, name and size.
        """
        async with self.database.lean(tenant_id) as connection:
            row = await connection.fetchrow(_BEGIN, tenant_id, document_id, version)
        if row is None:
            return None
        return Document(
            tenant_id=tenant_id,
            id=document_id,
            version=version,
            agent_id=row[0],
            blob_id=row[1],
            filename=row[2],
            size_bytes=row[3],
        )

    async def note(self, tenant_id: UUID, document_id: UUID, stage: Stage, share: float) -> None:
        """Note the stage and how much of the work is done, 0 to 1."""
        async with self.database.lean(tenant_id) as connection:
            await connection.execute(_NOTE, tenant_id, document_id, str(stage), share)

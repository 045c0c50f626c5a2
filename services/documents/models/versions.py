"""Earlier files of documents."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKeyConstraint, Text
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned
from services.documents.models.base import Base
from services.documents.models.documents import Document


class DocumentVersion(TenantOwned, Base):
    """A file of a document that another one has taken the place of.

    `version` is the last that was made of it: trying again and restoring make new versions of the
    same file. Of one that was `purged_at` some moment the row alone is left.
    """

    __tablename__ = "document_versions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "document_id"],
            ["documents.tenant_id", "documents.id"],
            ondelete="CASCADE",
        ),
    )

    document_id: Mapped[UUID]
    version: Mapped[int]
    blob_id: Mapped[UUID]
    filename: Mapped[str] = mapped_column(Text)
    document_type: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    content_hash: Mapped[bytes]
    uploaded_by: Mapped[UUID | None]
    status: Mapped[str] = mapped_column(Text)
    replaced_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    purged_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    @classmethod
    def of(cls, document: Document, *, now: datetime) -> "DocumentVersion":
        """Note the file that a document has now, before it gets another."""
        return cls(
            document_id=document.id,
            version=document.version,
            blob_id=document.blob_id,
            filename=document.next_filename or document.filename,
            document_type=document.document_type,
            size_bytes=document.size_bytes,
            content_hash=document.content_hash,
            uploaded_by=document.uploaded_by,
            status=document.status,
            replaced_at=now,
        )

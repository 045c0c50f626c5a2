"""The files that a document has had, as the API shows them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.documents.models import Document, DocumentVersion


class VersionOut(BaseModel):
    """A file, with the versions that were made of it: trying again makes another one."""

    version: int
    first_version: int
    filename: str
    document_type: str
    file_size: int
    status: str = Field(description="What had become of it when another took its place.")
    is_current: bool
    is_live: bool = Field(description="Whether search shows it.")
    uploaded_by: UUID | None
    created_at: datetime
    replaced_at: datetime | None


class VersionListOut(BaseModel):
    """A document's files, newest first."""

    document_id: UUID
    versions: list[VersionOut]

    @classmethod
    def of(cls, document: Document, earlier: Sequence[DocumentVersion]) -> Self:
        """Show a document's files; each began when the one before it was replaced."""
        # Beyond what is listed, nobody asks when exactly.
        ends = [*((file.version, file.replaced_at) for file in earlier), (0, document.created_at)]
        shown: list[VersionOut] = []
        files: list[Document | DocumentVersion] = [document, *earlier]
        for file, (before, since) in zip(files, ends, strict=True):
            is_current = isinstance(file, Document)
            live = document.live_version
            shown.append(
                VersionOut(
                    version=file.version,
                    first_version=before + 1,
                    filename=(file.next_filename or file.filename)
                    if isinstance(file, Document)
                    else file.filename,
                    document_type=file.document_type,
                    file_size=file.size_bytes,
                    status=file.status,
                    is_current=is_current,
                    is_live=live is not None and before < live <= file.version,
                    uploaded_by=file.uploaded_by,
                    created_at=since,
                    replaced_at=None if isinstance(file, Document) else file.replaced_at,
                )
            )
        return cls(document_id=document.id, versions=shown)

"""Giving a document's original file back."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from services.documents.domain.documents import blob_key
from services.documents.domain.errors import DocumentNotFound, VersionNotFound
from services.documents.domain.ports import BlobStore
from services.documents.models import Document, DocumentVersion
from services.documents.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file on its way out."""

    filename: str
    size_bytes: int
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True, kw_only=True)
class DownloadDocument:
    """Open the file that was uploaded; it is decrypted on its way."""

    tenant_id: UUID
    unit_of_work: OpenUnitOfWork
    blobs: BlobStore

    async def __call__(self, document_id: UUID, *, version: int | None = None) -> Download:
        """Return the file, with its first bytes read, so that what is wrong is known by now.

        Args:
            document_id: Which document.
            version: The file that this version was made of, as a citation names it; the newest
                without.

        Raises:
            DocumentNotFound: The tenant has no such document, or it is deleted.
            VersionNotFound: The document has had no such version, or its file is not kept.
            BlobMissing: Its bytes are gone or damaged.
            BlobStoreUnavailable: The store is out of reach.
        """
        async with self.unit_of_work(read_only=True) as uow:
            document = await uow.documents.live(document_id)
            if document is None:
                raise DocumentNotFound
            file: Document | DocumentVersion = document
            if version is not None:
                if not 1 <= version <= document.version:
                    raise VersionNotFound
                earlier = await uow.versions.file_of(document_id, version)
                if earlier is not None and earlier.purged_at is not None:
                    raise VersionNotFound
                file = earlier or document
        chunks = self.blobs.read(self.tenant_id, blob_key(file.blob_id))
        first = await anext(chunks, b"")
        named = file.next_filename if isinstance(file, Document) else None
        return Download(
            filename=named or file.filename,
            size_bytes=file.size_bytes,
            chunks=_from(first, chunks),
        )


async def _from(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk

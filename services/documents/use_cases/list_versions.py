"""The files that a document has had."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.documents.domain.errors import DocumentNotFound
from services.documents.models import Document, DocumentVersion
from services.documents.repositories.unit_of_work import OpenUnitOfWork

MAX_LISTED: Final = 200


@dataclass(frozen=True, kw_only=True)
class ListVersions:
    """Show a document's present file and those before it."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, document_id: UUID) -> tuple[Document, Sequence[DocumentVersion]]:
        """Return the document and its earlier files, newest first, `MAX_LISTED` at most.

        Raises:
            DocumentNotFound: The tenant has no such document, or it is deleted.
        """
        async with self.unit_of_work(read_only=True) as uow:
            document = await uow.documents.live(document_id)
            if document is None:
                raise DocumentNotFound
            return document, await uow.versions.of_document(document_id, limit=MAX_LISTED)

"""Documents that were sent in by their addresses: the page is fetched by a worker."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from libs.common.events.catalogue.documents import DocumentUploaded
from libs.common.ids import new_id
from services.documents.domain.documents import Status, blob_key
from services.documents.domain.errors import BlobStoreUnavailable, UnreadableDocument
from services.documents.domain.jobs import IndexDocument
from services.documents.domain.ports import BlobStore
from services.documents.domain.web_addresses import BadAddress, read_address
from services.documents.domain.website_errors import PageNotFetched, PageUnavailable
from services.documents.domain.websites import PAGE_ATTEMPTS
from services.documents.models import Document
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork, OpenUnitOfWork
from services.documents.use_cases.fail_document import FailDocument
from services.documents.use_cases.keep_page import PageContent
from services.documents.use_cases.queue_indexing import queue_indexing
from services.documents.use_cases.replace_document import replace_file
from services.documents.use_cases.visit_page import VisitPage


@dataclass(frozen=True, kw_only=True)
class FetchDocument:
    """Get the page of a document, and have it indexed."""

    tenant_id: UUID
    unit_of_work: OpenUnitOfWork
    blobs: BlobStore
    visit: VisitPage
    fail: FailDocument

    async def __call__(self, document_id: UUID, *, version: int, attempt: int) -> None:
        """Fetch; a document that is deleted, or wanted otherwise by now, is left alone.

        Args:
            document_id: Which document.
            version: Which version is wanted.
            attempt: A page that does not answer is tried a few times.

        Raises:
            PageUnavailable: It may answer later.
            Unavailable: A part of ours is out of reach.
        """
        async with self.unit_of_work() as uow:
            document = await uow.documents.live(document_id)
        if document is None or document.version != version or not document.source_url:
            return
        try:
            fetched = await self.visit.fetch(read_address(document.source_url), scope=None)
            content, _ = await self.visit.read(fetched)
        except PageNotFetched as error:
            if error.temporary and attempt < PAGE_ATTEMPTS:
                raise PageUnavailable(error.message) from error
            await self._give_up(document_id, version, error.code, error.message)
        except (UnreadableDocument, BadAddress) as error:
            code = error.code if isinstance(error, UnreadableDocument) else "url_not_allowed"
            await self._give_up(document_id, version, code, f"The page could not be read: {error}")
        else:
            await self._keep(document_id, version, content)

    async def _give_up(self, document_id: UUID, version: int, code: str, message: str) -> None:
        await self.fail(document_id, version=version, code=code, message=message)

    async def _keep(self, document_id: UUID, version: int, content: PageContent) -> None:
        content_hash = hashlib.sha256(content.body).digest()
        blob_id = new_id()
        await self.blobs.put(self.tenant_id, blob_key(blob_id), _once(content.body))
        needed, refused = False, None
        async with self.unit_of_work() as uow:
            document = await uow.documents.live(document_id, lock=True)
            if document is not None and document.version == version:
                known = await uow.documents.with_content(document.agent_id, content_hash)
                if known is None:
                    needed = True
                    await self._change(uow, document, content, blob_id, content_hash)
                elif known.id != document.id:
                    refused = "The agent has a document with the same content already"
                    # One for some groups only is not named to those who may not know of it.
                    refused += "." if known.groups else f": {known.id}."
                elif document.status == Status.FAILED:
                    # Sending it once more is how people ask for another attempt.
                    document.queue_again(keep_live=True)
                    queue_indexing(uow, document)
        if refused is not None:
            await self._give_up(document_id, version, "document_duplicate", refused)
        if not needed:
            # One that cannot be deleted now is swept later.
            with suppress(BlobStoreUnavailable):
                await self.blobs.delete(self.tenant_id, [blob_key(blob_id)])

    async def _change(
        self,
        uow: DocumentsUnitOfWork,
        document: Document,
        content: PageContent,
        blob_id: UUID,
        content_hash: bytes,
    ) -> None:
        if document.size_bytes:
            new = Document.pending(
                id=blob_id,
                agent_id=document.agent_id,
                filename=content.filename,
                document_type=content.document_type,
                size_bytes=len(content.body),
                content_hash=content_hash,
                uploaded_by=document.uploaded_by,
                extra={},
                now=datetime.now(UTC),
            )
            await replace_file(uow, document, new, now=new.created_at)
            return
        document.blob_id = blob_id
        document.content_hash = content_hash
        document.size_bytes = len(content.body)
        document.document_type = content.document_type
        document.filename = content.filename
        # The task is about this version, and had its job already.
        uow.jobs.add(IndexDocument(document_id=document.id, version=document.version))
        uow.outbox.record(
            DocumentUploaded(
                document_id=document.id,
                agent_id=document.agent_id,
                size_bytes=document.size_bytes,
            ),
            aggregate_id=document.id,
        )


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content

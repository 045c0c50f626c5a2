"""Taking files in: checked, kept, and queued for indexing."""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from libs.common.errors import AppError, Unavailable
from libs.common.events.catalogue.documents import DocumentUploaded
from libs.common.ids import new_id
from services.documents.domain.documents import (
    Labels,
    Status,
    Upload,
    UploadForm,
    blob_key,
    clean_filename,
)
from services.documents.domain.errors import (
    BlobStoreUnavailable,
    DocumentInMotion,
    EmptyDocument,
    FetchingNotAvailable,
    HiddenTwin,
    NothingUploaded,
    UnreadableDocument,
    UnsupportedType,
    UploadTooLarge,
)
from services.documents.domain.ports import Agents, BlobStore
from services.documents.domain.readers import Reader, check_groups
from services.documents.models import Document
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork, OpenUnitOfWork
from services.documents.use_cases.queue_indexing import queue_indexing

# A file up to this size waits in memory for the check of its agent; larger ones go to the store
# as they come in.
HELD_BYTES: Final = 1024 * 1024
# And all small files of a form together.
HELD_TOTAL_BYTES: Final = 16 * 1024 * 1024
# What the type is told from.
HEAD_BYTES: Final = 64 * 1024

Sniff = Callable[[bytes, str], str | None]


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A file that is a document now; `duplicate` when its agent knew the same bytes before."""

    document: Document
    duplicate: bool


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """A file that could not be taken, and why."""

    filename: str
    error: AppError


@dataclass(frozen=True, kw_only=True)
class UploadOutcome:
    """What became of each file of an upload."""

    accepted: list[Accepted] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _Received:
    """A file whose bytes are here: in `content`, or in the store when that is None."""

    document_id: UUID
    filename: str
    document_type: str
    size_bytes: int
    content_hash: bytes
    content: bytes | None


@dataclass(frozen=True, kw_only=True)
class UploadDocuments:
    """Keep the files, then note the documents and the work they call for.

    One bad file does not spoil the others; an unknown agent spoils all.
    """

    tenant_id: UUID
    caller_id: UUID | None
    reader: Reader
    unit_of_work: OpenUnitOfWork
    blobs: BlobStore
    agents: Agents
    sniff: Sniff
    max_bytes: int

    async def __call__(self, form: UploadForm) -> UploadOutcome:
        """Take in all files of a form.

        Raises:
            NothingUploaded: The form has no file.
            AgentRequired: The form names no agent.
            AgentNotFound: The tenant has no such agent.
        """
        received: list[_Received] = []
        outcome = UploadOutcome()
        superfluous: list[UUID] = []
        noting = False
        try:
            async for upload in form.files():
                room = HELD_TOTAL_BYTES - sum(len(file.content or b"") for file in received)
                try:
                    received.append(await self._receive(upload, room=room))
                except (UnreadableDocument, UploadTooLarge) as error:
                    filename = clean_filename(upload.filename)
                    outcome.rejected.append(Rejected(filename=filename, error=error))
            outcome.rejected.extend(
                Rejected(filename=url, error=FetchingNotAvailable()) for url in form.urls()
            )
            if not received and not outcome.rejected:
                raise NothingUploaded
            agent_id = form.agent_id()
            labels = form.labels()
            check_groups(labels.groups, self.reader)
            await self.agents.find(self.tenant_id, agent_id)
            # A blob without a row is swept up; a row without its blob is a broken promise.
            for file in received:
                if file.content is not None:
                    await self.blobs.put(
                        self.tenant_id, blob_key(file.document_id), _once(file.content)
                    )
            noting = True
            outcome.accepted.extend(await self._note(received, agent_id, form.extra(), labels))
        except AppError as error:
            # A database that went away may have committed the rows: the sweep will know.
            if not (noting and isinstance(error, Unavailable)):
                superfluous = [file.document_id for file in received if file.content is None]
            raise
        else:
            kept = {accepted.document.blob_id for accepted in outcome.accepted}
            superfluous = [file.document_id for file in received if file.document_id not in kept]
        finally:
            # What is done is done: blobs that cannot be deleted now are swept later.
            with suppress(BlobStoreUnavailable):
                await self.blobs.delete(self.tenant_id, [blob_key(id_) for id_ in superfluous])
        return outcome

    async def _receive(self, upload: Upload, *, room: int) -> _Received:
        document_id = new_id()
        filename = clean_filename(upload.filename)
        counted = _Counted(upload.chunks, max_bytes=self.max_bytes)
        most = min(HELD_BYTES, room)
        held = bytearray()
        async for chunk in counted:
            held += chunk
            if len(held) > max(most, HEAD_BYTES):
                break
        document_type = self._type_of(bytes(held), filename)
        content: bytes | None = bytes(held)
        if len(held) > most:
            content = None
            await self.blobs.put(
                self.tenant_id, blob_key(document_id), _joined(bytes(held), counted)
            )
        return _Received(
            document_id=document_id,
            filename=filename,
            document_type=document_type,
            size_bytes=counted.size_bytes,
            content_hash=counted.digest(),
            content=content,
        )

    def _type_of(self, start: bytes, filename: str) -> str:
        if not start.strip():
            raise EmptyDocument
        document_type = self.sniff(start[:HEAD_BYTES], filename)
        if document_type is None:
            raise UnsupportedType
        return document_type

    async def _note(
        self,
        received: list[_Received],
        agent_id: UUID,
        extra: dict[str, str],
        labels: Labels,
    ) -> list[Accepted]:
        now = datetime.now(UTC)
        async with self.unit_of_work() as uow:
            accepted = []
            # In one order for all, so that twins of this upload wait and do not deadlock.
            for file in sorted(received, key=lambda file: file.content_hash):
                document = Document.pending(
                    id=file.document_id,
                    agent_id=agent_id,
                    filename=file.filename,
                    document_type=file.document_type,
                    size_bytes=file.size_bytes,
                    content_hash=file.content_hash,
                    uploaded_by=self.caller_id,
                    extra=extra,
                    now=now,
                    groups=labels.groups,
                    tags=labels.tags,
                )
                accepted.append(await _add(uow, document, self.reader))
        order = {file.content_hash: index for index, file in enumerate(received)}
        accepted.sort(key=lambda item: order[item.document.content_hash])
        return accepted


async def _add(uow: DocumentsUnitOfWork, document: Document, reader: Reader) -> Accepted:
    if await uow.documents.add_if_new(document):
        queue_indexing(uow, document)
        uow.outbox.record(
            DocumentUploaded(
                document_id=document.id,
                agent_id=document.agent_id,
                size_bytes=document.size_bytes,
            ),
            aggregate_id=document.id,
        )
        return Accepted(document=document, duplicate=False)
    known = await uow.documents.with_content(document.agent_id, document.content_hash, lock=True)
    if known is None:
        raise DocumentInMotion
    if not reader.may_read(known.groups):
        raise HiddenTwin
    if known.status == Status.FAILED:
        # Sending it once more is how people ask for another attempt. The fault may have been
        # in the stored bytes, so the new ones take their place.
        known.blob_id = document.blob_id
        known.queue_again()
        queue_indexing(uow, known)
    return Accepted(document=known, duplicate=True)


class _Counted:
    """Counts and hashes a stream on its way; breaks it off above the limit."""

    def __init__(self, chunks: AsyncIterator[bytes], *, max_bytes: int) -> None:
        self._chunks = chunks
        self._max_bytes = max_bytes
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._chunks)
        self.size_bytes += len(chunk)
        if self.size_bytes > self._max_bytes:
            raise UploadTooLarge(
                f"The file is larger than {self._max_bytes / 2**20:g} MiB.",
                details={"max_bytes": self._max_bytes},
            )
        self._hash.update(chunk)
        return chunk

    def digest(self) -> bytes:
        return self._hash.digest()


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _joined(start: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield start
    async for chunk in rest:
        yield chunk

"""Taking files in: checked, kept, and queued for indexing."""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from libs.common.errors import AppError, Unavailable
from libs.common.events.catalogue.documents import DocumentUploaded
from libs.common.ids import new_id
from services.documents.domain.documents import (
    Status,
    Upload,
    UploadForm,
    blob_key,
    clean_filename,
)
from services.documents.domain.errors import (
    BlobStoreUnavailable,
    DocumentInMotion,
    DocumentNotFound,
    EmptyDocument,
    HiddenTwin,
    NothingUploaded,
    OneFileOnly,
    UnreadableDocument,
    UnsupportedType,
    UploadTooLarge,
)
from services.documents.domain.ports import Agents, BlobStore
from services.documents.domain.readers import Reader, check_groups
from services.documents.domain.web_addresses import WebAddress
from services.documents.models import Document
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork, OpenUnitOfWork
from services.documents.use_cases.change_document import set_labels
from services.documents.use_cases.note_addresses import NoteAddresses
from services.documents.use_cases.queue_indexing import queue_indexing
from services.documents.use_cases.replace_document import replace_file

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
    """A file that is a document now.

    Attributes:
        document: The document.
        duplicate: Its agent knew the same bytes before.
        replaced: The file takes the place of another one of this document.
    """

    document: Document
    duplicate: bool = False
    replaced: bool = False


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

    A file whose name its agent knows takes that document's place. One bad file does not spoil the
    others; an unknown agent spoils all.
    """

    tenant_id: UUID
    caller_id: UUID | None
    reader: Reader
    unit_of_work: OpenUnitOfWork
    blobs: BlobStore
    agents: Agents
    addresses: NoteAddresses
    sniff: Sniff
    max_bytes: int

    async def __call__(self, form: UploadForm, *, document_id: UUID | None = None) -> UploadOutcome:
        """Take in all files of a form, and note the addresses that it names.

        Args:
            form: The files.
            document_id: The document that the form's one file is for, unless the form says it.

        Raises:
            NothingUploaded: The form has no file and no address.
            OneFileOnly: It has several, for one document.
            DocumentNotFound: The tenant has no such document.
            SameContent: The agent has the file as another document.
            AgentRequired: The form names no agent.
            AgentNotFound: The tenant has no such agent.
        """
        if document_id is not None:
            await self._agent_of_document(document_id)
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
            addresses, refused = self.addresses.check(form.urls())
            outcome.rejected.extend(Rejected(filename=url, error=why) for url, why in refused)
            if not received and not addresses and not outcome.rejected:
                raise NothingUploaded
            wanted = document_id or form.document_id()
            agent_id = await self._agent_of(form, wanted, files=len(received))
            check_groups(form.labels().groups, self.reader)
            # A blob without a row is swept up; a row without its blob is a broken promise.
            for file in received:
                if file.content is not None:
                    await self.blobs.put(
                        self.tenant_id, blob_key(file.document_id), _once(file.content)
                    )
            noting = True
            documents = [self._document(file, agent_id, form) for file in received]
            outcome.accepted.extend(await self._note(documents, addresses, agent_id, wanted, form))
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

    async def _agent_of(self, form: UploadForm, document_id: UUID | None, *, files: int) -> UUID:
        """Return the agent that the files are for."""
        if document_id is None:
            agent_id = form.agent_id()
            await self.agents.find(self.tenant_id, agent_id)
            return agent_id
        if files > 1:
            raise OneFileOnly
        return await self._agent_of_document(document_id)

    async def _agent_of_document(self, document_id: UUID) -> UUID:
        async with self.unit_of_work(read_only=True) as uow:
            document = await uow.documents.live(document_id)
        if document is None:
            raise DocumentNotFound
        return document.agent_id

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

    def _document(self, file: _Received, agent_id: UUID, form: UploadForm) -> Document:
        labels = form.labels()
        return Document.pending(
            id=file.document_id,
            agent_id=agent_id,
            filename=file.filename,
            document_type=file.document_type,
            size_bytes=file.size_bytes,
            content_hash=file.content_hash,
            uploaded_by=self.caller_id,
            extra=form.extra(),
            now=datetime.now(UTC),
            groups=labels.groups,
            tags=labels.tags,
        )

    async def _note(
        self,
        documents: list[Document],
        addresses: Sequence[WebAddress],
        agent_id: UUID,
        wanted: UUID | None,
        form: UploadForm,
    ) -> list[Accepted]:
        """Note files and addresses, all or none: a refusal has the files' bytes deleted."""
        if not documents and not addresses:
            return []
        accepted: list[Accepted] = []
        async with self.unit_of_work() as uow:
            if documents and wanted is not None:
                accepted = [await _give(uow, documents[0], wanted)]
            elif documents:
                accepted = await _add_all(uow, documents, replace=form.replace())
                order = {document.content_hash: place for place, document in enumerate(documents)}
                accepted.sort(key=lambda item: order[item.document.content_hash])
            noted = await self.addresses(uow, addresses, agent_id, form.extra(), form.labels())
        return [
            *accepted,
            *(Accepted(document=document, duplicate=known) for document, known in noted),
        ]


async def _give(uow: DocumentsUnitOfWork, new: Document, wanted: UUID) -> Accepted:
    """Give the wanted document the new file."""
    known = await uow.documents.live(wanted, lock=True)
    if known is None:
        raise DocumentNotFound
    if known.content_hash == new.content_hash:
        return _known_already(uow, known, new)
    return await _replaced(uow, known, new)


async def _replaced(uow: DocumentsUnitOfWork, known: Document, new: Document) -> Accepted:
    await replace_file(uow, known, new, now=new.created_at)
    set_labels(uow, known, groups=new.groups or None, tags=new.tags or None)
    return Accepted(document=known, replaced=True)


async def _add_all(
    uow: DocumentsUnitOfWork, documents: list[Document], *, replace: bool
) -> list[Accepted]:
    names = Counter(document.filename for document in documents)
    accepted: list[Accepted] = []
    known_before: list[Document] = []
    # In one order for all, so that twins of this upload wait and do not deadlock.
    for document in sorted(documents, key=lambda document: document.content_hash):
        # Two of a name in one upload come from different folders.
        new_name = replace and names[document.filename] == 1
        if await uow.documents.add_if_new(document, new_name=new_name):
            accepted.append(_added(uow, document))
        else:
            known_before.append(document)
    if not known_before:
        return accepted
    alike = await uow.documents.alike(
        documents[0].agent_id,
        content_hashes=[document.content_hash for document in known_before],
        filenames=[name for name, count in names.items() if replace and count == 1],
    )
    accepted.extend([await _add_known(uow, document, alike) for document in known_before])
    return accepted


async def _add_known(
    uow: DocumentsUnitOfWork, new: Document, alike: Sequence[Document]
) -> Accepted:
    for known in alike:
        if known.content_hash == new.content_hash:
            return _known_already(uow, known, new)
    named = [known for known in alike if known.filename == new.filename]
    if len(named) == 1:
        return await _replaced(uow, named[0], new)
    # Which of several would be a guess; and one may have gone at this moment.
    if not await uow.documents.add_if_new(new):
        if await uow.documents.with_content(new.agent_id, new.content_hash) is not None:
            # One that the caller may not read, or else it would be among those alike.
            raise HiddenTwin
        raise DocumentInMotion
    return _added(uow, new)


def _added(uow: DocumentsUnitOfWork, document: Document) -> Accepted:
    queue_indexing(uow, document)
    uow.outbox.record(
        DocumentUploaded(
            document_id=document.id, agent_id=document.agent_id, size_bytes=document.size_bytes
        ),
        aggregate_id=document.id,
    )
    return Accepted(document=document)


def _known_already(uow: DocumentsUnitOfWork, known: Document, new: Document) -> Accepted:
    if known.status == Status.FAILED:
        # Sending it once more is how people ask for another attempt. The fault may have been
        # in the stored bytes, so the new ones take their place.
        known.blob_id = new.blob_id
        known.queue_again(keep_live=True)
        queue_indexing(uow, known)
    set_labels(uow, known, groups=new.groups or None, tags=new.tags or None)
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

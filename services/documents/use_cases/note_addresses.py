"""Addresses that are sent in instead of files: noted here, fetched by a worker."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from libs.common.errors import AppError
from libs.common.ids import new_id
from services.documents.domain.documents import Labels, Status, clean_filename
from services.documents.domain.errors import DocumentInMotion, HiddenTwin
from services.documents.domain.jobs import FetchDocument
from services.documents.domain.web_addresses import WebAddress
from services.documents.domain.website_errors import AddressNotAllowed, TooManyAddresses
from services.documents.models import Document
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork
from services.documents.use_cases.change_document import set_labels
from services.documents.use_cases.manage_websites import AddressCheck
from services.documents.use_cases.queue_indexing import queue_indexing

MAX_ADDRESSES: Final = 500


@dataclass(frozen=True, kw_only=True)
class NoteAddresses:
    """Make documents of addresses; one that the agent knows is looked at again."""

    caller_id: UUID | None
    check_address: AddressCheck

    def check(self, urls: Sequence[str]) -> tuple[list[WebAddress], list[tuple[str, AppError]]]:
        """Part addresses that may be fetched from those that may not, with the reasons."""
        addresses: dict[str, WebAddress] = {}
        refused: list[tuple[str, AppError]] = []
        for url in urls:
            if len(addresses) >= MAX_ADDRESSES:
                refused.append((url[:200], TooManyAddresses()))
                continue
            try:
                address = self.check_address(url)
            except AddressNotAllowed as error:
                refused.append((url[:200], error))
            else:
                addresses[address.key] = address
        return list(addresses.values()), refused

    async def __call__(
        self,
        uow: DocumentsUnitOfWork,
        addresses: Sequence[WebAddress],
        agent_id: UUID,
        extra: dict[str, str],
        labels: Labels,
    ) -> list[tuple[Document, bool]]:
        """Return the documents, each with whether the agent had it before.

        Raises:
            HiddenTwin: One is there, and the caller may not read it.
        """
        # In one order for all, so that twins of this upload wait and do not deadlock.
        noted = {
            address.key: await self._note(uow, address, agent_id, extra, labels)
            for address in sorted(addresses, key=lambda address: address.key)
        }
        return [noted[address.key] for address in addresses]

    async def _note(
        self,
        uow: DocumentsUnitOfWork,
        address: WebAddress,
        agent_id: UUID,
        extra: dict[str, str],
        labels: Labels,
    ) -> tuple[Document, bool]:
        known = await uow.documents.from_address(agent_id, address.url)
        if known is None:
            document = self._new(address, agent_id, extra, labels)
            if await uow.documents.add_if_new(document):
                queue_indexing(uow, document)
                return document, False
            known = await uow.documents.from_address(agent_id, address.url)
            if known is None:
                if await uow.documents.with_content(agent_id, document.content_hash) is not None:
                    raise HiddenTwin
                raise DocumentInMotion
        if known.status == Status.FAILED and known.size_bytes == 0:
            known.queue_again()
            queue_indexing(uow, known)
        elif known.status in (Status.FAILED, Status.PROCESSED):
            uow.jobs.add(FetchDocument(document_id=known.id, version=known.version))
        set_labels(uow, known, groups=labels.groups or None, tags=labels.tags or None)
        return known, True

    def _new(
        self, address: WebAddress, agent_id: UUID, extra: dict[str, str], labels: Labels
    ) -> Document:
        document = Document.pending(
            id=new_id(),
            agent_id=agent_id,
            filename=clean_filename(address.key.replace("/", "\u2215")),
            document_type="html",
            size_bytes=0,
            # Until the page is here; nothing that is uploaded has this hash.
            content_hash=hashlib.sha256(b"address\0" + address.key.encode()).digest(),
            uploaded_by=self.caller_id,
            extra=extra,
            now=datetime.now(UTC),
            groups=labels.groups,
            tags=labels.tags,
        )
        document.source_url = address.url
        return document

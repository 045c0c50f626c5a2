"""Giving a document up, with a reason that its owner can act on."""

from dataclasses import dataclass
from uuid import UUID

import structlog

from libs.common.events.catalogue.documents import DocumentFailed
from services.documents.domain.documents import Status
from services.documents.repositories.unit_of_work import OpenUnitOfWork

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class FailDocument:
    """Mark a document as failed."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, document_id: UUID, *, version: int, code: str, message: str) -> None:
        """Note the failure, unless this version is done or superseded.

        Args:
            document_id: Which document.
            version: Which version failed.
            code: The stable reason.
            message: A sentence for the document's owner.
        """
        async with self.unit_of_work() as uow:
            document = await uow.documents.live(document_id, lock=True)
            if document is None or document.version != version:
                return
            if document.status in (Status.PROCESSED, Status.FAILED):
                return
            document.status = Status.FAILED
            document.reason_code = code
            document.processing_error = message
            uow.outbox.record(
                DocumentFailed(
                    document_id=document.id, agent_id=document.agent_id, reason_code=code
                ),
                aggregate_id=document.id,
            )
        log.info("document_failed", document_id=str(document_id), reason_code=code)

"""Hand-offs, into the audit trail; who waits for a person is told to the company by mail."""

from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.events.catalogue.conversations import HandoffChanged
from libs.common.events.delivery import EveryOne, Handlers
from libs.common.events.envelope import EventEnvelope
from libs.common.jobs.queue import JobQueue
from services.auth.domain.audit import AuditEvent, AuditRecord
from services.auth.domain.mails import HANDOFF_REQUESTED, SendNotice
from services.auth.repositories.audit import AuditTrail
from services.auth.repositories.handoffs import admins_to_tell

_SAID: Final = {
    "waiting": "A visitor asked for a person.",
    "human": "A person took over a conversation.",
    "bot": "A conversation was given back to its agent.",
    "closed": "A person closed a conversation.",
}


async def on_handoff(event: HandoffChanged, envelope: EventEnvelope, session: AsyncSession) -> None:
    """Record the change, and tell the company's admins that somebody waits."""
    record = AuditRecord(
        event=AuditEvent.HANDOFF_CHANGED,
        description=_SAID[event.status],
        actor_id=event.user_id if event.user_id != UUID(int=0) else None,
        entity_type="conversation",
        entity_id=event.conversation_id,
        details={"state": event.status},
    )
    await AuditTrail(session, envelope.tenant_id).append(record, now=envelope.occurred_at)
    if event.status != "waiting":
        return
    jobs = JobQueue(session, envelope.tenant_id)
    # Visitors can ask as often as they like; one mail in five minutes will do.
    for user_id in await admins_to_tell(session, envelope.tenant_id, notice=HANDOFF_REQUESTED):
        jobs.add(SendNotice(user_id=user_id, notice=HANDOFF_REQUESTED))
    await jobs.write()


HANDLERS: Final[Handlers] = {HandoffChanged: EveryOne(on_handoff)}

"""Hand-offs and webhooks, into the audit trail; what wants a person is told to admins by mail."""

from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.events.catalogue.conversations import HandoffChanged, WebhookChanged
from libs.common.events.delivery import EveryOne, Handlers
from libs.common.events.envelope import EventEnvelope
from libs.common.jobs.queue import JobQueue
from services.auth.domain.audit import AuditEvent, AuditRecord
from services.auth.domain.mails import HANDOFF_REQUESTED, WEBHOOK_DISABLED, SendNotice
from services.auth.repositories.audit import AuditTrail
from services.auth.repositories.handoffs import admins_to_tell

_SAID: Final = {
    "waiting": "A visitor asked for a person.",
    "human": "A person took over a conversation.",
    "bot": "A conversation was given back to its agent.",
    "closed": "A person closed a conversation.",
}
_DONE: Final = {
    "created": "A webhook was added.",
    "updated": "A webhook was changed.",
    "deleted": "A webhook was deleted.",
    "secret_rotated": "A webhook got a new secret.",
    "disabled": "A webhook that failed for long was switched off.",
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
    await _mail_admins(session, envelope.tenant_id, HANDOFF_REQUESTED)


async def on_webhook(event: WebhookChanged, envelope: EventEnvelope, session: AsyncSession) -> None:
    """Record the change, and tell the company's admins that a webhook was switched off."""
    record = AuditRecord(
        event=AuditEvent.WEBHOOK_CHANGED,
        description=_DONE[event.status],
        actor_id=event.user_id if event.user_id != UUID(int=0) else None,
        entity_type="webhook",
        entity_id=event.webhook_id,
        details={"change": event.status},
    )
    await AuditTrail(session, envelope.tenant_id).append(record, now=envelope.occurred_at)
    if event.status == "disabled":
        await _mail_admins(session, envelope.tenant_id, WEBHOOK_DISABLED)


async def _mail_admins(session: AsyncSession, tenant_id: UUID, notice: str) -> None:
    jobs = JobQueue(session, tenant_id)
    # Visitors can ask as often as they like; one mail in five minutes will do.
    for user_id in await admins_to_tell(session, tenant_id, notice=notice):
        jobs.add(SendNotice(user_id=user_id, notice=notice))
    await jobs.write()


HANDLERS: Final[Handlers] = {
    HandoffChanged: EveryOne(on_handoff),
    WebhookChanged: EveryOne(on_webhook),
}

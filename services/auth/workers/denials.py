"""What other processes tell the audit trail: refusals, and rotated keys."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.events.catalogue.audit import AccessDenied, KeysRotated
from libs.common.events.delivery import EveryOne, Handlers
from libs.common.events.envelope import EventEnvelope
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk, denied
from services.auth.repositories.audit import AuditTrail


async def on_denied(event: AccessDenied, envelope: EventEnvelope, session: AsyncSession) -> None:
    """Record who was refused what."""
    record = denied(
        event.model_dump(include={"service", "method", "route", "reason", "times", "caller_kind"}),
        caller_id=event.caller_id,
        user_id=event.user_id,
        role=event.role,
        address=event.address,
    )
    trail = AuditTrail(session, envelope.tenant_id, impersonator_id=event.impersonator_id)
    await trail.append(record, now=envelope.occurred_at)


async def on_rotated(event: KeysRotated, envelope: EventEnvelope, session: AsyncSession) -> None:
    """Record that a service's keys were replaced."""
    record = AuditRecord(
        event=AuditEvent.KEYS_ROTATED,
        description=f"The encryption keys of {event.service} were replaced by an operator.",
        risk=Risk.HIGH,
        entity_type="encryption_keys",
        details=event.model_dump(),
    )
    await AuditTrail(session, envelope.tenant_id).append(record, now=envelope.occurred_at)


HANDLERS: Final[Handlers] = {
    AccessDenied: EveryOne(on_denied),
    KeysRotated: EveryOne(on_rotated),
}

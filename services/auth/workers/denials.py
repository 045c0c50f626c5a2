"""Refusals of all services, into the audit trail."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.events.catalogue.audit import AccessDenied
from libs.common.events.delivery import EveryOne, Handlers
from libs.common.events.envelope import EventEnvelope
from services.auth.domain.audit import denied
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


HANDLERS: Final[Handlers] = {AccessDenied: EveryOne(on_denied)}

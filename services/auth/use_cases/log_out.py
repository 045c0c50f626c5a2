"""Logging out."""

from dataclasses import dataclass

from libs.common.events.catalogue.auth import SessionEnded
from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, AuditRecord
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.ports import Revocations
from services.auth.domain.sessions import EndReason
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class LogOut:
    """End the caller's session; its tokens stop working everywhere within seconds."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    revocations: Revocations
    clock: Clock = utc_now

    async def __call__(self, *, address: str | None) -> None:
        session_id = self.caller.session_id
        if session_id is None:
            return
        now = self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            session = await uow.sessions.locked(session_id)
            if session is None or session.ended_at is not None:
                return
            session.end(EndReason.LOGGED_OUT, now)
            uow.outbox.record(
                SessionEnded(session_id=session_id, user_id=session.user_id),
                aggregate_id=session_id,
            )
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.LOGGED_OUT,
                    description="Logged out.",
                    actor_id=self.caller.user_id,
                    actor_role=self.caller.role,
                    entity_type="session",
                    entity_id=session_id,
                    address=address,
                ),
                now=now,
            )
        await self.revocations.session_ended(session_id)

"""The caller's sessions: seeing them, ending one, ending all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.common.events.catalogue.auth import SessionEnded
from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, by
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import SessionNotFound
from services.auth.domain.ports import Revocations
from services.auth.domain.sessions import EndReason
from services.auth.models.sessions import Session
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork


async def end_sessions(
    uow: AuthUnitOfWork,
    user_id: UUID,
    *,
    reason: EndReason,
    now: datetime,
    but: UUID | None = None,
) -> Sequence[UUID]:
    """End a user's sessions in a unit of work, and the logins that are half done.

    The user's row is locked by then, as it is when a session begins: no login that was checked
    before slips through. `Revocations` is told once it is committed.
    """
    await uow.challenges.end_all(user_id, now=now)
    ended = await uow.sessions.end_all(user_id, reason=reason, now=now, but=but)
    for session_id in ended:
        uow.outbox.record(
            SessionEnded(session_id=session_id, user_id=user_id), aggregate_id=session_id
        )
    return ended


@dataclass(frozen=True, kw_only=True)
class ListSessions:
    """Return the caller's own sessions that are not over, last used first."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(self) -> Sequence[Session]:
        user_id = self.caller.user_id
        if user_id is None:
            return []
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            return await uow.sessions.live_of(user_id, now=self.clock())


@dataclass(frozen=True, kw_only=True)
class EndSession:
    """End one of the caller's own sessions."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    revocations: Revocations
    clock: Clock = utc_now

    async def __call__(self, session_id: UUID, *, address: str | None) -> None:
        now = self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            session = await uow.sessions.locked(session_id)
            if session is None or session.user_id != self.caller.user_id:
                raise SessionNotFound
            if not session.is_live(now) or session.impersonator_id is not None:
                raise SessionNotFound
            session.end(EndReason.LOGGED_OUT, now)
            uow.outbox.record(
                SessionEnded(session_id=session.id, user_id=session.user_id),
                aggregate_id=session.id,
            )
            await uow.audit.append(
                by(
                    self.caller,
                    AuditEvent.SESSION_REVOKED,
                    "One of the own sessions ended.",
                    entity=("session", session.id),
                    address=address,
                ),
                now=now,
            )
        await self.revocations.session_ended(session_id)


@dataclass(frozen=True, kw_only=True)
class LogOutEverywhere:
    """End all of the caller's sessions, this one included."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    revocations: Revocations
    clock: Clock = utc_now

    async def __call__(self, *, address: str | None) -> int:
        user_id = self.caller.user_id
        if user_id is None:
            return 0
        now = self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            await uow.users.locked(user_id)
            ended = await end_sessions(uow, user_id, reason=EndReason.LOGGED_OUT, now=now)
            await uow.audit.append(
                by(
                    self.caller,
                    AuditEvent.LOGGED_OUT_EVERYWHERE,
                    "Logged out everywhere.",
                    entity=("user", user_id),
                    address=address,
                    details={"sessions_ended": len(ended)},
                ),
                now=now,
            )
        for session_id in ended:
            await self.revocations.session_ended(session_id)
        return len(ended)

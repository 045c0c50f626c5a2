"""A new password for somebody who knows the old one."""

from dataclasses import dataclass

from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, Risk, by
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import UserNotFound, WrongPassword
from services.auth.domain.mails import SendNotice
from services.auth.domain.ports import LoginThrottle, PasswordHasher, Revocations
from services.auth.domain.sessions import EndReason
from services.auth.domain.tokens import Purpose
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.end_sessions import end_sessions


@dataclass(frozen=True, kw_only=True)
class ChangePassword:
    """Change the caller's password; all sessions but this one end."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    hasher: PasswordHasher
    throttle: LoginThrottle
    revocations: Revocations
    clock: Clock = utc_now

    async def __call__(self, *, present: str, wanted: str, address: str) -> None:
        caller = self.caller
        async with self.unit_of_work(caller.tenant_id) as uow:
            user = await uow.users.with_password(caller.user_id) if caller.user_id else None
        if user is None:
            raise UserNotFound
        # A stolen session is no way around the login's limits.
        await self.throttle.check(email_key=user.email_key, address=address)
        verified = user.password_hash
        if not await self.hasher.verify(present, verified):
            raise WrongPassword
        password_hash = await self.hasher.hash(wanted)
        now = self.clock()
        async with self.unit_of_work(caller.tenant_id) as uow:
            user = await uow.users.locked(user.id)
            if user is None:
                raise UserNotFound
            # Meanwhile the owner may have set another, to shut out whoever knows this one.
            if await uow.users.password_hash_of(user.id) != verified:
                raise WrongPassword
            user.password_hash = password_hash
            user.updated_at = now
            await uow.one_time_tokens.use_all_of(user.id, purpose=Purpose.RESET_PASSWORD, now=now)
            ended = await end_sessions(
                uow, user.id, reason=EndReason.CHANGED, now=now, but=caller.session_id
            )
            uow.jobs.add(SendNotice(user_id=user.id, notice="password_changed"))
            await uow.audit.append(
                by(
                    caller,
                    AuditEvent.PASSWORD_CHANGED,
                    "Password changed.",
                    entity=("user", user.id),
                    risk=Risk.HIGH,
                    address=address,
                    details={"sessions_ended": len(ended)},
                ),
                now=now,
            )
        for session_id in ended:
            await self.revocations.session_ended(session_id)

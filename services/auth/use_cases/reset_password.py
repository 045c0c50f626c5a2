"""A forgotten password: asking for the link, and using it."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.common.database import PLATFORM_TENANT
from libs.common.ids import new_id
from services.auth.domain.accounts import email_key
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import LinkRefused
from services.auth.domain.mails import SendNotice, SendPasswordReset
from services.auth.domain.ports import LoginThrottle, PasswordHasher, Revocations
from services.auth.domain.sessions import EndReason
from services.auth.domain.tokens import Purpose, link_token_hash
from services.auth.repositories.credentials import Credentials
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.end_sessions import end_sessions
from services.auth.use_cases.revoke_credentials import remove_factors, revoke_keys


@dataclass(frozen=True, kw_only=True)
class RequestPasswordReset:
    """Queue the mail with the link.

    An unknown address takes the same steps, in the platform's own tenant, where no user is.
    """

    unit_of_work: OpenUnitOfWork
    credentials: Credentials
    throttle: LoginThrottle
    clock: Clock = utc_now

    async def __call__(self, email: str, *, address: str | None) -> None:
        key = email_key(email)
        await self.throttle.check_mail(email_key=key)
        found = await self.credentials.user_by_email(key)
        tenant_id, user_id = found or (PLATFORM_TENANT, new_id())
        async with self.unit_of_work(tenant_id) as uow:
            uow.jobs.add(SendPasswordReset(user_id=user_id))
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.PASSWORD_RESET_REQUESTED,
                    description="A link to set a new password was asked for.",
                    risk=Risk.MEDIUM,
                    entity_type="user",
                    entity_id=user_id if found else None,
                    address=address,
                ),
                now=self.clock(),
            )


@dataclass(frozen=True, kw_only=True)
class ResetPassword:
    """Set a new password by the link of a mail, and end all of the user's sessions.

    A second factor stays as it is: the next login asks for it. Unless the address was not
    verified: then somebody else may have registered it, and all that they left behind ends.
    """

    unit_of_work: OpenUnitOfWork
    credentials: Credentials
    hasher: PasswordHasher
    revocations: Revocations
    clock: Clock = utc_now

    async def __call__(self, token: str, *, password: str, address: str | None) -> None:
        token_hash = link_token_hash(token)
        tenant_id = token_hash and await self.credentials.tenant_of_link(token_hash)
        if not token_hash or not tenant_id:
            raise LinkRefused
        # Before the link is used up: hashing may be refused when many log in.
        password_hash = await self.hasher.hash(password)
        now = self.clock()
        async with self.unit_of_work(tenant_id) as uow:
            used = await uow.one_time_tokens.use(
                token_hash, purpose=Purpose.RESET_PASSWORD, now=now
            )
            user = await uow.users.locked(used.user_id) if used and used.user_id else None
            if user is None or not user.is_active:
                raise LinkRefused
            await uow.one_time_tokens.use_all_of(user.id, purpose=Purpose.RESET_PASSWORD, now=now)
            user.password_hash = password_hash
            user.password_reset_required = False
            user.login_attempts = 0
            pair_hashes: Sequence[bytes] = []
            if not user.email_verified:
                pair_hashes = await revoke_keys(uow, user, now=now)
                await remove_factors(uow, user, now=now)
            # Whoever reads the mail has the address.
            user.email_verified = True
            user.updated_at = now
            ended = await end_sessions(uow, user.id, reason=EndReason.CHANGED, now=now)
            uow.jobs.add(SendNotice(user_id=user.id, notice="password_changed"))
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.PASSWORD_RESET,
                    description="Password set by a link from a mail.",
                    risk=Risk.HIGH,
                    actor_id=user.id,
                    actor_role=user.role,
                    entity_type="user",
                    entity_id=user.id,
                    address=address,
                    details={"sessions_ended": len(ended), "api_keys": len(pair_hashes)},
                ),
                now=now,
            )
        for session_id in ended:
            await self.revocations.session_ended(session_id)
        for pair_hash in pair_hashes:
            await self.revocations.api_key_revoked(pair_hash)

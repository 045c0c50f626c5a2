"""Proving that an address is one's own."""

from dataclasses import dataclass

from libs.common.database import PLATFORM_TENANT
from libs.common.events.catalogue.auth import UserUpdated
from libs.common.ids import new_id
from services.auth.domain.accounts import UserStatus, email_key
from services.auth.domain.audit import AuditEvent, AuditRecord
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import LinkRefused
from services.auth.domain.mails import SendVerification
from services.auth.domain.ports import LoginThrottle
from services.auth.domain.tokens import Purpose, link_token_hash
from services.auth.repositories.credentials import Credentials
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class RequestVerification:
    """Queue the mail that proves an address; an unknown one costs the same work."""

    unit_of_work: OpenUnitOfWork
    credentials: Credentials
    throttle: LoginThrottle

    async def __call__(self, email: str) -> None:
        key = email_key(email)
        await self.throttle.check_mail(email_key=key)
        found = await self.credentials.user_by_email(key)
        tenant_id, user_id = found or (PLATFORM_TENANT, new_id())
        async with self.unit_of_work(tenant_id) as uow:
            uow.jobs.add(SendVerification(user_id=user_id))


@dataclass(frozen=True, kw_only=True)
class VerifyEmail:
    """Use the link of a mail up: the address is its user's."""

    unit_of_work: OpenUnitOfWork
    credentials: Credentials
    clock: Clock = utc_now

    async def __call__(self, token: str, *, address: str | None) -> None:
        token_hash = link_token_hash(token)
        tenant_id = token_hash and await self.credentials.tenant_of_link(token_hash)
        if not token_hash or not tenant_id:
            raise LinkRefused
        now = self.clock()
        async with self.unit_of_work(tenant_id) as uow:
            used = await uow.one_time_tokens.use(token_hash, purpose=Purpose.VERIFY_EMAIL, now=now)
            user = await uow.users.get(used.user_id) if used and used.user_id else None
            if user is None:
                raise LinkRefused
            await uow.one_time_tokens.use_all_of(user.id, purpose=Purpose.VERIFY_EMAIL, now=now)
            user.email_verified = True
            if user.status == UserStatus.PENDING_VERIFICATION:
                user.status = UserStatus.ACTIVE
            user.updated_at = now
            uow.outbox.record(UserUpdated(user_id=user.id), aggregate_id=user.id)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.EMAIL_VERIFIED,
                    description="E-mail address verified.",
                    actor_id=user.id,
                    actor_role=user.role,
                    entity_type="user",
                    entity_id=user.id,
                    address=address,
                ),
                now=now,
            )

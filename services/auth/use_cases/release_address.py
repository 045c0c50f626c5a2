"""An address goes to whoever has proven it."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.events.catalogue.auth import UserUpdated
from services.auth.domain.accounts import Role, email_key, nobodys_email
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.email_domains import domain_of
from services.auth.domain.tokens import Purpose
from services.auth.repositories.credentials import Credentials
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class ReleaseAddress:
    """Take an address from an account of another company that never proved it.

    Anybody may register with any address; that must not keep its owner out. The account stays,
    with its work and its sessions, under an address of nobody's: the platform's people can give
    it another one.
    """

    unit_of_work: OpenUnitOfWork
    credentials: Credentials
    clock: Clock = utc_now

    async def __call__(self, email: str, *, proven_in: UUID) -> bool:
        """Return whether the address is free now.

        Args:
            email: Of whoever has proven just now that it is theirs.
            proven_in: Their company, whose own accounts are let alone.
        """
        found = await self.credentials.user_by_email(email_key(email))
        if found is None:
            return True
        tenant_id, user_id = found
        if tenant_id == proven_in:
            return False
        now = self.clock()
        async with self.unit_of_work(tenant_id) as uow:
            user = await uow.users.locked(user_id)
            if user is None or user.email_key != email_key(email):
                return True
            if user.email_verified or user.role == Role.SUPER_ADMIN:
                return False
            user.email = nobodys_email()
            user.updated_at = now
            for purpose in (Purpose.RESET_PASSWORD, Purpose.VERIFY_EMAIL):
                await uow.one_time_tokens.use_all_of(user.id, purpose=purpose, now=now)
            uow.outbox.record(UserUpdated(user_id=user.id), aggregate_id=user.id)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.EMAIL_CHANGED,
                    description="Somebody else has proven that the e-mail address is theirs.",
                    risk=Risk.HIGH,
                    entity_type="user",
                    entity_id=user.id,
                    details={"before": domain_of(email), "after": None},
                ),
                now=now,
            )
        return True

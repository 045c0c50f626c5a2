"""The platform's operator as a user, from the environment."""

from dataclasses import dataclass, field

from libs.common.events.catalogue.auth import TenantCreated, UserCreated
from libs.common.telemetry.logging import get_logger
from services.auth.domain.accounts import Role, clean_email, email_key, username_from
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import EmailTaken
from services.auth.domain.ports import PasswordHasher
from services.auth.models.tenants import Tenant
from services.auth.models.users import User
from services.auth.repositories.credentials import Credentials
from services.auth.repositories.unit_of_work import OpenUnitOfWork

log = get_logger(__name__)

COMPANY_NAME = "Platform operators"


@dataclass(frozen=True, kw_only=True)
class SeedSuperAdmin:
    """Make the super admin that the environment names, once.

    Somebody who has registered with that address before is left alone: whoever knows the address
    must not become super admin by being early. A later change of the password in the environment
    changes nothing, either.
    """

    email: str | None
    password: str | None = field(repr=False)
    unit_of_work: OpenUnitOfWork
    credentials: Credentials
    hasher: PasswordHasher
    clock: Clock = utc_now

    async def __call__(self) -> None:
        if not self.email or not self.password:
            return
        email = clean_email(self.email)
        found = await self.credentials.user_by_email(email_key(email))
        if found is not None:
            async with self.unit_of_work(found[0]) as uow:
                known = await uow.users.get(found[1])
            if known is not None and known.role != Role.SUPER_ADMIN:
                log.warning("super_admin_not_seeded", reason="the address is somebody's already")
            return
        now = self.clock()
        user = User.enrolled(
            email=email,
            username=username_from(email),
            first_name="Super",
            last_name="Admin",
            password_hash=await self.hasher.hash(self.password),
            role=Role.SUPER_ADMIN,
            now=now,
            email_verified=True,
        )
        tenant = Tenant.founded(name=COMPANY_NAME, email=email, now=now)
        try:
            async with self.unit_of_work(tenant.tenant_id) as uow:
                uow.tenant.add(tenant)
                await uow.users.enroll(user)
                uow.outbox.record(TenantCreated(), aggregate_id=tenant.tenant_id)
                uow.outbox.record(
                    UserCreated(user_id=user.id, role=user.role), aggregate_id=user.id
                )
                await uow.audit.append(
                    AuditRecord(
                        event=AuditEvent.USER_CREATED,
                        description="Super admin made from the environment.",
                        risk=Risk.CRITICAL,
                        entity_type="user",
                        entity_id=user.id,
                    ),
                    now=now,
                )
        except EmailTaken:
            # Another replica was first.
            return
        log.info("super_admin_seeded")

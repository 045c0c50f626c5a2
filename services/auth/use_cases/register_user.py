"""Registering: a new company with its first admin, or the first admin of an empty company."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.common.database import PLATFORM_TENANT
from libs.common.events.catalogue.auth import TenantCreated, UserCreated
from services.auth.domain.accounts import Role, clean_email, username_from
from services.auth.domain.audit import AuditEvent, AuditRecord
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import RegistrationClosed
from services.auth.domain.mails import SendVerification
from services.auth.domain.ports import PasswordHasher
from services.auth.domain.sessions import IssuedTokens, Method
from services.auth.models.tenants import Tenant
from services.auth.models.users import User
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.use_cases.start_session import StartSession


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What somebody fills in to register."""

    email: str
    password: str
    first_name: str
    last_name: str
    username: str | None = None
    phone: str | None = None
    company_id: UUID | None = None
    company_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Registered:
    """Who came of it, already logged in."""

    user: User
    tenant: Tenant
    tokens: IssuedTokens


@dataclass(frozen=True, kw_only=True)
class RegisterUser:
    """Let the first person of a company in, as its admin.

    A company's id is no secret (public agent data shows it), so it opens only a company that
    nobody is in yet.
    """

    unit_of_work: OpenUnitOfWork
    hasher: PasswordHasher
    start_session: StartSession
    clock: Clock = utc_now

    async def __call__(
        self, wanted: Registration, *, address: str | None, device: str | None = None
    ) -> Registered:
        email = clean_email(wanted.email)
        now = self.clock()
        password_hash = await self.hasher.hash(wanted.password)
        user = User.enrolled(
            email=email,
            username=wanted.username or username_from(email),
            first_name=wanted.first_name,
            last_name=wanted.last_name,
            phone=wanted.phone,
            password_hash=password_hash,
            role=Role.ADMIN,
            now=now,
        )
        if wanted.company_id is not None:
            if wanted.company_id == PLATFORM_TENANT:
                raise RegistrationClosed
            async with self.unit_of_work(wanted.company_id) as uow:
                tenant = await _empty_tenant(uow)
                tokens = await self._enroll(uow, user, address=address, device=device, now=now)
        else:
            tenant = Tenant.founded(name=wanted.company_name or email, email=email, now=now)
            async with self.unit_of_work(tenant.tenant_id) as uow:
                uow.tenant.add(tenant)
                uow.outbox.record(TenantCreated(), aggregate_id=tenant.tenant_id)
                tokens = await self._enroll(uow, user, address=address, device=device, now=now)
        return Registered(user=user, tenant=tenant, tokens=tokens)

    async def _enroll(
        self,
        uow: AuthUnitOfWork,
        user: User,
        *,
        address: str | None,
        device: str | None,
        now: datetime,
    ) -> IssuedTokens:
        user.last_login_at = now
        await uow.users.enroll(user)
        tokens = await self.start_session(
            uow, user, address=address, now=now, device=device, method=Method.PASSWORD
        )
        uow.jobs.add(SendVerification(user_id=user.id))
        uow.outbox.record(UserCreated(user_id=user.id, role=user.role), aggregate_id=user.id)
        await uow.audit.append(
            AuditRecord(
                event=AuditEvent.USER_REGISTERED,
                description="Registered as the company's first admin.",
                actor_id=user.id,
                actor_role=user.role,
                entity_type="user",
                entity_id=user.id,
                address=address,
            ),
            now=now,
        )
        return tokens


async def _empty_tenant(uow: AuthUnitOfWork) -> Tenant:
    # Locked: of two who register at once the second finds the first one's user.
    tenant = await uow.tenant.get(locked=True)
    if tenant is None or not tenant.is_active or await uow.users.any():
        raise RegistrationClosed
    return tenant

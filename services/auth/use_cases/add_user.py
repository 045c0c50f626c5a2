"""An admin adds a person to the company."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.errors import Forbidden
from libs.common.events.catalogue.auth import UserCreated
from libs.common.security import Caller
from services.auth.domain.accounts import Role, clean_email, username_from
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import CompanyNotFound
from services.auth.domain.mails import SendVerification
from services.auth.domain.ports import PasswordHasher
from services.auth.models.users import User
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.require_admin import require_admin


@dataclass(frozen=True, kw_only=True)
class NewUser:
    """What an admin fills in."""

    email: str
    password: str
    first_name: str
    last_name: str
    username: str | None = None
    company_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class AddUser:
    """Add a user without further rights to the caller's own company."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    hasher: PasswordHasher
    clock: Clock = utc_now

    async def __call__(self, wanted: NewUser, *, address: str | None) -> User:
        if wanted.company_id not in (None, self.caller.tenant_id):
            raise CompanyNotFound
        if self.caller.impersonator_id is not None:
            # A password that somebody knows who acts in another's name would outlive the act.
            raise Forbidden
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            await require_admin(uow, self.caller)
        email = clean_email(wanted.email)
        password_hash = await self.hasher.hash(wanted.password)
        now = self.clock()
        user = User.enrolled(
            email=email,
            username=wanted.username or username_from(email),
            first_name=wanted.first_name,
            last_name=wanted.last_name,
            password_hash=password_hash,
            role=Role.USER,
            now=now,
        )
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            await uow.users.enroll(user)
            uow.jobs.add(SendVerification(user_id=user.id))
            uow.outbox.record(UserCreated(user_id=user.id, role=user.role), aggregate_id=user.id)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.USER_CREATED,
                    description="User added to the company.",
                    risk=Risk.MEDIUM,
                    actor_id=self.caller.user_id,
                    actor_role=self.caller.role,
                    entity_type="user",
                    entity_id=user.id,
                    address=address,
                ),
                now=now,
            )
        return user

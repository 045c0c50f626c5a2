"""The platform's people add somebody to any company."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.events.catalogue.auth import UserCreated
from libs.common.security import Caller
from services.auth.domain.accounts import Role, clean_email, username_from
from services.auth.domain.audit import AuditEvent, Risk, by
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import CompanyNotFound, RoleNotAllowed
from services.auth.domain.mails import SendVerification
from services.auth.domain.ports import PasswordHasher
from services.auth.models.users import User
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.add_user import NewUser
from services.auth.use_cases.reach_company import note, note_in_own_trail, prove


@dataclass(frozen=True, kw_only=True)
class AddUserAnywhere:
    """Add a user or an admin to a company that is not deleted."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    hasher: PasswordHasher
    clock: Clock = utc_now

    async def __call__(
        self, company_id: UUID, wanted: NewUser, *, role: Role, address: str | None
    ) -> User:
        """Return the new user.

        Raises:
            CompanyNotFound: There is none, or it is deleted.
            RoleNotAllowed: Super admins come from the environment alone.
            EmailTaken: Somebody has the address.
            StepUpRequired: The caller must prove who they are.
        """
        if role is Role.SUPER_ADMIN:
            raise RoleNotAllowed
        now, email = self.clock(), clean_email(wanted.email)
        await prove(self.unit_of_work, self.caller, now=now)
        async with self.unit_of_work(company_id, read_only=True) as uow:
            if await uow.tenant.get() is None:
                raise CompanyNotFound
        user = User.enrolled(
            email=email,
            username=wanted.username or username_from(email),
            first_name=wanted.first_name,
            last_name=wanted.last_name,
            password_hash=await self.hasher.hash(wanted.password),
            role=role,
            now=now,
        )
        record = by(
            self.caller,
            AuditEvent.USER_CREATED,
            "User added to the company by the platform.",
            entity=("user", user.id),
            risk=Risk.HIGH,
            address=address,
            details={"company_id": str(company_id), "role": role},
        )
        await note_in_own_trail(self.unit_of_work, self.caller, company_id, record, now=now)
        async with self.unit_of_work(company_id) as uow:
            # Locked: an empty company is not also registered by its id at this moment.
            if await uow.tenant.get(locked=True) is None:
                raise CompanyNotFound
            await uow.users.enroll(user)
            uow.jobs.add(SendVerification(user_id=user.id))
            uow.outbox.record(UserCreated(user_id=user.id, role=user.role), aggregate_id=user.id)
            await note(uow, self.caller, record, now=now)
        return user

"""A super admin acts as somebody else, to see what they see."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from libs.common.security import Caller
from services.auth.domain.accounts import Role
from services.auth.domain.audit import AuditEvent, Risk, by, seen_by_company
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import AccountNotActive, OwnAccount, RoleNotAllowed, UserNotFound
from services.auth.domain.policies import IMPERSONATED_SCOPES
from services.auth.domain.ports import AccessTokens
from services.auth.domain.sessions import IMPERSONATION_LIFETIME
from services.auth.models.sessions import Session
from services.auth.models.users import User
from services.auth.repositories.credentials import Credentials
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.step_up import require_recent_proof


@dataclass(frozen=True, kw_only=True)
class Impersonation:
    """An access token in somebody else's name; nothing renews it."""

    user: User
    access_token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class ImpersonateUser:
    """Begin a session of half an hour in a user's name.

    It is marked in the token and in every audit entry, and can neither make nor change
    credentials, rights or policies, so it cannot outlive itself, nor lead to a further one.
    """

    caller: Caller
    unit_of_work: OpenUnitOfWork
    credentials: Credentials
    access_tokens: AccessTokens
    clock: Clock = utc_now

    async def __call__(self, user_id: UUID, *, address: str | None) -> Impersonation:
        caller, now = self.caller, self.clock()
        tenant_id = await self.credentials.tenant_of_user(user_id)
        if tenant_id is None or caller.user_id is None:
            raise UserNotFound
        if user_id == caller.user_id:
            raise OwnAccount
        record = by(
            caller,
            AuditEvent.USER_IMPERSONATED,
            "A super admin began to act as a user.",
            entity=("user", user_id),
            risk=Risk.CRITICAL,
            address=address,
            details={"company_id": str(tenant_id)},
        )
        # In the super admin's own trail first: what follows may fail, but not unseen.
        async with self.unit_of_work(caller.tenant_id) as uow:
            actor = await uow.users.get(caller.user_id)
            if actor is None or actor.role != Role.SUPER_ADMIN:
                raise RoleNotAllowed
            await require_recent_proof(uow, caller, now=now)
            await uow.audit.append(record, now=now)
        async with self.unit_of_work(tenant_id) as uow:
            user = await uow.users.get(user_id)
            if user is None:
                raise UserNotFound
            if user.role == Role.SUPER_ADMIN:
                raise RoleNotAllowed
            if not user.is_active:
                raise AccountNotActive
            session = Session.impersonated(
                user_id=user.id, impersonator_id=caller.user_id, address=address, now=now
            )
            uow.sessions.add(session)
            if tenant_id != caller.tenant_id:
                await uow.audit.append(seen_by_company(record), now=now)
        return Impersonation(
            user=user,
            access_token=self.access_tokens.sign(
                user_id=user.id,
                tenant_id=tenant_id,
                role=user.role,
                session_id=session.id,
                now=now,
                only=IMPERSONATED_SCOPES,
                impersonator_id=caller.user_id,
            ),
            expires_at=now + IMPERSONATION_LIFETIME,
        )

"""The session of somebody who came through single sign-on."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.events.catalogue.auth import LoggedIn
from services.auth.domain.audit import AuditEvent, AuditRecord
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import AccountNotActive
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.admit_user import LogInResult
from services.auth.use_cases.start_session import StartSession


@dataclass(frozen=True, kw_only=True)
class OpenSsoSession:
    """Begin a session, as every other login does."""

    unit_of_work: OpenUnitOfWork
    start_session: StartSession
    clock: Clock = utc_now

    async def __call__(
        self, tenant_id: UUID, user_id: UUID, *, connection_id: UUID, address: str
    ) -> LogInResult:
        now = self.clock()
        async with self.unit_of_work(tenant_id) as uow:
            tenant = await uow.tenant.get()
            user = await uow.users.get(user_id)
            if tenant is None or not tenant.is_active or user is None or not user.is_active:
                raise AccountNotActive
            user.last_login_at = now
            user.login_attempts = 0
            tokens = await self.start_session(uow, user, address=address, now=now)
            uow.outbox.record(LoggedIn(user_id=user.id), aggregate_id=user.id)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.LOGIN_SUCCEEDED,
                    description="Logged in through single sign-on.",
                    actor_id=user.id,
                    actor_role=user.role,
                    entity_type="user",
                    entity_id=user.id,
                    address=address,
                    details={"connection_id": str(connection_id)},
                ),
                now=now,
            )
        return LogInResult(user=user, tenant=tenant, tokens=tokens)

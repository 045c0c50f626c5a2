"""The end of every way in by one's own credentials: a session, and a line in the audit trail."""

from dataclasses import dataclass
from datetime import datetime

from libs.common.events.catalogue.auth import LoggedIn
from services.auth.domain.audit import AuditEvent, AuditRecord
from services.auth.domain.sessions import IssuedTokens, Method
from services.auth.models.tenants import Tenant
from services.auth.models.users import User
from services.auth.repositories.unit_of_work import AuthUnitOfWork
from services.auth.use_cases.refuse_passwords import refuse_passwords
from services.auth.use_cases.start_session import StartSession


@dataclass(frozen=True, kw_only=True)
class LogInResult:
    """Who came in."""

    user: User
    tenant: Tenant
    tokens: IssuedTokens


async def admit(
    uow: AuthUnitOfWork,
    user: User,
    tenant: Tenant,
    start_session: StartSession,
    *,
    method: Method,
    description: str,
    address: str,
    device: str | None,
    now: datetime,
) -> LogInResult:
    """Begin the session of somebody who has shown all that was asked for.

    Raises:
        SsoRequired: The company wants single sign-on, however good one's own credentials are.
    """
    await refuse_passwords(uow, user)
    user.login_attempts = 0
    user.last_login_at = now
    tokens = await start_session(uow, user, address=address, now=now, device=device, method=method)
    uow.outbox.record(LoggedIn(user_id=user.id), aggregate_id=user.id)
    await uow.audit.append(
        AuditRecord(
            event=AuditEvent.LOGIN_SUCCEEDED,
            description=description,
            actor_id=user.id,
            actor_role=user.role,
            entity_type="user",
            entity_id=user.id,
            address=address,
            details={"method": method},
        ),
        now=now,
    )
    return LogInResult(user=user, tenant=tenant, tokens=tokens)

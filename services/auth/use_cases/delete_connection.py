"""Taking single sign-on away."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.federation_errors import ConnectionNotFound
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.create_connection import shown_in_audit
from services.auth.use_cases.require_admin import require_admin
from services.auth.use_cases.update_connection import refuse_to_lock_out


@dataclass(frozen=True, kw_only=True)
class DeleteConnection:
    """Forget a connection, with whom it has linked; the users themselves stay."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(self, connection_id: UUID, *, address: str | None) -> None:
        now = self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            await require_admin(uow, self.caller)
            await uow.tenant.get(locked=True)
            connection = await uow.sso.get(connection_id)
            if connection is None:
                raise ConnectionNotFound
            await refuse_to_lock_out(uow, connection.id)
            await uow.sso.remove(connection)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.SSO_CONNECTION_DELETED,
                    description=f"Single sign-on through {connection.issuer} taken away.",
                    risk=Risk.HIGH,
                    actor_id=self.caller.user_id,
                    actor_role=self.caller.role,
                    entity_type="sso_connection",
                    entity_id=connection.id,
                    address=address,
                    details=shown_in_audit(connection),
                ),
                now=now,
            )

"""Taking a directory's credential away."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.federation_errors import ScimTokenNotFound
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.require_admin import require_admin


@dataclass(frozen=True, kw_only=True)
class RevokeScimToken:
    """Revoke a token; it opens nothing from the next request on."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(self, token_id: UUID, *, address: str | None) -> None:
        now = self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            await require_admin(uow, self.caller)
            token = await uow.directory.token(token_id)
            if token is None or token.revoked_at is not None:
                raise ScimTokenNotFound
            token.revoked_at = now
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.SCIM_TOKEN_REVOKED,
                    description=f"SCIM token {token.prefix}… revoked.",
                    risk=Risk.HIGH,
                    actor_id=self.caller.user_id,
                    actor_role=self.caller.role,
                    entity_type="scim_token",
                    entity_id=token.id,
                    address=address,
                ),
                now=now,
            )

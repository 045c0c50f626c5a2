"""Revoking an API key."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.events.catalogue.auth import ApiKeyRevoked
from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import ApiKeyNotFound
from services.auth.domain.ports import Revocations
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class RevokeApiKey:
    """End a key; it stops working everywhere within seconds.

    Attributes:
        anybodys: Whether it may be another's of the company, for those who look after all keys.
    """

    caller: Caller
    unit_of_work: OpenUnitOfWork
    revocations: Revocations
    anybodys: bool = False
    clock: Clock = utc_now

    async def __call__(self, key_id: UUID, *, address: str | None) -> None:
        now = self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            key = await uow.api_keys.locked(key_id)
            if key is None or key.revoked_at is not None:
                raise ApiKeyNotFound
            if key.user_id != self.caller.user_id and not self.anybodys:
                raise ApiKeyNotFound
            key.revoked_at = now
            uow.outbox.record(ApiKeyRevoked(key_id=key.id), aggregate_id=key.id)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.API_KEY_REVOKED,
                    description=f"API key {key.prefix}… revoked.",
                    risk=Risk.MEDIUM,
                    actor_id=self.caller.user_id,
                    actor_role=self.caller.role,
                    entity_type="api_key",
                    entity_id=key.id,
                    address=address,
                ),
                now=now,
            )
        await self.revocations.api_key_revoked(key.pair_hash)

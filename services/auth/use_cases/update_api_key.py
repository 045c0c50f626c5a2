"""Another name for an API key, or other places to use it from."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.common.security import Caller
from services.auth.domain.api_keys import check_networks
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import ApiKeyNotFound
from services.auth.domain.ports import Revocations
from services.auth.models.api_keys import ApiKey
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.step_up import require_proof_for_keys


@dataclass(frozen=True, kw_only=True)
class UpdateApiKey:
    """Change one of the caller's keys; what it may do is settled when it is made."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    revocations: Revocations
    clock: Clock = utc_now

    async def __call__(
        self,
        key_id: UUID,
        *,
        name: str | None,
        networks: Sequence[str] | None,
        address: str | None,
    ) -> ApiKey:
        checked = None if networks is None else check_networks(networks)
        now = self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            key = await uow.api_keys.locked(key_id)
            if key is None or key.user_id != self.caller.user_id or key.revoked_at is not None:
                raise ApiKeyNotFound
            # Another name is harmless; other places to use it from may be a thief's.
            if checked is not None:
                await require_proof_for_keys(uow, self.caller, now=now)
            before = {"name": key.name, "networks": key.networks}
            if name is not None:
                key.name = name
            if checked is not None:
                key.networks = checked
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.API_KEY_UPDATED,
                    description=f"API key {key.prefix}… changed.",
                    risk=Risk.MEDIUM,
                    actor_id=self.caller.user_id,
                    actor_role=self.caller.role,
                    entity_type="api_key",
                    entity_id=key.id,
                    address=address,
                    details={
                        "before": before,
                        "after": {"name": key.name, "networks": key.networks},
                    },
                ),
                now=now,
            )
        await self.revocations.api_key_revoked(key.pair_hash)
        return key

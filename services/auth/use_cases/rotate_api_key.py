"""Replacing an API key by another, without a moment in which neither works."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from libs.common.events.catalogue.auth import ApiKeyRevoked
from libs.common.security import Caller
from services.auth.domain.api_keys import MAX_KEYS_PER_USER
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import ApiKeyNotFound, ApiKeyNotUsable, TooManyApiKeys
from services.auth.domain.ports import Revocations
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.create_api_key import IssuedKey, issue
from services.auth.use_cases.step_up import require_proof_for_keys


@dataclass(frozen=True, kw_only=True)
class RotateApiKey:
    """Make a key like one of the caller's; the old one lives on for a while, and then ends.

    The new key lives as long from now as the old one was made for, if that had an end.
    """

    caller: Caller
    unit_of_work: OpenUnitOfWork
    revocations: Revocations
    clock: Clock = utc_now

    async def __call__(self, key_id: UUID, *, overlap: timedelta, address: str | None) -> IssuedKey:
        now = self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            old = await uow.api_keys.locked(key_id)
            if old is None or old.user_id != self.caller.user_id or old.revoked_at is not None:
                raise ApiKeyNotFound
            await require_proof_for_keys(uow, self.caller, now=now)
            # Of two who rotate at once, the second finds it replaced.
            if old.state(now) != "active" or old.successor_id is not None:
                raise ApiKeyNotUsable
            usable = await uow.api_keys.count_usable(old.user_id, now=now)
            # Without an overlap the new key takes the old one's place.
            if usable - (not overlap) >= MAX_KEYS_PER_USER:
                raise TooManyApiKeys
            lifetime = old.expires_at - old.created_at if old.expires_at else None
            issued = issue(
                uow,
                user_id=old.user_id,
                name=old.name,
                scopes=old.scopes,
                permissions=old.permissions,
                networks=old.networks,
                expires_at=now + lifetime if lifetime else None,
                now=now,
            )
            # The old one refers to the new one, which the mapper does not know.
            await uow.session.flush()
            old.successor_id = issued.key.id
            ends_at = now + overlap
            old.expires_at = min(old.expires_at or ends_at, ends_at)
            if not overlap:
                old.revoked_at = now
                uow.outbox.record(ApiKeyRevoked(key_id=old.id), aggregate_id=old.id)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.API_KEY_ROTATED,
                    description=f"API key {old.prefix}… replaced by {issued.key.prefix}….",
                    risk=Risk.MEDIUM,
                    actor_id=self.caller.user_id,
                    actor_role=self.caller.role,
                    entity_type="api_key",
                    entity_id=old.id,
                    address=address,
                    details={
                        "successor_id": str(issued.key.id),
                        "old_key_ends_at": old.expires_at.isoformat(),
                    },
                ),
                now=now,
            )
        await self.revocations.api_key_revoked(old.pair_hash)
        return issued

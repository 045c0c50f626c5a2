"""Making an API key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from libs.common.events.catalogue.auth import ApiKeyCreated
from libs.common.security import Caller
from services.auth.domain.api_keys import (
    MAX_KEYS_PER_USER,
    check_scopes,
    key_hash,
    new_api_key,
    pair_hash,
    shown_prefix,
)
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import TooManyApiKeys, UserNotFound
from services.auth.domain.policies import MfaPolicy
from services.auth.models.api_keys import ApiKey
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.step_up import require_recent_proof


@dataclass(frozen=True, kw_only=True)
class IssuedKey:
    """A new key, with the only copy of its secret that there will ever be."""

    key: ApiKey
    api_key: str
    api_secret: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class CreateApiKey:
    """Make a key that acts for the caller, within what the caller may do."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(
        self,
        *,
        name: str,
        scopes: Sequence[str],
        permissions: Mapping[str, Any],
        expires_in_days: int | None,
        address: str | None,
    ) -> IssuedKey:
        now = self.clock()
        api_key, api_secret = new_api_key()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            user = await uow.users.get(self.caller.user_id) if self.caller.user_id else None
            if user is None:
                raise UserNotFound
            if (await uow.policy.get(default=MfaPolicy.OPTIONAL)).step_up_for_api_keys:
                await require_recent_proof(uow, self.caller, now=now)
            # The role as it is now, not as it was when the token was signed.
            allowed = check_scopes(scopes, role=user.role)
            if await uow.api_keys.count_usable(user.id, now=now) >= MAX_KEYS_PER_USER:
                raise TooManyApiKeys
            key = ApiKey.issued(
                user_id=user.id,
                name=name,
                prefix=shown_prefix(api_key),
                key_hash=key_hash(api_key) or b"",
                pair_hash=pair_hash(api_key, api_secret),
                scopes=allowed,
                permissions=dict(permissions),
                expires_at=now + timedelta(days=expires_in_days) if expires_in_days else None,
                now=now,
            )
            uow.api_keys.add(key)
            uow.outbox.record(ApiKeyCreated(key_id=key.id), aggregate_id=key.id)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.API_KEY_CREATED,
                    description=f"API key {key.prefix}… created.",
                    risk=Risk.MEDIUM,
                    actor_id=user.id,
                    actor_role=user.role,
                    entity_type="api_key",
                    entity_id=key.id,
                    address=address,
                    details={"scopes": allowed},
                ),
                now=now,
            )
        return IssuedKey(key=key, api_key=api_key, api_secret=api_secret)

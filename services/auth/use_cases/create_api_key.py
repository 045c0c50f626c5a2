"""Making an API key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from libs.common.events.catalogue.auth import ApiKeyCreated
from libs.common.security import Caller
from services.auth.domain.api_keys import (
    MAX_KEYS_PER_USER,
    check_networks,
    check_scopes,
    key_hash,
    new_api_key,
    pair_hash,
    shown_prefix,
)
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import TooManyApiKeys, UserNotFound
from services.auth.models.api_keys import ApiKey
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.use_cases.step_up import require_proof_for_keys


@dataclass(frozen=True, kw_only=True)
class IssuedKey:
    """A new key, with the only copy of its secret that there will ever be."""

    key: ApiKey
    api_key: str
    api_secret: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class NewKey:
    """What a key is to be."""

    name: str
    scopes: Sequence[str]
    permissions: Mapping[str, Any]
    networks: Sequence[str] = ()
    expires_in_days: int | None = None


@dataclass(frozen=True, kw_only=True)
class CreateApiKey:
    """Make a key that acts for the caller, within what the caller may do."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(self, wanted: NewKey, *, address: str | None) -> IssuedKey:
        now = self.clock()
        networks = check_networks(wanted.networks)
        days = wanted.expires_in_days
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            user = await uow.users.get(self.caller.user_id) if self.caller.user_id else None
            if user is None:
                raise UserNotFound
            await require_proof_for_keys(uow, self.caller, now=now)
            # What the user may do now, not when the token was signed.
            allowed = check_scopes(wanted.scopes, held=await uow.roles.held_by(user))
            if await uow.api_keys.count_usable(user.id, now=now) >= MAX_KEYS_PER_USER:
                raise TooManyApiKeys
            issued = issue(
                uow,
                user_id=user.id,
                name=wanted.name,
                scopes=allowed,
                permissions=dict(wanted.permissions),
                networks=networks,
                expires_at=now + timedelta(days=days) if days else None,
                now=now,
            )
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.API_KEY_CREATED,
                    description=f"API key {issued.key.prefix}… created.",
                    risk=Risk.MEDIUM,
                    actor_id=user.id,
                    actor_role=user.role,
                    entity_type="api_key",
                    entity_id=issued.key.id,
                    address=address,
                    details={"scopes": allowed, "networks": networks},
                ),
                now=now,
            )
        return issued


def issue(
    uow: AuthUnitOfWork,
    *,
    user_id: UUID,
    name: str,
    scopes: Sequence[str],
    permissions: Mapping[str, Any],
    networks: Sequence[str],
    expires_at: datetime | None,
    now: datetime,
) -> IssuedKey:
    """Store a new key and tell of it; its secret is known to nobody else."""
    api_key, api_secret = new_api_key()
    key = ApiKey.issued(
        user_id=user_id,
        name=name,
        prefix=shown_prefix(api_key),
        key_hash=key_hash(api_key) or b"",
        pair_hash=pair_hash(api_key, api_secret),
        scopes=list(scopes),
        permissions=dict(permissions),
        networks=list(networks),
        expires_at=expires_at,
        now=now,
    )
    uow.api_keys.add(key)
    uow.outbox.record(ApiKeyCreated(key_id=key.id), aggregate_id=key.id)
    return IssuedKey(key=key, api_key=api_key, api_secret=api_secret)

"""Credentials before their tenant is known, and the checks that every service waits for.

Lean on purpose: each verification of an API key or a session that is not cached ends here. The
SECURITY DEFINER functions give ids only; what is then read is read as that tenant.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from libs.common.database import Database
from libs.common.permissions import Scope, scopes_of_role
from libs.common.rate_limits import Rate
from services.auth.domain.api_keys import LAST_USED_RESOLUTION
from services.auth.domain.limits import strictest
from services.auth.domain.roles import permissions_of, permissions_of_key
from services.auth.repositories.emails import Emails

# `custom` is NULL where the user has no role of the company's own; one without permissions is
# still one.
_KEY = """
SELECT k.user_id, k.pair_hash, k.scopes, k.networks, k.expires_at, k.revoked_at, k.last_used_at,
       u.role, c.custom, l.limits, g.groups, t.allowed_origins AS origins,
       u.status = 'active' AND t.is_active AND t.deleted_at IS NULL AS owner_active
FROM api_keys k
JOIN users u ON u.tenant_id = k.tenant_id AND u.id = k.user_id
JOIN tenants t ON t.tenant_id = k.tenant_id
CROSS JOIN LATERAL (
    SELECT string_agg(array_to_string(r.permissions, ' '), ' ') AS custom
    FROM user_roles h JOIN roles r ON r.tenant_id = h.tenant_id AND r.id = h.role_id
    WHERE h.tenant_id = u.tenant_id AND h.user_id = u.id
) c
CROSS JOIN LATERAL (
    SELECT string_agg(concat_ws(' ', r.class, r.requests, r.per_seconds), ',') AS limits
    FROM rate_limits r WHERE r.tenant_id = u.tenant_id
) l
CROSS JOIN LATERAL (
    SELECT array_agg(m.group_id) AS groups
    FROM directory_members m WHERE m.tenant_id = u.tenant_id AND m.user_id = u.id
) g
WHERE k.tenant_id = $1 AND k.id = $2
"""
# Whoever comes second within the minute finds it done.
_TOUCH = """
UPDATE api_keys SET last_used_at = $3
WHERE tenant_id = $1 AND id = $2 AND (last_used_at IS NULL OR last_used_at < $4)
"""
_SESSION = """
SELECT u.role, c.custom, l.limits, g.groups, t.allowed_origins AS origins, s.impersonator_id
FROM sessions s
JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
JOIN tenants t ON t.tenant_id = s.tenant_id
CROSS JOIN LATERAL (
    SELECT string_agg(array_to_string(r.permissions, ' '), ' ') AS custom
    FROM user_roles h JOIN roles r ON r.tenant_id = h.tenant_id AND r.id = h.role_id
    WHERE h.tenant_id = u.tenant_id AND h.user_id = u.id
) c
CROSS JOIN LATERAL (
    SELECT string_agg(concat_ws(' ', r.class, r.requests, r.per_seconds), ',') AS limits
    FROM rate_limits r WHERE r.tenant_id = u.tenant_id
) l
CROSS JOIN LATERAL (
    SELECT array_agg(m.group_id) AS groups
    FROM directory_members m WHERE m.tenant_id = u.tenant_id AND m.user_id = u.id
) g
WHERE s.tenant_id = $1 AND s.id = $2 AND s.ended_at IS NULL
  AND s.idle_until > $3 AND s.expires_at > $3
  AND u.status = 'active' AND t.is_active AND t.deleted_at IS NULL
"""
# A lead has no account: the company's standing is all that can change under it.
_LEAD_SESSION = """
SELECT l.limits FROM lead_sessions s
JOIN tenants t ON t.tenant_id = s.tenant_id
CROSS JOIN LATERAL (
    SELECT string_agg(concat_ws(' ', r.class, r.requests, r.per_seconds), ',') AS limits
    FROM rate_limits r WHERE r.tenant_id = s.tenant_id
) l
WHERE s.tenant_id = $1 AND s.id = $2 AND s.ended_at IS NULL AND s.expires_at > $3
  AND t.is_active AND t.deleted_at IS NULL
"""
# Of another tenant than the session, so that it takes a look of its own.
_SUPER_ADMIN = """
SELECT 1 FROM users u JOIN tenants t ON t.tenant_id = u.tenant_id
WHERE u.tenant_id = $1 AND u.id = $2 AND u.role = 'super_admin'
  AND u.status = 'active' AND t.is_active AND t.deleted_at IS NULL
"""


@dataclass(frozen=True, kw_only=True)
class StoredKey:
    """What is known of an API key, and of the user it acts for."""

    tenant_id: UUID
    key_id: UUID
    user_id: UUID
    pair_hash: bytes
    scopes: list[str]
    networks: list[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    role: str
    custom: str | None
    limits: str | None
    groups: list[UUID] | None
    origins: list[str]
    owner_active: bool

    @property
    def rates(self) -> dict[str, str]:
        """The tenant's own rate limits, by class."""
        return _rates(self.limits)

    @property
    def group_ids(self) -> list[UUID]:
        """The groups that its owner is in now."""
        return _plain(self.groups)

    @property
    def permissions(self) -> list[Scope]:
        """What the key may do now that its owner has the roles that they have."""
        owner = permissions_of(self.role, _names(self.custom))
        return permissions_of_key(self.scopes, owner=owner)

    def is_usable(self, now: datetime) -> bool:
        """Whether the right secret would open it."""
        return (
            self.owner_active
            and self.revoked_at is None
            and (self.expires_at is None or self.expires_at > now)
        )


@dataclass(frozen=True, kw_only=True)
class LiveSession:
    """What the user of a session that stands may do by now."""

    role: str
    permissions: list[Scope]
    rates: dict[str, str]
    origins: list[str]
    group_ids: list[UUID] = field(default_factory=list)


class Credentials:
    """Finds whose a credential is."""

    def __init__(self, database: Database, emails: Emails) -> None:
        self._database = database
        self._emails = emails

    async def user_by_email(self, email_key: str) -> tuple[UUID, UUID] | None:
        """Return tenant and user of an address."""
        index = (await self._emails.index()).of(email_key)
        return await self._ids("SELECT * FROM user_by_address($1, $2)", index, email_key)

    async def session_by_refresh_token(self, token_hash: bytes) -> tuple[UUID, UUID] | None:
        """Return tenant and session of a refresh token, live or replaced."""
        return await self._ids("SELECT * FROM session_by_refresh_token($1)", token_hash)

    async def tenant_of_link(self, token_hash: bytes) -> UUID | None:
        """Return the tenant of a link's token."""
        return await self._id("SELECT * FROM one_time_token_by_hash($1)", token_hash)

    async def challenge(self, token_hash: bytes) -> tuple[UUID, UUID] | None:
        """Return tenant and challenge of a token."""
        return await self._ids("SELECT * FROM challenge_by_hash($1)", token_hash)

    async def passkey(self, credential_id: bytes) -> tuple[UUID, UUID] | None:
        """Return tenant and passkey of a credential."""
        return await self._ids("SELECT * FROM passkey_by_credential($1)", credential_id)

    async def tenant_of_user(self, user_id: UUID) -> UUID | None:
        """Return anybody's tenant; for super admins only."""
        return await self._id("SELECT * FROM tenant_of_user($1)", user_id)

    async def api_key(self, key_hash: bytes) -> StoredKey | None:
        """Return what is known of an API key."""
        ids = await self._ids("SELECT * FROM api_key_by_hash($1)", key_hash)
        if ids is None:
            return None
        tenant_id, key_id = ids
        async with self._database.lean(tenant_id) as connection:
            row = await connection.fetchrow(_KEY, tenant_id, key_id)
        if row is None:
            return None
        return StoredKey(tenant_id=tenant_id, key_id=key_id, **dict(row.items()))

    async def note_use(self, tenant_id: UUID, key_id: UUID, *, now: datetime) -> None:
        """Remember that a key was used, unless it was noted within the last minute."""
        due = now - LAST_USED_RESOLUTION
        async with self._database.lean(tenant_id) as connection:
            await connection.execute(_TOUCH, tenant_id, key_id, now, due)

    async def live_session(
        self, tenant_id: UUID, session_id: UUID, *, now: datetime
    ) -> LiveSession | None:
        """Return what may be done in a session; None unless all of it is good at this moment."""
        async with self._database.lean(tenant_id) as connection:
            row = await connection.fetchrow(_SESSION, tenant_id, session_id, now)
            if row is None:
                row = await connection.fetchrow(_LEAD_SESSION, tenant_id, session_id, now)
                return None if row is None else _lead_session(row["limits"])
        if row["impersonator_id"] and not await self._is_super_admin(row["impersonator_id"]):
            return None
        allowed = permissions_of(row["role"], _names(row["custom"]))
        return LiveSession(
            role=row["role"],
            permissions=sorted(allowed),
            rates=_rates(row["limits"]),
            group_ids=_plain(row["groups"]),
            origins=row["origins"],
        )

    async def _is_super_admin(self, user_id: UUID) -> bool:
        tenant_id = await self.tenant_of_user(user_id)
        if tenant_id is None:
            return False
        async with self._database.lean(tenant_id) as connection:
            return await connection.fetchval(_SUPER_ADMIN, tenant_id, user_id) is not None

    async def _id(self, query: str, argument: bytes | UUID) -> UUID | None:
        async with self._database.platform() as connection:
            value = await connection.fetchval(query, argument)
        return None if value is None else UUID(int=value.int)

    async def _ids(self, query: str, *arguments: str | bytes) -> tuple[UUID, UUID] | None:
        async with self._database.platform() as connection:
            row = await connection.fetchrow(query, *arguments)
        # Of asyncpg's own UUID class otherwise.
        return None if row is None else (UUID(int=row[0].int), UUID(int=row[1].int))


def _lead_session(limits: str | None) -> LiveSession:
    return LiveSession(
        role="lead",
        permissions=sorted(scopes_of_role("lead")),
        rates=_rates(limits),
        # Leads talk to agents from their customers' pages.
        origins=[],
    )


def _names(custom: str | None) -> list[str] | None:
    return None if custom is None else custom.split()


def _plain(ids: Sequence[UUID] | None) -> list[UUID]:
    # Of asyncpg's own UUID class otherwise.
    return [UUID(int=one.int) for one in ids or ()]


def _rates(limits: str | None) -> dict[str, str]:
    found: list[tuple[str, Rate]] = []
    for entry in (limits or "").split(","):
        if entry:
            name, requests, per_seconds = entry.split()
            found.append((name, Rate(int(requests), int(per_seconds))))
    return {name: str(rate) for name, rate in strictest(found).items()}

"""The audit trail: what is recorded, and the chain that shows when an entry was touched.

Each entry carries the hash of its own content and of the entry before it, per tenant: to change,
drop or reorder one, all later ones must be rewritten.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import orjson

# The hash before a tenant's first entry.
GENESIS: Final = bytes(32)


class AuditEvent(StrEnum):
    """What happened, as filters name it."""

    COMPANY_CREATED = "company.created"
    COMPANY_UPDATED = "company.updated"
    USER_REGISTERED = "user.registered"
    USER_CREATED = "user.created"
    USER_UPDATED = "user.updated"
    LOGIN_SUCCEEDED = "login.succeeded"
    LOGIN_FAILED = "login.failed"
    LOGGED_OUT = "logged_out"
    REFRESH_REUSED = "refresh_token.reused"
    API_KEY_CREATED = "api_key.created"
    API_KEY_REVOKED = "api_key.revoked"
    DOMAIN_CLAIMED = "email_domain.claimed"
    DOMAIN_CHANGED = "email_domain.changed"
    DOMAIN_PROVEN = "email_domain.proven"
    DOMAIN_LAPSED = "email_domain.lapsed"
    DOMAIN_GIVEN_UP = "email_domain.given_up"
    SSO_CONNECTION_CREATED = "sso_connection.created"
    SSO_CONNECTION_UPDATED = "sso_connection.updated"
    SSO_CONNECTION_DELETED = "sso_connection.deleted"
    SSO_POLICY_CHANGED = "sso_policy.changed"
    SSO_REFUSED = "sso.refused"
    SCIM_TOKEN_CREATED = "scim_token.created"
    SCIM_TOKEN_REVOKED = "scim_token.revoked"
    ROLE_GIVEN = "user.role_given"
    GROUP_CHANGED = "directory_group.changed"
    GROUP_DELETED = "directory_group.deleted"


class Risk(StrEnum):
    """How soon somebody should look at an entry."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, kw_only=True)
class AuditRecord:
    """One thing that happened, before it gets its place in the chain."""

    event: AuditEvent
    description: str
    risk: Risk = Risk.LOW
    actor_id: UUID | None = None
    actor_role: str | None = None
    entity_type: str
    entity_id: UUID | None = None
    address: str | None = None
    details: Mapping[str, object] | None = None


def chain_hash(previous: bytes, content: Mapping[str, Any]) -> bytes:
    """Return an entry's hash: SHA-256 over its predecessor's and its canonical JSON."""
    return hashlib.sha256(previous + canonical(content)).digest()


def canonical(content: Mapping[str, Any]) -> bytes:
    """Return content as JSON that is the same however it was built: sorted keys, UTC times."""
    plain = {name: _plain(value) for name, value in content.items()}
    return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    # The database driver has a UUID class of its own.
    return str(value) if isinstance(value, UUID | StrEnum) else value


def first_broken(entries: Iterable[tuple[int, bytes, bytes, Mapping[str, Any]]]) -> int | None:
    """Return the sequence number of the first entry that does not follow from the one before.

    Args:
        entries: A tenant's whole trail in order: sequence, previous hash, own hash, content.

    Returns:
        None when the chain is whole.
    """
    expected_sequence, expected_previous = 1, GENESIS
    for sequence, previous, own, content in entries:
        if (
            sequence != expected_sequence
            or previous != expected_previous
            or own != chain_hash(previous, content)
        ):
            return min(sequence, expected_sequence)
        expected_sequence, expected_previous = sequence + 1, own
    return None

"""The audit trail: what is recorded, and the chain that shows when an entry was touched.

Each entry carries the hash of its own content and of the entry before it, per tenant: to change,
drop or reorder one, all later ones must be rewritten.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import orjson

from libs.common.security import Caller

# The hash before a tenant's first entry.
GENESIS: Final = bytes(32)


class AuditEvent(StrEnum):
    """What happened, as filters name it."""

    COMPANY_CREATED = "company.created"
    COMPANY_UPDATED = "company.updated"
    COMPANY_DELETED = "company.deleted"
    COMPANY_RESTORED = "company.restored"
    COMPANY_SUSPENDED = "company.suspended"
    COMPANY_REOPENED = "company.reopened"
    USER_REGISTERED = "user.registered"
    USER_CREATED = "user.created"
    USER_UPDATED = "user.updated"
    USER_DELETED = "user.deleted"
    USER_INVITED = "user.invited"
    INVITATION_REVOKED = "invitation.revoked"
    USER_JOINED = "user.joined"
    USER_STATUS_CHANGED = "user.status_changed"
    USER_ROLE_CHANGED = "user.role_changed"
    USER_IMPERSONATED = "user.impersonated"
    EMAIL_CHANGED = "email.changed"
    EMAIL_VERIFIED = "email.verified"
    PASSWORD_RESET_REQUESTED = "password.reset_requested"
    PASSWORD_RESET_FORCED = "password.reset_forced"
    PASSWORD_RESET = "password.reset"
    PASSWORD_CHANGED = "password.changed"
    LOGIN_SUCCEEDED = "login.succeeded"
    LOGIN_FAILED = "login.failed"
    LOGGED_OUT = "logged_out"
    SESSION_REVOKED = "session.revoked"
    LOGGED_OUT_EVERYWHERE = "logged_out_everywhere"
    MFA_ENABLED = "mfa.enabled"
    MFA_DISABLED = "mfa.disabled"
    MFA_RESET = "mfa.reset"
    MFA_POLICY_CHANGED = "mfa.policy_changed"
    MFA_FAILED = "mfa.failed"
    RECOVERY_CODES_RENEWED = "recovery_codes.renewed"
    RECOVERY_CODE_USED = "recovery_code.used"
    PASSKEY_ADDED = "passkey.added"
    PASSKEY_REMOVED = "passkey.removed"
    STEPPED_UP = "session.stepped_up"
    REFRESH_REUSED = "refresh_token.reused"
    API_KEY_CREATED = "api_key.created"
    API_KEY_UPDATED = "api_key.updated"
    API_KEY_ROTATED = "api_key.rotated"
    API_KEY_REVOKED = "api_key.revoked"
    ROLE_CREATED = "role.created"
    ROLE_UPDATED = "role.updated"
    ROLE_DELETED = "role.deleted"
    USER_ROLES_CHANGED = "user.roles_changed"
    CONFIG_CHANGED = "config.changed"
    PLACE_CHANGED = "place.changed"
    ADDRESS_ADDED = "address.added"
    ORIGINS_CHANGED = "allowed_origins.changed"
    LIMITS_CHANGED = "rate_limits.changed"
    ACCESS_DENIED = "access.denied"
    HANDOFF_CHANGED = "handoff.changed"
    WEBHOOK_CHANGED = "webhook.changed"
    AUDIT_EXPORTED = "audit.exported"
    KEYS_ROTATED = "keys.rotated"
    ERASURE_BEGUN = "tenant.erasure_begun"
    TENANT_ERASED = "tenant.erased"
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


# So many refusals within seconds are no mistake of a person.
MANY_DENIALS: Final = 20


def denied(
    what: Mapping[str, Any],
    *,
    caller_id: UUID | None,
    user_id: UUID | None,
    role: str | None,
    address: str,
) -> AuditRecord:
    """Return the record of refusals at one route.

    Args:
        what: The service, method, route, reason, how many times, and the caller's kind.
        caller_id: The user or API key.
        user_id: The user, also behind a key.
        role: The user's.
        address: From where.
    """
    said = {
        "permission": "Refused for want of a permission.",
        "not_found": "Asked for what does not exist or belongs to another company.",
        "network": "An API key was used from outside its networks.",
    }
    risk = Risk.LOW if what["reason"] == "not_found" else Risk.MEDIUM
    if what["reason"] == "network" or what["times"] >= MANY_DENIALS:
        risk = Risk.HIGH
    return AuditRecord(
        event=AuditEvent.ACCESS_DENIED,
        description=said[what["reason"]],
        risk=risk,
        actor_id=user_id,
        actor_role=role,
        entity_type="api_key" if what["caller_kind"] == "api_key" else "user",
        entity_id=caller_id,
        address=address,
        details=dict(what),
    )


def by(
    caller: Caller,
    event: AuditEvent,
    description: str,
    *,
    entity: tuple[str, UUID | None],
    address: str | None,
    risk: Risk = Risk.MEDIUM,
    details: Mapping[str, object] | None = None,
) -> AuditRecord:
    """Return the record of something that a verified caller did to an entity (type, id)."""
    return AuditRecord(
        event=event,
        description=description,
        risk=risk,
        actor_id=caller.user_id,
        actor_role=caller.role,
        entity_type=entity[0],
        entity_id=entity[1],
        address=address,
        details=details,
    )


def seen_by_company(record: AuditRecord) -> AuditRecord:
    """Return what a company learns of an act of the platform's: not where their desk stands."""
    return replace(record, address=None)


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

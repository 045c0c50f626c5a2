"""Single sign-on: what a login at a provider must bring back, and what it gives.

The provider vouches for its own people only: those whose verified e-mail address is in a domain
that the company has proven. Whatever a provider says, nobody becomes a super admin by it, and
nobody gets into another company.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from services.auth.domain.accounts import Role
from services.auth.domain.federation_errors import InvalidReturn

MAX_CONNECTIONS: Final = 20
LOGIN_LIFETIME: Final = timedelta(minutes=10)
HANDOFF_LIFETIME: Final = timedelta(minutes=1)
CALLBACK_PATH: Final = "/api/v1/auth/sso/callback"
MAX_SUBJECT_CHARACTERS: Final = 255
MAX_GROUPS: Final = 2000

# Weakest first. A provider or directory can give these, and never `super_admin`.
GIVEN_ROLES: Final = (Role.USER, Role.ADMIN)

_SECRET_BYTES: Final = 32
_MAX_SECRET_CHARACTERS: Final = 128
_CHALLENGE_CHARACTERS: Final = 43


@dataclass(frozen=True, kw_only=True)
class ProviderMetadata:
    """What we need of a provider's discovery document."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    secret_in_body: bool
    """The token endpoint wants the client's secret in the form rather than in a header."""
    knows_groups_scope: bool = False
    """The provider gives a person's groups to who asks for the scope `groups`."""


@dataclass(frozen=True, kw_only=True)
class PendingLogin:
    """What we keep of a login while the person is at the provider; encrypted at rest."""

    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    return_to: str | None = None
    challenge: str | None = None


@dataclass(frozen=True, kw_only=True)
class ProvidedIdentity:
    """Who somebody is according to a verified ID token."""

    subject: str
    email: str | None
    email_verified: bool
    first_name: str
    last_name: str
    groups: tuple[str, ...]


def new_secret() -> str:
    """Return 256 random bits, fit for a URL or a cookie."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def secret_hash(secret: str) -> bytes:
    """Return the hash under which a random secret is stored; nobody guesses what it is of."""
    if len(secret) > _MAX_SECRET_CHARACTERS:
        secret = ""
    return hashlib.sha256(secret.encode()).digest()


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def check_return(
    return_to: str | None, challenge: str | None, *, origins: Iterable[str]
) -> str | None:
    """Return where to send a browser after its login, as a whole URL; None for nowhere.

    Args:
        return_to: A path on the platform's own address, or a URL on one of the origins.
        challenge: S256 of a secret that the page keeps, so that nobody else can use its login.
        origins: The platform's own first.

    Raises:
        InvalidReturn: It leads elsewhere, or one of the two is missing.
    """
    if return_to is None and challenge is None:
        return None
    if not return_to or not challenge or len(challenge) != _CHALLENGE_CHARACTERS:
        raise InvalidReturn
    known = [origin for url in origins if (origin := origin_of(url))]
    # "//host" leads to another host.
    local = return_to.startswith("/") and not return_to.startswith("//")
    whole = f"{known[0]}{return_to}" if local else return_to
    # Browsers take a backslash for a slash; the code that we append stands behind the one "#".
    if not return_to.isprintable() or set(return_to) & set("\\#") or origin_of(whole) not in known:
        raise InvalidReturn
    return whole


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL; what is none has no origin of ours."""
    try:
        parts = urlsplit(url)
        if parts.username is not None or parts.scheme not in ("http", "https"):
            return ""
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        return ""
    return f"{parts.scheme}://{(parts.hostname or '').lower()}{port}"


def role_from_groups(
    groups: Iterable[str], group_roles: Mapping[str, str], *, default: str
) -> str | None:
    """Return the strongest role that somebody's groups give; None where groups give none at all.

    Args:
        groups: As the provider or directory names them.
        group_roles: Role by group; when empty, roles are not the provider's business. Roles of
            the company's own come on top of one of these (`custom_roles`).
        default: For somebody in none of the groups.
    """
    if not group_roles:
        return None
    given = {group_roles[name] for name in groups if name in group_roles}
    return next((str(role) for role in reversed(GIVEN_ROLES) if role in given), default)


def custom_roles(roles: Iterable[str]) -> frozenset[UUID]:
    """Return which of the roles that groups give are of the company's own, by their ids."""
    return frozenset(UUID(role) for role in roles if role not in GIVEN_ROLES)


def identity_from_claims(claims: Mapping[str, Any], *, group_claim: str | None) -> ProvidedIdentity:
    """Read who somebody is from the claims of a verified ID token."""
    email = claims.get("email")
    email = email if isinstance(email, str) and 3 <= len(email) <= 254 else None
    local = (email or "user").partition("@")[0]
    whole = _text(claims.get("name"))
    first, _, last = whole.rpartition(" ") if " " in whole else (whole, "", "")
    return ProvidedIdentity(
        subject=str(claims["sub"]),
        email=email,
        # Some providers send booleans as text; everything else counts as no.
        email_verified=claims.get("email_verified") in (True, "true", "True"),
        first_name=(_text(claims.get("given_name")) or first or local)[:100],
        last_name=(_text(claims.get("family_name")) or last or local)[:100],
        groups=_groups(claims.get(group_claim)) if group_claim else (),
    )


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _groups(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        return tuple(name for name in value[:MAX_GROUPS] if isinstance(name, str))
    return ()

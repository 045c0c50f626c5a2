"""API keys: a public half that names the key and a secret half that proves it."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from libs.common.security import KEY_SCOPES, api_key_digest
from services.auth.domain.accounts import ADMIN_ROLES
from services.auth.domain.errors import ScopeNotAllowed, UnknownScope

DEFAULT_SCOPES: Final = ("read", "write")
MAX_KEYS_PER_USER: Final = 100
MAX_LISTED_KEYS: Final = 500
# Writing on every request would turn each read into a write.
LAST_USED_RESOLUTION: Final = timedelta(minutes=1)

_KEY_PREFIX: Final = "ak_"
_SECRET_PREFIX: Final = "as_"
_SHOWN_CHARACTERS: Final = 11
_MAX_CHARACTERS: Final = 128
# What no user below admin may give away.
_ADMIN_SCOPES: Final = frozenset({"admin", "full_access"})


def new_api_key() -> tuple[str, str]:
    """Return a new pair: the key (128 random bits) and its secret (256)."""
    return (
        _KEY_PREFIX + secrets.token_hex(16),
        _SECRET_PREFIX + secrets.token_urlsafe(32),
    )


def shown_prefix(api_key: str) -> str:
    """Return the part of a key that lists show."""
    return api_key[:_SHOWN_CHARACTERS]


def key_hash(api_key: str) -> bytes | None:
    """Return the hash under which a key is looked up; None for what cannot be one of ours.

    A plain SHA-256 is enough: nobody guesses that many random bits.
    """
    if not api_key.startswith(_KEY_PREFIX) or len(api_key) > _MAX_CHARACTERS:
        return None
    return hashlib.sha256(api_key.encode()).digest()


def pair_hash(api_key: str, api_secret: str) -> bytes:
    """Return the hash of a key with its secret.

    It is also what services cache a verified pair under, so that a revocation can drop the
    entry without knowing the secret.
    """
    return bytes.fromhex(api_key_digest(api_key, api_secret))


def is_pair(stored_hash: bytes, api_key: str, api_secret: str) -> bool:
    """Say whether a secret belongs to a key, in a time that does not depend on where it errs."""
    return hmac.compare_digest(stored_hash, pair_hash(api_key, api_secret))


def check_scopes(scopes: Iterable[str], *, role: str) -> list[str]:
    """Return the scopes of a new key, each once, in the order they were given.

    Raises:
        UnknownScope: One of them is not a scope of API keys.
        ScopeNotAllowed: The role does not reach that far.
    """
    wanted = list(dict.fromkeys(scopes)) or list(DEFAULT_SCOPES)
    if unknown := [scope for scope in wanted if scope not in KEY_SCOPES]:
        raise UnknownScope(details={"scopes": unknown})
    if role not in ADMIN_ROLES and _ADMIN_SCOPES.intersection(wanted):
        raise ScopeNotAllowed
    return wanted


def scopes_left(key_scopes: Iterable[str], *, role: str) -> list[str]:
    """Return what a key may do now: never more than its owner, whose role may have changed."""
    if role in ADMIN_ROLES:
        return list(key_scopes)
    return [
        scope
        for name in key_scopes
        for scope in (DEFAULT_SCOPES if name in _ADMIN_SCOPES else (name,))
    ]

"""API keys: a public half that names the key and a secret half that proves it."""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable
from datetime import timedelta
from ipaddress import ip_network
from typing import Final

from libs.common.permissions import Scope, scopes_of_key
from libs.common.security import api_key_digest
from services.auth.domain.errors import InvalidNetwork, ScopeNotAllowed, UnknownScope

DEFAULT_SCOPES: Final = ("read", "write")
MAX_KEYS_PER_USER: Final = 100
MAX_LISTED_KEYS: Final = 500
MAX_NETWORKS: Final = 50
# How long a key lives on beside the one that replaces it.
DEFAULT_OVERLAP: Final = timedelta(days=1)
MAX_OVERLAP: Final = timedelta(days=30)
# Writing on every request would turn each read into a write.
LAST_USED_RESOLUTION: Final = timedelta(minutes=1)

_PLAIN_SCOPES: Final = frozenset({"read", "write", "update", "delete"})
_KEY_PREFIX: Final = "ak_"
_SECRET_PREFIX: Final = "as_"
_SHOWN_CHARACTERS: Final = 11
_MAX_CHARACTERS: Final = 128


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


def check_scopes(scopes: Iterable[str], *, held: Collection[Scope]) -> list[str]:
    """Return the scopes of a new key, each once, in the order they were given.

    Args:
        scopes: Names of scopes or of single permissions; the default ones if there are none.
        held: What the key's owner may do.

    Raises:
        UnknownScope: One of them is not known to API keys.
        ScopeNotAllowed: They go further than the owner.
    """
    wanted = list(dict.fromkeys(scopes))
    if unknown := [name for name in wanted if not scopes_of_key((name,))]:
        raise UnknownScope(details={"scopes": unknown})
    # The plain ones mean "as far as I may": a key is held to what its owner may do in any case.
    if not scopes_of_key(set(wanted) - _PLAIN_SCOPES) <= frozenset(held):
        raise ScopeNotAllowed
    return wanted or list(DEFAULT_SCOPES)


def check_networks(networks: Iterable[str]) -> list[str]:
    """Return networks in one spelling, each once; an address is a network of one.

    Raises:
        InvalidNetwork: One of them is neither.
    """
    try:
        parsed = [ip_network(text.strip()) for text in networks]
    except ValueError as error:
        raise InvalidNetwork from error
    return list(dict.fromkeys(map(str, parsed)))

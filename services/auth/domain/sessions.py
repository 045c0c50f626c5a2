"""Sessions and refresh tokens: how long they live, and what presenting one means.

A login starts a session, a family of refresh tokens of which one is live. Each refresh replaces
it by compare-and-swap; whoever presents a token that was replaced long ago holds a copy, so the
whole family ends. The direct predecessor is good for a few more seconds, and gives the same
successor: clients repeat a request whose answer they lost.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

ACCESS_TOKEN_LIFETIME: Final = timedelta(hours=1)
# A visitor comes back to the chat for a month without saying who they are.
LEAD_TOKEN_LIFETIME: Final = timedelta(days=30)
SESSION_IDLE: Final = timedelta(days=14)
SESSION_ABSOLUTE: Final = timedelta(days=60)
PREDECESSOR_GRACE: Final = timedelta(seconds=10)
# Acting as somebody else ends by itself, and cannot be prolonged.
IMPERSONATION_LIFETIME: Final = timedelta(minutes=30)

_SECRET_BYTES: Final = 32
_PREFIX: Final = "rt_"
_MAX_CHARACTERS: Final = 128


class EndReason(StrEnum):
    """Why a session is over."""

    LOGGED_OUT = "logged_out"
    REUSED = "reused"
    CHANGED = "changed"


class Method(StrEnum):
    """How somebody came in; a session without one was opened by another identity provider."""

    PASSWORD = "password"
    SECOND_FACTOR = "second_factor"
    PASSKEY = "passkey"
    IMPERSONATION = "impersonation"


@dataclass(frozen=True, kw_only=True)
class IssuedTokens:
    """What a client gets from a login or a refresh; the secrets are not printed."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime
    enrolling: bool = False
    """Whether they are good for no more than setting up a second factor."""


def new_refresh_token() -> str:
    """Return an opaque token of 256 random bits."""
    return _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def refresh_token_hash(token: str) -> bytes | None:
    """Return the hash under which a token is stored; None for what cannot be one of ours.

    A plain SHA-256 is enough: nobody guesses 256 random bits.
    """
    if not token.startswith(_PREFIX) or len(token) > _MAX_CHARACTERS or not token.isascii():
        return None
    return hash_of_new(token)


def hash_of_new(token: str) -> bytes:
    """Return the hash of a token that we made ourselves."""
    return hashlib.sha256(token.encode("ascii")).digest()

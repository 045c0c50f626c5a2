"""Secrets that are used once: what stands in links, and what joins two requests to one login.

Only hashes are stored. A plain SHA-256 is enough: nobody guesses 256 random bits.
"""

import hashlib
import secrets
from datetime import timedelta
from enum import StrEnum
from typing import Final

RESET_LIFETIME: Final = timedelta(minutes=30)
VERIFY_LIFETIME: Final = timedelta(days=1)
INVITATION_LIFETIME: Final = timedelta(days=7)
CHALLENGE_LIFETIME: Final = timedelta(minutes=5)
# Wrong codes for one challenge; the account has a budget besides.
MAX_CHALLENGE_ATTEMPTS: Final = 5

_SECRET_BYTES: Final = 32
_MAX_CHARACTERS: Final = 128


class Purpose(StrEnum):
    """What a link in a mail does."""

    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"
    INVITATION = "invitation"


class ChallengePurpose(StrEnum):
    """What a challenge is half of; one is never good for another's purpose."""

    SECOND_FACTOR = "second_factor"
    PASSKEY_LOGIN = "passkey_login"
    PASSKEY_NEW = "passkey_new"
    STEP_UP = "step_up"


LIFETIMES: Final = {
    Purpose.VERIFY_EMAIL: VERIFY_LIFETIME,
    Purpose.RESET_PASSWORD: RESET_LIFETIME,
    Purpose.INVITATION: INVITATION_LIFETIME,
}

_LINK_PREFIX: Final = "ot_"
_CHALLENGE_PREFIX: Final = "mt_"


def new_link_token() -> str:
    """Return a token for a link."""
    return _LINK_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def new_challenge_token() -> str:
    """Return a token that joins the second half of something to its first."""
    return _CHALLENGE_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def link_token_hash(token: str) -> bytes | None:
    """Return the hash under which a link's token is stored; None for what cannot be one."""
    return _hash(token, _LINK_PREFIX)


def challenge_token_hash(token: str) -> bytes | None:
    """Return the hash under which a challenge is stored; None for what cannot be one."""
    return _hash(token, _CHALLENGE_PREFIX)


def _hash(token: str, prefix: str) -> bytes | None:
    if not token.startswith(prefix) or len(token) > _MAX_CHARACTERS or not token.isascii():
        return None
    return hashlib.sha256(token.encode("ascii")).digest()

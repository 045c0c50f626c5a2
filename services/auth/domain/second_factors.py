"""Second factors: time-based codes (RFC 6238) and recovery codes."""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import pyotp

STEP_SECONDS: Final = 30
RECOVERY_CODES: Final = 10
MAX_PASSKEYS: Final = 20
ISSUER: Final = "Knowrithm"

_CODE_GROUPS: Final = 4
_GROUP_CHARACTERS: Final = 4


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What somebody shows as their second factor: one of the three."""

    code: str | None = field(default=None, repr=False)
    recovery_code: str | None = field(default=None, repr=False)
    passkey: Mapping[str, Any] | None = field(default=None, repr=False)


def new_secret() -> str:
    """Return a TOTP secret of 160 random bits, in base32."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, *, email: str) -> str:
    """Return the `otpauth://` address that authenticator apps read."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def matching_step(secret: str, code: str, *, now: datetime) -> int | None:
    """Return the time step whose code this is, the present one or a neighbour; None for none.

    Whoever accepts it stores the step, so that no code is good twice.
    """
    digits = code.replace(" ", "")
    totp = pyotp.TOTP(secret)
    present = int(now.timestamp()) // STEP_SECONDS
    found = None
    for step in (present - 1, present, present + 1):
        expected = totp.at(now + timedelta(seconds=(step - present) * STEP_SECONDS))
        if secrets.compare_digest(expected.encode(), digits.encode()):
            found = step
    return found


def new_recovery_codes() -> list[str]:
    """Return ten codes of 80 random bits each, in groups that can be read out."""
    return [_new_code() for _ in range(RECOVERY_CODES)]


def recovery_code_hash(code: str) -> bytes:
    """Return the hash of a code, however it was typed.

    A plain SHA-256 is enough for 80 random bits.
    """
    bare = "".join(code.split()).replace("-", "").lower()
    return hashlib.sha256(bare.encode()).digest()


def _new_code() -> str:
    letters = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    starts = range(0, _CODE_GROUPS * _GROUP_CHARACTERS, _GROUP_CHARACTERS)
    return "-".join(letters[start : start + _GROUP_CHARACTERS] for start in starts)

"""Addresses at rest: sealed, and found again by a keyed index.

The index is an HMAC of the form in which addresses are compared, under one key for the platform:
people log in by their address alone, whichever company they work for. Without the key nobody can
try addresses against a copy of the table.
"""

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from services.auth.domain.accounts import email_key

# Until processes of the version before are gone, which know addresses in plain only; and while
# somebody may want that version back.
PLAIN_KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class EmailIndex:
    """The platform's key for finding addresses.

    Attributes:
        plain_until: So long addresses are also written in plain.
    """

    key: bytes = field(repr=False)
    plain_until: datetime

    def of(self, email: str) -> bytes:
        """Return what an address is found by, however it is typed."""
        return hmac.digest(self.key, b"e-mail\x00" + email_key(email).encode(), "sha256")

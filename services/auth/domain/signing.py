"""When keys sign, and how long they are still believed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from libs.common.security import SigningKey
from services.auth.domain.sessions import ACCESS_TOKEN_LIFETIME, LEAD_TOKEN_LIFETIME

# How often a process looks for keys that others have made.
RELOAD_SECONDS: Final = 5.0
# From a key's publication until it signs: every process of auth has loaded it by then, and every
# other has either not asked for the keys in the last two seconds, and may ask again, or has it.
MIN_LEAD: Final = timedelta(seconds=15)
# Who verifies our tokens elsewhere may keep the published keys for a while.
SCHEDULED_LEAD: Final = timedelta(hours=6)
# Beyond the life of the last token that an old key has signed, for clocks that go wrong.
# Who rotates by hand may have lost the key: leads' tokens, which live longest, end with it then,
# and those people come back with their other token.
RETIRE_AFTER: Final = ACCESS_TOKEN_LIFETIME + timedelta(minutes=5)
RETIRE_SCHEDULED_AFTER: Final = LEAD_TOKEN_LIFETIME + timedelta(minutes=5)
FORGET_AFTER: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class DatedKey:
    """A key that is published, and the moment from which it signs."""

    key: SigningKey
    signs_from: datetime

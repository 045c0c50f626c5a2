"""When API keys were last used, kept in memory and written now and then.

No request waits for it: verifying a key only notes the moment. What a killed process had not
written is lost; the next use within the minute is not.
"""

import asyncio
from datetime import datetime
from typing import Final
from uuid import UUID

from libs.common.database import DatabaseUnavailable
from libs.common.telemetry.logging import get_logger
from services.auth.domain.api_keys import LAST_USED_RESOLUTION
from services.auth.repositories.credentials import Credentials, StoredKey

log = get_logger(__name__)

WRITE_SECONDS: Final = 1.0
MAX_NOTED: Final = 20_000


class KeyUses:
    """Collects the uses of one process."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._noted: dict[tuple[UUID, UUID], datetime] = {}

    def note(self, key: StoredKey, *, now: datetime) -> None:
        """Remember that a key is used now; not when it was noted less than a minute ago."""
        fresh = key.last_used_at is not None and now - key.last_used_at < LAST_USED_RESOLUTION
        if not fresh and len(self._noted) < MAX_NOTED:
            self._noted.setdefault((key.tenant_id, key.key_id), now)

    async def run(self) -> None:
        """Write what was noted, for ever."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await self.write()

    async def write(self) -> None:
        """Write what was noted since the last time; kept when PostgreSQL is away."""
        noted, self._noted = self._noted, {}
        while noted:
            (tenant_id, key_id), moment = noted.popitem()
            try:
                await self._credentials.note_use(tenant_id, key_id, now=moment)
            except DatabaseUnavailable:
                log.warning("key_uses_wait", keys=len(noted) + 1)
                self._noted = noted | {(tenant_id, key_id): moment} | self._noted
                return

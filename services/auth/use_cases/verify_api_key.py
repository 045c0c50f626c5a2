"""Whether an API key is good, for the services that were shown one."""

from dataclasses import dataclass

from services.auth.domain.api_keys import is_pair, key_hash
from services.auth.domain.clock import Clock, utc_now
from services.auth.repositories.credentials import Credentials, StoredKey
from services.auth.repositories.key_uses import KeyUses


@dataclass(frozen=True, kw_only=True)
class VerifyApiKey:
    """Find the key that a pair opens, and note that it was used; None when it opens none."""

    credentials: Credentials
    uses: KeyUses
    clock: Clock = utc_now

    async def __call__(self, *, api_key: str, api_secret: str) -> StoredKey | None:
        hashed = key_hash(api_key)
        if hashed is None:
            return None
        now = self.clock()
        key = await self.credentials.api_key(hashed)
        if key is None or not is_pair(key.pair_hash, api_key, api_secret):
            return None
        if not key.is_usable(now):
            return None
        self.uses.note(key, now=now)
        return key

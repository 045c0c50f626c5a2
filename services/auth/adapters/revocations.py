"""Dropping what services have cached about credentials."""

from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from libs.common.security import api_key_cache_key, session_cache_key
from libs.common.telemetry.logging import get_logger

log = get_logger(__name__)


class RedisRevocations:
    """Deletes the entries in Redis; what each process remembers runs out within two seconds."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def session_ended(self, session_id: UUID) -> None:
        """Forget that a session was live."""
        await self._delete(session_cache_key(session_id))

    async def api_key_revoked(self, pair_hash: bytes) -> None:
        """Forget that an API key was good."""
        await self._delete(api_key_cache_key(pair_hash.hex()))

    async def _delete(self, key: str) -> None:
        try:
            await self._redis.delete(key)
        except (RedisError, OSError) as error:
            # The entry lives two seconds in any case.
            log.warning("revocation_not_announced", reason=type(error).__name__)

"""A tenant's traces in Redis: keys that begin with it, cached verifications, stream entries."""

from collections.abc import AsyncIterator, Sequence
from typing import Final
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import ResponseError

PAGE: Final = 1_000
# `events:<topic>` and its dead letters; announcements of questions.
STREAMS: Final = ("events:*", "answers")


class Caches:
    """What Redis knows of a tenant. Redis is a cache of the database: deleting costs time only."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def count(self, tenant_id: UUID) -> int:
        """Return how many keys and stream entries name the tenant."""
        keys = [key async for key in self._keys(tenant_id)]
        entries = [entry async for entry in self._entries(tenant_id)]
        return len(keys) + len(entries)

    async def forget(self, names: Sequence[str]) -> None:
        """Delete keys by name."""
        for start in range(0, len(names), PAGE):
            await self._redis.unlink(*names[start : start + PAGE])

    async def delete(self, tenant_id: UUID) -> int:
        """Delete everything that names the tenant; return how much it was."""
        deleted = 0
        async for key in self._keys(tenant_id):
            deleted += int(await self._redis.unlink(key))
        async for stream, entry_id in self._entries(tenant_id):
            # Whoever was given it and has not said so must not get it again.
            for group in await self._groups(stream):
                await self._redis.xack(stream, group, entry_id)
            deleted += int(await self._redis.xdel(stream, entry_id))
        return deleted

    async def _keys(self, tenant_id: UUID) -> AsyncIterator[bytes]:
        async for key in self._redis.scan_iter(match=f"*{tenant_id}*", count=PAGE):
            yield key

    async def _entries(self, tenant_id: UUID) -> AsyncIterator[tuple[bytes, bytes]]:
        wanted = str(tenant_id).encode()
        for pattern in STREAMS:
            async for stream in self._redis.scan_iter(match=pattern, count=PAGE, _type="stream"):
                after = "-"
                while page := await self._redis.xrange(stream, min=after, count=PAGE):
                    for entry_id, fields in page:
                        if any(wanted in bytes(value) for value in fields.values()):
                            yield stream, entry_id
                    after = f"({page[-1][0].decode()}"

    async def _groups(self, stream: bytes) -> list[bytes]:
        try:
            return [group["name"] for group in await self._redis.xinfo_groups(stream)]
        except ResponseError:
            return []

"""Keeps each process' knowledge of agents true: every process hears what happens to agents.

A consumer group would tell only one of our processes, so this reads the stream without a group,
from the present on. What it may have missed while Redis was away is forgotten.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from libs.common.background import running
from libs.common.events.envelope import EventEnvelope, MalformedEvent
from libs.common.events.streams import ENTRY_FIELD, stream_name
from services.documents.adapters.agents import CachedAgents

log = structlog.get_logger(__name__)

BLOCK_MS: Final = 10_000
RETRY_SECONDS: Final = 1.0

_Entries = Sequence[tuple[bytes, dict[bytes, bytes]]]


def following_agents(redis: Redis, agents: CachedAgents) -> AbstractAsyncContextManager[None]:
    """Let `agents` forget what has changed, until the block is left."""
    return running(_follow(redis, agents), name="following-agents")


async def _follow(redis: Redis, agents: CachedAgents) -> None:
    last: bytes | None = None
    stream = stream_name("agents")
    while True:
        try:
            if last is None:
                newest = await redis.xrevrange(stream, count=1)
                last = newest[0][0] if newest else b"0-0"
                # From that entry on nothing is missed; something before it may have been.
                agents.forget_all()
            read = cast(
                list[tuple[bytes, _Entries]] | None,
                await redis.xread({stream: last}, block=BLOCK_MS, count=500),
            )
        except (RedisError, OSError) as error:
            log.warning("agents_not_followed", reason=type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)
            last = None
            continue
        for _, entries in read or ():
            for entry_id, fields in entries:
                last = entry_id
                _apply(fields.get(ENTRY_FIELD, b""), agents)


def _apply(data: bytes, agents: CachedAgents) -> None:
    try:
        envelope = EventEnvelope.from_json(data)
    except MalformedEvent:
        return
    # Model settings are shared between agents: without an agent of its own, an event is about
    # all of the tenant's.
    is_agent = envelope.name.startswith("agent.")
    agents.forget(envelope.tenant_id, envelope.aggregate_id if is_agent else None)

"""Dead letters: the events that a service gave up after five deliveries, for an operator to see.

The reason names the kind of error and the place in the code, so: mend the cause, then replay. Who
handled an event before skips it when it comes again.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import typer
from redis.asyncio import Redis
from redis.exceptions import RedisError

from libs.common.events.dead_letters import (
    MAX_PAGE,
    DeadLetter,
    drop_dead_letters,
    list_dead_letters,
    replay_dead_letters,
)
from ops.errors import OpsError
from ops.local.home import Home
from ops.local.process import LOOPBACK
from ops.local.state import StackState
from ops.secrets import load_secrets
from ops.services import SERVICES
from ops.settings import load_settings

TOPICS: Final = (*SERVICES, "usage", "audit")

T = TypeVar("T")


def show(topic: str | None, *, as_json: bool) -> None:
    """Print dead letters, oldest first; those of all topics when none is named.

    Raises:
        OpsError: There is no such topic, or Redis is out of reach.
    """
    topics = TOPICS if topic is None else (_known(topic),)

    async def read(redis: Redis) -> list[DeadLetter]:
        return [letter for one in topics for letter in await all_of(redis, one)]

    letters = [described(letter) for letter in _run(read)]
    if as_json:
        typer.echo(json.dumps(letters))
        return
    for letter in letters:
        typer.echo(
            f"{letter['topic']} {letter['id']}  {letter['event']} of tenant {letter['tenant_id']}, "
            f"given up by {letter['service']} after {letter['deliveries']}: {letter['reason']}"
        )
    typer.echo(f"{len(letters)} dead letters.")


def replay(topic: str, ids: Sequence[str] | None, *, every: bool) -> None:
    """Put dead letters back on their stream; all services see them once more.

    Raises:
        OpsError: There is no such topic, nothing was chosen, or Redis is out of reach.
    """
    count = _run(lambda redis: _change(redis, topic, ids, every=every, change=replay_dead_letters))
    typer.echo(f"{count} put back.")


def drop(topic: str, ids: Sequence[str] | None, *, every: bool) -> None:
    """Forget dead letters for good; raises what `replay` does."""
    count = _run(lambda redis: _change(redis, topic, ids, every=every, change=drop_dead_letters))
    typer.echo(f"{count} dropped.")


async def all_of(redis: Redis, topic: str) -> list[DeadLetter]:
    """Return all dead letters of a topic, however many pages they fill."""
    letters: list[DeadLetter] = []
    while page := await list_dead_letters(
        redis, topic, after=letters[-1].id if letters else "-", limit=MAX_PAGE
    ):
        letters.extend(page)
    return letters


def described(letter: DeadLetter) -> dict[str, Any]:
    """Describe a dead letter without its payload: ids, the event's name, who gave up and why."""
    envelope = letter.envelope
    return {
        "topic": letter.topic,
        "id": letter.id,
        "event": envelope.name if envelope is not None else "not an event",
        "event_id": str(envelope.id) if envelope is not None else None,
        "tenant_id": str(envelope.tenant_id) if envelope is not None else None,
        "service": letter.group,
        "deliveries": letter.deliveries,
        "reason": letter.reason,
    }


def find_redis_url() -> str:
    """Return REDIS_URL, or where the running local stack has its own.

    Raises:
        OpsError: There is neither.
    """
    settings = load_settings()
    if settings.redis_url is not None:
        return settings.redis_url
    return redis_url_of(Home(settings.knowrithm_home))


def redis_url_of(home: Home) -> str:
    """Return where the local stack that runs in this home has its Redis.

    Raises:
        OpsError: Nothing is running there.
    """
    state = StackState.read(home.state)
    if state is None or not home.locked():
        raise OpsError(
            f"REDIS_URL is not set, and nothing is running in {home.folder}: "
            "set it, or start the platform with `make up`."
        )
    password = load_secrets(home.secrets).redis_password
    return f"redis://:{password}@{LOOPBACK}:{state.ports['valkey']}/0"


async def _change(
    redis: Redis,
    topic: str,
    ids: Sequence[str] | None,
    *,
    every: bool,
    change: Callable[[Redis, str, Sequence[str]], Coroutine[Any, Any, int]],
) -> int:
    _known(topic)
    if bool(ids) == every:
        raise OpsError("Name the dead letters by their ids, or say --all.")
    chosen = ids or [letter.id for letter in await all_of(redis, topic)]
    return await change(redis, topic, chosen)


def _known(topic: str) -> str:
    if topic not in TOPICS:
        raise OpsError(f"There is no topic {topic}: it is one of {', '.join(TOPICS)}.")
    return topic


def _run(work: Callable[[Redis], Coroutine[Any, Any, T]]) -> T:
    async def connected() -> T:
        async with _redis() as redis:
            return await work(redis)

    try:
        return asyncio.run(connected())
    except RedisError as error:
        raise OpsError(f"Redis did not do it: {error}") from error


@asynccontextmanager
async def _redis() -> AsyncIterator[Redis]:
    redis: Redis = Redis.from_url(find_redis_url(), socket_connect_timeout=5, socket_timeout=10)
    try:
        yield redis
    finally:
        await redis.aclose()

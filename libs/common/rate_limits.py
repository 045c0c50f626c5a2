"""Rate limits: GCRA in one Redis call, on Redis' clock, so that all replicas share one budget.

GCRA keeps one number per key: the time at which the budget would be full again. While Redis is
away each process keeps its own count, which is laxer by the number of replicas and never closed.
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha1
from typing import TYPE_CHECKING, Final, Self

from redis.exceptions import NoScriptError, RedisError

from libs.common.telemetry.logging import get_logger

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = get_logger(__name__)

REDIS_TIMEOUT_SECONDS: Final = 0.25
REDIS_REST_SECONDS: Final = 1.0
LOCAL_KEYS: Final = 20_000

_MICROSECONDS: Final = 1_000_000

# KEYS: the budgets. ARGV, two for each: microseconds one request takes to come back, microseconds
# of the whole budget. Takes one request out of every budget, or none if any is exhausted.
# Returns, for each, microseconds to wait (0: allowed) and microseconds until it is full.
_GCRA: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full_at, reply, refused = {}, {}, false
for i, key in ipairs(KEYS) do
  local at = tonumber(redis.call('GET', key) or now)
  if at < now then at = now end
  full_at[i] = at + ARGV[2 * i - 1]
  local wait = full_at[i] - ARGV[2 * i] - now
  if wait > 0 then
    refused = true
    reply[2 * i - 1] = math.ceil(wait)
    reply[2 * i] = math.ceil(at - now)
  else
    reply[2 * i - 1] = 0
    reply[2 * i] = math.ceil(full_at[i] - now)
  end
end
if not refused then
  for i, key in ipairs(KEYS) do
    local milliseconds = math.ceil((full_at[i] - now) / 1000)
    redis.call('SET', key, string.format('%.0f', full_at[i]), 'PX', milliseconds)
  end
end
return reply
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds; all of them may come at once."""

    limit: int
    per_seconds: int

    def __post_init__(self) -> None:
        if self.limit < 1 or self.per_seconds < 1:
            raise ValueError("a rate needs at least one request in at least one second")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `20/60`: twenty a minute.

        Raises:
            ValueError: The text has another form.
        """
        limit, slash, per_seconds = text.partition("/")
        if not slash or not limit.strip().isdecimal() or not per_seconds.strip().isdecimal():
            raise ValueError(f"{text!r} is not a rate: write requests/seconds, as in 20/60")
        return cls(int(limit), int(per_seconds))

    @property
    def interval(self) -> float:
        """Microseconds until one request of the budget has come back."""
        return self.per_seconds * _MICROSECONDS / self.limit

    @property
    def budget(self) -> int:
        """Microseconds until all of it has come back."""
        return self.per_seconds * _MICROSECONDS


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a request may go on, and what the caller is told about its budget."""

    allowed: bool
    limit: int
    remaining: int
    retry_after_seconds: int
    reset_seconds: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the `RateLimit-*` headers of the reply."""
        return [
            (b"ratelimit-limit", b"%d" % self.limit),
            (b"ratelimit-remaining", b"%d" % self.remaining),
            (b"ratelimit-reset", b"%d" % self.reset_seconds),
        ]


class RateLimiter:
    """Counts requests against rates. Keys begin with the tenant, or with `platform`."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._script_hash = sha1(_GCRA.encode(), usedforsecurity=False).hexdigest()
        self._local = LocalBuckets()
        self._redis_rests_until = 0.0

    async def check(self, key: str, rate: Rate) -> Decision:
        """Take one request out of a budget, if there is one left."""
        return (await self.check_all({key: rate}))[0]

    async def check_all(self, budgets: Mapping[str, Rate]) -> list[Decision]:
        """Take one request out of each budget, or none when any of them is exhausted."""
        if time.monotonic() >= self._redis_rests_until:
            try:
                async with asyncio.timeout(REDIS_TIMEOUT_SECONDS):
                    return await self._check_redis(budgets)
            except (RedisError, OSError, TimeoutError) as error:
                # Not asked again for a moment, so that an outage does not slow every request.
                self._redis_rests_until = time.monotonic() + REDIS_REST_SECONDS
                log.warning("rate_limit_without_redis", reason=repr(error))
        return [self._local.check(key, rate) for key, rate in budgets.items()]

    async def _check_redis(self, budgets: Mapping[str, Rate]) -> list[Decision]:
        arguments: list[str | int | float] = [*budgets]
        for rate in budgets.values():
            arguments += (rate.interval, rate.budget)
        try:
            reply = await self._run("EVALSHA", self._script_hash, len(budgets), *arguments)
        except NoScriptError:
            reply = await self._run("EVAL", _GCRA, len(budgets), *arguments)
        return [
            _decision(rate, wait=reply[2 * i], until_full=reply[2 * i + 1])
            for i, rate in enumerate(budgets.values())
        ]

    async def _run(self, *command: str | int | float) -> list[int]:
        # Not `evalsha()`: its types know only text, and it adds nothing.
        reply: list[int] = await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]
        return reply


class LocalBuckets:
    """The same count within one process, for as long as Redis is away."""

    def __init__(self, *, max_keys: int = LOCAL_KEYS) -> None:
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._max_keys = max_keys

    def check(self, key: str, rate: Rate) -> Decision:
        """Take one request out of a budget, if there is one left."""
        now = time.monotonic() * _MICROSECONDS
        full_at = max(self._full_at.get(key, now), now)
        next_full_at = full_at + rate.interval
        wait = next_full_at - rate.budget - now
        if wait > 0:
            return _decision(rate, wait=wait, until_full=full_at - now)
        self._full_at[key] = next_full_at
        self._full_at.move_to_end(key)
        if len(self._full_at) > self._max_keys:
            self._full_at.popitem(last=False)
        return _decision(rate, wait=0, until_full=next_full_at - now)


def _decision(rate: Rate, *, wait: float, until_full: float) -> Decision:
    # Rounded first: budgets are microseconds, and 59.999999 s must not cost a request.
    remaining = int(round((rate.budget - until_full) / rate.interval, 3))
    return Decision(
        allowed=wait <= 0,
        limit=rate.limit,
        remaining=max(remaining, 0),
        retry_after_seconds=max(math.ceil(wait / _MICROSECONDS), 1) if wait > 0 else 0,
        reset_seconds=math.ceil(until_full / _MICROSECONDS),
    )

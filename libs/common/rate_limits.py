"""Rate limits: GCRA on Redis' clock, so that all replicas share one budget.

GCRA keeps one number per key: the time at which the budget would be full again. A request is
checked in one Redis call for all its budgets. A caller who was seen a moment ago with most of a
large budget left is let in without asking, and what it used is told to Redis a tenth of a second
later; from half of the budget on every request asks. So the limit holds, and a busy caller costs
a handful of calls a second instead of one a request.

While Redis is away each process keeps its own count, which is laxer by the number of replicas and
never closed.
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

TOLD_LATER_FROM: Final = 100
"""Budgets of fewer requests are always checked exactly."""
TELL_AFTER_SECONDS: Final = 0.1
FRESH_SECONDS: Final = 0.5

# KEYS: the budgets. ARGV[1]: whether to take one request out of each, or only what is owed. Then
# three for each key: microseconds one request takes to come back, microseconds of the whole
# budget, requests let in before. Takes one out of every budget, or none if any is exhausted.
# Returns, for each, microseconds to wait (0: allowed) and microseconds until it is full.
_GCRA: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local take = tonumber(ARGV[1])
local reply, before, refused = {}, {}, false
for i, key in ipairs(KEYS) do
  local interval, budget = tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  local at = tonumber(redis.call('GET', key) or now)
  if at < now then at = now end
  at = at + interval * ARGV[3 * i + 1]
  before[i] = at
  local wait = math.ceil(at + interval * take - budget - now)
  if take == 1 and wait > 0 then refused = true else wait = 0 end
  reply[2 * i - 1] = wait
end
for i, key in ipairs(KEYS) do
  local at = before[i]
  if not refused then at = at + ARGV[3 * i - 1] * take end
  local until_full = math.ceil(at - now)
  if until_full > 0 then
    redis.call('SET', key, string.format('%.0f', at), 'PX', math.ceil(until_full / 1000))
  end
  reply[2 * i] = until_full
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

    def __str__(self) -> str:
        """Write it as `parse` reads it."""
        return f"{self.limit}/{self.per_seconds}"

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
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._owed: dict[str, Rate] = {}
        self._telling: asyncio.Task[None] | None = None
        self._tellers: set[asyncio.Task[None]] = set()

    async def check(self, key: str, rate: Rate) -> Decision:
        """Take one request out of a budget, if there is one left."""
        return (await self.check_all({key: rate}))[0]

    async def check_all(self, budgets: Mapping[str, Rate]) -> list[Decision]:
        """Take one request out of each budget, or none when any of them is exhausted."""
        now = time.monotonic()
        known = [self._plenty(key, rate, now) for key, rate in budgets.items()]
        if all(known):
            return [
                self._let_in(key, rate, seen)
                for (key, rate), seen in zip(budgets.items(), known, strict=True)
                if seen is not None
            ]
        decisions = await self.check_shared(budgets)
        if decisions is not None:
            return decisions
        return [self._local.check(key, rate) for key, rate in budgets.items()]

    async def check_shared(self, budgets: Mapping[str, Rate]) -> list[Decision] | None:
        """As `check_all`, but in Redis or not at all: None while it is away."""
        if time.monotonic() < self._redis_rests_until:
            return None
        try:
            async with asyncio.timeout(REDIS_TIMEOUT_SECONDS):
                return await self._ask(budgets, take=1)
        except (RedisError, OSError, TimeoutError) as error:
            self._redis_failed(error)
            return None

    async def stop(self) -> None:
        """Tell Redis what it has not been told yet; nothing of this uses it afterwards."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        if self._tellers:
            await asyncio.wait(self._tellers)
        await self.tell()

    async def tell(self) -> None:
        """Tell Redis of the requests that were let in without asking."""
        owed, self._owed = self._owed, {}
        if not owed or time.monotonic() < self._redis_rests_until:
            return
        try:
            async with asyncio.timeout(REDIS_TIMEOUT_SECONDS):
                await self._ask(owed, take=0)
        except (RedisError, OSError, TimeoutError) as error:
            self._redis_failed(error)

    def _plenty(self, key: str, rate: Rate, now: float) -> "_Seen | None":
        """Return what is known of a budget, when that is enough to let a request in."""
        seen = self._seen.get(key)
        if (
            seen is None
            or rate.limit < TOLD_LATER_FROM
            or now - seen.at > FRESH_SECONDS
            or seen.remaining - seen.owed <= rate.limit // 2
        ):
            return None
        return seen

    def _let_in(self, key: str, rate: Rate, seen: "_Seen") -> Decision:
        seen.owed += 1
        self._owed[key] = rate
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell_soon())
            self._tellers.add(self._telling)
            self._telling.add_done_callback(self._tellers.discard)
        return Decision(
            allowed=True,
            limit=rate.limit,
            remaining=seen.remaining - seen.owed,
            retry_after_seconds=0,
            reset_seconds=seen.reset_seconds,
        )

    async def _tell_soon(self) -> None:
        await asyncio.sleep(TELL_AFTER_SECONDS)
        self._telling = None
        await self.tell()

    async def _ask(self, budgets: Mapping[str, Rate], *, take: int) -> list[Decision]:
        arguments: list[str | int | float] = [*budgets, take]
        for key, rate in budgets.items():
            seen = self._seen.get(key)
            arguments += (rate.interval, rate.budget, seen.owed if seen is not None else 0)
            if seen is not None:
                seen.owed = 0
            self._owed.pop(key, None)
        try:
            reply = await self._run("EVALSHA", self._script_hash, len(budgets), *arguments)
        except NoScriptError:
            reply = await self._run("EVAL", _GCRA, len(budgets), *arguments)
        decisions = []
        for i, (key, rate) in enumerate(budgets.items()):
            decision = _decision(rate, wait=reply[2 * i], until_full=reply[2 * i + 1])
            self._note(key, decision)
            decisions.append(decision)
        return decisions

    def _note(self, key: str, decision: Decision) -> None:
        seen = self._seen.setdefault(key, _Seen())
        seen.at = time.monotonic()
        seen.remaining = decision.remaining
        seen.reset_seconds = decision.reset_seconds
        if len(self._seen) > LOCAL_KEYS:
            self._seen.popitem(last=False)

    def _redis_failed(self, error: Exception) -> None:
        # Not asked again for a moment, so that an outage does not slow every request.
        self._redis_rests_until = time.monotonic() + REDIS_REST_SECONDS
        self._seen.clear()
        log.warning("rate_limit_without_redis", reason=repr(error))

    async def _run(self, *command: str | int | float) -> list[int]:
        # Not `evalsha()`: its types know only text, and it adds nothing.
        reply: list[int] = await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]  # as said above
        return reply


@dataclass(slots=True)
class _Seen:
    """What Redis said of a budget, and how many requests were let in since."""

    at: float = 0.0
    remaining: int = 0
    reset_seconds: int = 0
    owed: int = 0


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

"""One subscribing connection to Redis for the whole process, however many streams it serves.

redis-py's PubSub costs several times what a turn of this loop does, and holds one handler a
channel; this keeps only the driver's connection (address, log-in, TLS, parsing).
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from libs.common.telemetry import get_logger

log = get_logger(__name__)

_RETRY_SECONDS: Final = (0.05, 0.2, 0.5, 1.0)
_PING_SECONDS: Final = 5.0
_SILENCE_SECONDS: Final = 12.0
_SUBSCRIBE_TIMEOUT_SECONDS: Final = 2.0
_TIDY_SECONDS: Final = 0.5


@dataclass(eq=False, slots=True)
class Listener:
    """Who hears a channel.

    Args:
        heard: Called with each message; must not block.
        missed: Called when messages may have been missed, the connection having been down.
    """

    heard: Callable[[bytes], None]
    missed: Callable[[], None]


@dataclass(eq=False, slots=True)
class _Channel:
    listeners: list[Listener] = field(default_factory=list)
    confirmed: asyncio.Event = field(default_factory=asyncio.Event)


class RedisChannels:
    """Subscriptions of a process; `run` it as a task."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._channels: dict[bytes, _Channel] = {}
        self._connection: AbstractConnection | None = None
        self._heard_at = 0.0
        self._tidying: asyncio.TimerHandle | None = None
        self._unsubscribing: set[asyncio.Task[None]] = set()

    @property
    def live(self) -> bool:
        """Whether the connection stands."""
        return self._connection is not None

    async def subscribe(self, channel: str, listener: Listener) -> None:
        """Hear a channel; returns once Redis has confirmed it, or cannot at the moment."""
        name = channel.encode()
        known = self._channels.get(name)
        if known is None:
            known = self._channels[name] = _Channel()
            known.listeners.append(listener)
            await self._send("SUBSCRIBE", name)
        else:
            known.listeners.append(listener)
        if self.live and not known.confirmed.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_SUBSCRIBE_TIMEOUT_SECONDS):
                    await known.confirmed.wait()

    def unsubscribe(self, channel: str, listener: Listener) -> None:
        """Stop hearing a channel. Redis is told later, of many at once."""
        known = self._channels.get(channel.encode())
        if known is None or listener not in known.listeners:
            return
        known.listeners.remove(listener)
        if not known.listeners and self._tidying is None:
            loop = asyncio.get_running_loop()
            self._tidying = loop.call_later(_TIDY_SECONDS, self._tidy_soon)

    async def run(self) -> None:
        """Keep the connection and hand out what comes in, until cancelled."""
        failures = 0
        while True:
            try:
                await self._connect()
                failures = 0
                async with asyncio.TaskGroup() as tasks:
                    watchdog = tasks.create_task(self._watch_silence())
                    try:
                        await self._read()
                    finally:
                        watchdog.cancel()
            except* (RedisError, OSError, TimeoutError) as errors:
                if failures == 0:
                    log.warning("redis_channels_down", error=repr(errors.exceptions[0]))
            except* Exception:
                # Nobody watches this task: whatever it is, followers need the connection back.
                log.exception("redis_channels_broke")
            finally:
                await self._disconnect()
            await asyncio.sleep(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)])
            failures += 1

    def nudge(self) -> None:
        """Make all listeners look for themselves, as when the process is about to stop."""
        for known in list(self._channels.values()):
            for listener in list(known.listeners):
                listener.missed()

    def _tidy_soon(self) -> None:
        self._tidying = None
        task = asyncio.create_task(self._tidy())
        self._unsubscribing.add(task)
        task.add_done_callback(self._unsubscribing.discard)

    async def _tidy(self) -> None:
        # The command is written in the same go: nobody can subscribe again between the two.
        unheard = [name for name, known in self._channels.items() if not known.listeners]
        for name in unheard:
            del self._channels[name]
        if unheard:
            await self._send("UNSUBSCRIBE", *unheard)

    async def _connect(self) -> None:
        pool = self._redis.connection_pool
        connection: AbstractConnection = pool.connection_class(**pool.connection_kwargs)
        # Silence is normal here; the watchdog tells it from a dead line.
        connection.socket_timeout = None
        try:
            async with asyncio.timeout(_SUBSCRIBE_TIMEOUT_SECONDS):
                await connection.connect()  # type: ignore[no-untyped-call]  # redis-py's own gap
                if self._channels:
                    await connection.send_command("SUBSCRIBE", *self._channels, check_health=False)
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        self._heard_at = time.monotonic()
        self._connection = connection
        self.nudge()

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(RedisError, OSError):
                await connection.disconnect(nowait=True)
            self.nudge()
        for known in self._channels.values():
            known.confirmed.clear()

    async def _read(self) -> None:
        connection = self._connection
        if connection is None:
            return
        while True:
            reply = await connection.read_response(disconnect_on_error=False)
            self._heard_at = time.monotonic()
            if not isinstance(reply, list) or len(reply) != 3:
                continue
            kind, name, payload = reply
            known = self._channels.get(name)
            if known is None:
                continue
            if kind == b"message":
                for listener in tuple(known.listeners):
                    try:
                        listener.heard(payload)
                    except ValueError:
                        # From a process of another release, say; one message must not end all.
                        log.warning("redis_message_unreadable", size=len(payload))
                        listener.missed()
            elif kind == b"subscribe":
                known.confirmed.set()

    async def _watch_silence(self) -> None:
        while True:
            await asyncio.sleep(_PING_SECONDS)
            if time.monotonic() - self._heard_at > _SILENCE_SECONDS:
                raise TimeoutError("Redis has fallen silent")
            await self._send("PING")

    async def _send(self, *command: str | bytes) -> None:
        connection = self._connection
        if connection is None:
            return
        # A line that breaks here breaks the reader too, which connects again.
        with suppress(RedisError, OSError):
            await connection.send_packed_command(
                connection.pack_command(*command), check_health=False
            )

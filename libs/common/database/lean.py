"""Transactions without SQLAlchemy, on connections of an asyncpg pool."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from types import TracebackType

import asyncpg

from libs.common.database.connection import Connection, Pool
from libs.common.database.outages import DRIVER_ERRORS, DatabaseUnavailable, is_outage

# For a connection and the answer to BEGIN, which waits for nobody: a server that is silent for so
# long is gone, whatever the network says.
ACQUIRE_TIMEOUT_SECONDS = 1.9
# A crowd that waits for connections is no outage, as long as the database answers some of it.
BUSY_TIMEOUT_SECONDS = 10.0
PULSE_SECONDS = 1.0
ROLLBACK_TIMEOUT_SECONDS = 1.0


class Pulse:
    """When the database was last heard to finish something."""

    __slots__ = ("felt_at",)

    def __init__(self) -> None:
        self.felt_at = float("-inf")


class Patience:
    """A deadline that moves on for as long as the database is heard to finish others' work.

    A database that has answered others a moment ago is busy rather than gone.
    """

    __slots__ = ("_deadline", "_gives_up_at", "_loop", "_pulse", "_timer")

    _timer: asyncio.TimerHandle

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> None:
        now = self._loop.time()
        self._gives_up_at = now + BUSY_TIMEOUT_SECONDS
        self._deadline = asyncio.timeout_at(self._gives_up_at)
        self._timer = self._loop.call_at(now + ACQUIRE_TIMEOUT_SECONDS, self._look)
        await self._deadline.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        await self._deadline.__aexit__(kind, error, trace)

    def _look(self) -> None:
        if time.monotonic() - self._pulse.felt_at > PULSE_SECONDS:
            self._deadline.reschedule(self._loop.time())
        else:
            self._timer = self._loop.call_later(PULSE_SECONDS, self._look)


class LeanTransaction(AbstractAsyncContextManager[Connection]):
    """A transaction on a connection of a pool.

    A class, since the nested generators of `contextlib` cost as much as a query does, several
    times in each question.
    """

    __slots__ = ("_begin", "_connection", "_pool", "_pulse")

    _connection: Connection

    def __init__(self, pool: Pool | None, begin: str, pulse: Pulse) -> None:
        if pool is None:
            raise RuntimeError("the database is not open")
        self._pool = pool
        self._begin = begin
        self._pulse = pulse

    async def __aenter__(self) -> Connection:
        try:
            self._connection = await _begun(self._pool, self._begin, self._pulse)
        except OSError as error:
            raise DatabaseUnavailable from error
        except Exception as error:
            if is_outage(error):
                raise DatabaseUnavailable from error
            raise
        return self._connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self._end(undo=error is not None)
        except Exception as failure:
            if is_outage(failure):
                raise DatabaseUnavailable from failure
            raise
        if error is not None and is_outage(error):
            raise DatabaseUnavailable from error

    async def _end(self, *, undo: bool) -> None:
        connection = self._connection
        try:
            if undo:
                await _roll_back(connection)
                return
            try:
                if await connection.execute("COMMIT") != "COMMIT":
                    raise RuntimeError("a swallowed error has undone this transaction")
                self._pulse.felt_at = time.monotonic()
            except BaseException:
                # Also when COMMIT was cut short.
                await _roll_back(connection)
                raise
        finally:
            await self._pool.release(connection)


async def undo(pool: Pool, connection: Connection) -> None:
    """Undo what a connection was in the middle of, and give it back."""
    try:
        await _roll_back(connection)
    finally:
        await pool.release(connection)


async def _roll_back(connection: Connection) -> None:
    """Undo a transaction; where the connection is gone, so is the transaction."""
    try:
        await connection.execute("ROLLBACK", timeout=ROLLBACK_TIMEOUT_SECONDS)
    except TimeoutError:
        connection.terminate()
    except (OSError, asyncpg.PostgresError, *DRIVER_ERRORS):
        pass


async def _begun(pool: Pool, begin: str, pulse: Pulse) -> Connection:
    """Take a connection from the pool and begin a transaction.

    A database that has answered others a moment ago is busy rather than gone: then it is worth
    waiting in the queue a while longer.
    """
    gives_up_at = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            return await _begun_at_once(pool, begin)
        except TimeoutError:
            now = time.monotonic()
            if now - pulse.felt_at > PULSE_SECONDS or now > gives_up_at:
                raise


async def _begun_at_once(pool: Pool, begin: str) -> Connection:
    """Take a connection and begin a transaction, both within one deadline."""
    async with asyncio.timeout(ACQUIRE_TIMEOUT_SECONDS):
        connection = await pool.acquire()
        try:
            await connection.execute(begin)
        except BaseException:
            # Nobody knows what it waits for: better none than one in the middle of something.
            connection.terminate()
            await pool.release(connection)
            raise
    return connection

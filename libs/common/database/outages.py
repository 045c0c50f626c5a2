"""Telling an outage from an error: the driver has many words for "no connection"."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from libs.common.errors import Unavailable


class DatabaseUnavailable(Unavailable):
    """PostgreSQL cannot be reached, or has no connection to spare."""

    code = "database_unavailable"
    message = "The database is out of reach at the moment. Try again shortly."

    def __init__(self) -> None:
        super().__init__(retry_after_seconds=2)


@contextmanager
def no_route_told() -> Iterator[None]:
    """Turn what goes wrong while connecting into one error."""
    try:
        yield
    except OSError as error:
        raise DatabaseUnavailable from error


@contextmanager
def outages_told() -> Iterator[None]:
    """Turn the driver's many words for "no connection" into one error."""
    try:
        yield
    except Exception as error:
        if is_outage(error):
            raise DatabaseUnavailable from error
        raise


def is_outage(error: BaseException) -> bool:
    """Tell whether an error means that there is no connection."""
    if isinstance(error, _NO_CONNECTION):
        return True
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(error.driver_exception, _OUTAGES)
    if isinstance(error, DRIVER_ERRORS):
        return any(word in str(error) for word in _OUTAGE_WORDS)
    return False


_OUTAGES = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)
_NO_CONNECTION = (
    ConnectionError,
    TimeoutError,
    PoolTimeout,
    InterfaceError,
    OperationalError,
    *_OUTAGES,
)
DRIVER_ERRORS = (asyncpg.InterfaceError, asyncpg.InternalClientError)
# The last is said of a connection on which the server has taken its leave and not yet hung up.
_OUTAGE_WORDS = ("connection", "pool", "cannot switch to state")

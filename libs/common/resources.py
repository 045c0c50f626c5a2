"""What a process is connected to, opened once and handed down.

A service's `wiring.py` takes these and puts its use cases together; nothing else opens a pool.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

import aiohttp
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from libs.common.crypto import KeyRing
from libs.common.database import Database
from libs.common.denials import DenialLog
from libs.common.health import Check
from libs.common.http.client import ServiceClient, open_http_session
from libs.common.http.rates import RateLimits
from libs.common.metering import UsageMeter
from libs.common.rate_limits import RateLimiter
from libs.common.security import CallerVerifier, ServiceTokens

if TYPE_CHECKING:
    from libs.common.settings import ServiceSettings

REDIS_CONNECT_SECONDS: Final = 1.0
REDIS_READ_SECONDS: Final = 0.5
REDIS_MAX_CONNECTIONS: Final = 256
# A reader that blocks hears nothing of a machine that is gone: after ten idle seconds the kernel
# asks, and gives up 15 seconds later. macOS lacks the first name.
_KEEPALIVE: Final = {
    getattr(socket, name): value
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
    if hasattr(socket, name)
}


@dataclass
class Resources:
    """Connections and identities of one process; made by `Resources.open`."""

    settings: "ServiceSettings"
    database: Database
    redis: Redis
    """Without a read timeout: for readers that block."""
    quick_redis: Redis
    """Gives up after half a second: for what a request waits for."""
    http: aiohttp.ClientSession
    key_ring: KeyRing
    service_tokens: ServiceTokens
    caller_verifier: CallerVerifier
    rate_limits: RateLimits
    meter: UsageMeter
    denials: DenialLog
    checks: list[Check] = field(default_factory=list)
    """What `/health` looks at; a service's wiring adds its own dependencies."""
    not_ready: bool = False
    """Set as soon as the process has been told to stop."""
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it stops serving: streams end now, so that clients reconnect elsewhere."""
    _clients: dict[str, ServiceClient] = field(default_factory=dict)

    @cached_property
    def service(self) -> str:
        """The service's name."""
        return self.settings.service

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: "ServiceSettings") -> AsyncIterator["Resources"]:
        """Open everything, and close it at the end.

        Raises:
            UnsafeRole: The database role could step around row-level security.
            DatabaseUnavailable: PostgreSQL cannot be reached.
        """
        worker_url = settings.worker_db_url
        database = Database(
            settings.primary_db_url.get_secret_value(),
            service=settings.service,
            worker_url=worker_url.get_secret_value() if worker_url else None,
            replica_urls=settings.replica_db_urls,
            pool_size=settings.db_pool_size,
        )
        redis = open_redis(settings.redis_url.get_secret_value())
        quick_redis = open_redis(
            settings.redis_url.get_secret_value(), timeout_seconds=REDIS_READ_SECONDS
        )
        http = open_http_session()
        tokens = ServiceTokens(
            settings.service,
            private_pem=settings.service_key_pem,
            jwks_json=settings.service_jwks_json,
        )
        meter = UsageMeter(quick_redis, service=settings.service)
        denials = DenialLog(quick_redis, service=settings.service)
        rate_limits = RateLimits(RateLimiter(quick_redis), settings.rate_limits)
        try:
            await database.open()
            await meter.start()
            await denials.start()
            resources = cls(
                settings=settings,
                database=database,
                redis=redis,
                quick_redis=quick_redis,
                http=http,
                key_ring=KeyRing(settings.root_key, database, also=settings.root_keys_also),
                service_tokens=tokens,
                caller_verifier=CallerVerifier(
                    settings.auth_url, redis=quick_redis, tokens=tokens, http=http
                ),
                rate_limits=rate_limits,
                meter=meter,
                denials=denials,
            )
            resources.checks += _common_checks(database, quick_redis)
            yield resources
        finally:
            await rate_limits.stop()
            await denials.stop()
            await meter.stop()
            await http.close()
            await quick_redis.aclose()
            await redis.aclose()
            await database.close()

    def client(self, service: str) -> ServiceClient:
        """Return the client of another service, the same one each time."""
        if service not in self._clients:
            self._clients[service] = ServiceClient(
                getattr(self.settings, f"{service}_url"),
                audience=service,
                tokens=self.service_tokens,
                http=self.http,
            )
        return self._clients[service]


def _common_checks(database: Database, redis: Redis) -> list[Check]:
    async def ping_database() -> None:
        await database.ping()

    async def ping_redis() -> None:
        await redis.ping()

    return [Check("database", ping_database), Check("redis", ping_redis, critical=False)]


def open_redis(url: str, *, timeout_seconds: float | None = None) -> Redis:
    """Return a client that connects on first use, and gives up a connection attempt soon.

    Args:
        url: Where Redis is.
        timeout_seconds: For each reply; None waits as long as a blocking read says.
    """
    redis: Redis = Redis.from_url(
        url,
        socket_connect_timeout=REDIS_CONNECT_SECONDS,
        socket_timeout=timeout_seconds,
        socket_keepalive=True,
        socket_keepalive_options=_KEEPALIVE,
        health_check_interval=0,
        max_connections=REDIS_MAX_CONNECTIONS,
        # One repetition: the first command after an idle time may find a closed connection.
        retry=Retry(NoBackoff(), 1),
        retry_on_timeout=False,
    )
    return redis

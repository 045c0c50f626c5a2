"""HTTP to places that tenants have chosen: two sessions a process, one of them guarded.

The guard sits where a socket is made for an address that has been resolved already, so what is
checked is what is connected to: a name cannot point elsewhere a moment later, and a literal
address, which no resolver ever sees, is checked like any other.
"""

import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType

from libs.common.outbound import OutboundPolicy, parse_address

KEEPALIVE_SECONDS: Final = 30


class AddressRefused(OSError):
    """A tenant's URL leads to an address that it may not reach."""

    def __init__(self) -> None:
        super().__init__(errno.EACCES, "it leads into the platform's own network")


@dataclass(frozen=True, slots=True)
class Outbound:
    """Sessions for URLs that tenants choose. Callers follow no redirects.

    Attributes:
        policy: Where the guarded session may connect to.
        free: For hosts that the operator named or vouches for.
        guarded: For all others.
    """

    policy: OutboundPolicy
    free: aiohttp.ClientSession
    guarded: aiohttp.ClientSession

    @classmethod
    @asynccontextmanager
    async def open(
        cls, policy: OutboundPolicy, *, decompresses: bool = True
    ) -> AsyncIterator["Outbound"]:
        """Open both sessions, and close them at the end.

        Args:
            policy: Where the guarded session may connect to.
            decompresses: Whether bodies are unpacked; a caller that counts does so by itself.
        """

        def make_socket(address: AddrInfoType) -> socket.socket:
            family, kind, protocol, _, where = address
            parsed = parse_address(str(where[0]))
            if parsed is None or not policy.may_connect(parsed):
                raise AddressRefused
            return socket.socket(family, kind, protocol)

        guard = aiohttp.TCPConnector(
            limit=0,
            keepalive_timeout=KEEPALIVE_SECONDS,
            socket_factory=make_socket,
            resolver=_CheckingResolver(policy),
        )
        plain = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS)
        async with (
            _session(plain, decompresses=decompresses) as free,
            _session(guard, decompresses=decompresses) as guarded,
        ):
            yield cls(policy, free, guarded)

    def session_for(self, url: str, *, trusted: bool = False) -> aiohttp.ClientSession:
        """Return the session to call `url` with.

        Args:
            url: Only its host matters.
            trusted: The URL is the operator's own, not a tenant's.
        """
        return self.free if trusted or self.policy.trusts(url) else self.guarded


class _CheckingResolver(AbstractResolver):
    """Looks a name up once, and refuses it when any of its addresses may not be reached.

    A name that leads to a public and a private address alike is somebody's attempt to get in.
    """

    def __init__(self, policy: OutboundPolicy) -> None:
        self._policy = policy
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        for one in found:
            address = parse_address(one["host"])
            if address is None or not self._policy.may_connect(address):
                raise AddressRefused
        return found

    async def close(self) -> None:
        await self._resolver.close()


def is_refused_address(error: BaseException) -> bool:
    """Say whether a call failed because its address may not be reached."""
    return isinstance(error, aiohttp.ClientConnectorError) and isinstance(
        error.os_error, AddressRefused
    )


def _session(connector: aiohttp.TCPConnector, *, decompresses: bool) -> aiohttp.ClientSession:
    # No proxy from the environment: it would resolve names out of the guard's sight.
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=decompresses,
    )

"""Connections to places that tenants choose are held against the policy."""

import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from libs.common.http.outbound import Outbound, is_refused_address
from libs.common.outbound import OutboundPolicy

PRODUCTION = OutboundPolicy(allow_private=False)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A server in the operator's network."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="secret")

    application = web.Application()
    application.router.add_get("/", answer)
    async with TestServer(application) as server:
        yield str(server.make_url("/"))


async def get(outbound: Outbound, url: str, *, trusted: bool = False) -> str:
    session = outbound.session_for(url, trusted=trusted)
    async with session.get(url, allow_redirects=False) as response:
        return await response.text()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"])
async def test_refuses_addresses_and_names_alike(url: str, host: str) -> None:
    async with Outbound.open(PRODUCTION) as outbound:
        with pytest.raises(aiohttp.ClientConnectorError, match="own network") as refused:
            await get(outbound, f"http://{host}:{urlsplit(url).port}/")

    assert is_refused_address(refused.value)


async def test_a_name_cannot_move_between_check_and_connection(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rebound(*_: object, **__: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", urlsplit(url).port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebound)

    async with Outbound.open(PRODUCTION) as outbound:
        with pytest.raises(aiohttp.ClientConnectorError, match="own network"):
            await get(outbound, f"http://models.example:{urlsplit(url).port}/")


async def test_reaches_what_the_operator_trusts(url: str) -> None:
    async with Outbound.open(PRODUCTION) as outbound:
        assert await get(outbound, url, trusted=True) == "secret"
        # Once connected, the pool must not hand the connection to somebody else.
        with pytest.raises(aiohttp.ClientConnectorError):
            await get(outbound, url)
    named = OutboundPolicy(allow_private=False, trusted_hosts={"127.0.0.1"})
    async with Outbound.open(named) as outbound:
        assert await get(outbound, url) == "secret"


async def test_lets_a_developers_machine_call_its_neighbours(url: str) -> None:
    async with Outbound.open(OutboundPolicy(allow_private=True)) as outbound:
        assert await get(outbound, url) == "secret"


async def test_nobody_there_is_something_else() -> None:
    async with Outbound.open(OutboundPolicy(allow_private=True)) as outbound:
        with pytest.raises(aiohttp.ClientConnectorError) as failed:
            await get(outbound, "http://127.0.0.1:9/")

    assert not is_refused_address(failed.value)

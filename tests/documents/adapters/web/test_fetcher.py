"""Fetching is guarded: hostile addresses reach nobody, and what comes is counted."""

import asyncio
import contextlib
import gzip
import socket
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from libs.common.http.outbound import Outbound
from libs.common.outbound import OutboundPolicy
from services.documents.adapters.web.fetcher import WebFetcher
from services.documents.domain.web_addresses import BadAddress, WebAddress, read_address
from services.documents.domain.website_errors import PageNotFetched
from tests.documents.web import Site, counted_listener

GUARDED = OutboundPolicy(allow_private=False)
MAX_BYTES = 100_000

# {port} is that of a listener on the loopback; names are looked up by a resolver that says so.
HOSTILE = [
    "http://127.0.0.1:{port}/",
    "http://127.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://127.255.255.254/",
    "http://0/",
    "http://0.0.0.0/",
    "http://2130706433/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0x7f.1/",
    "http://127.0.0.0x1/",
    "http://00000177.0.0.01/",
    "http://127.0.0.1./",
    "http://\uff14\uff12/",
    "http://\uff11\uff12\uff17.\uff10.\uff10.\uff11/",
    "http://127\u30020\u30020\u30021/",
    "http://\u246b\u2466.\u24ea.\u24ea.\u2460/",
    "http://localhost/",
    "http://LOCALHOST./",
    "http://localhost:{port}/",
    "http://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3/",
    "http://[::1]/",
    "http://[::1]:{port}/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a00:1::1]/",
    "http://[2001::1]/",
    "http://[fec0::1]/",
    "http://[fc00::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25lo]/",
    "http://[ff02::1]/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.0.1/",
    "http://100.64.0.1/",
    "http://100.100.100.200/",
    "http://169.254.169.254/latest/meta-data/",
    "http://192.0.0.1/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://user:secret@public.example/",
    "http://public.example@127.0.0.1/",
    "http://127.0.0.1\\@public.example/",
    "http://public.example:secret@127.0.0.1:{port}/",
    "http://public.example:{port}/",
    "http://public.example:22/",
    "http://public.example:99999/",
    "https://public.example:8443/",
    "ftp://public.example/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_x",
    "javascript:alert(1)",
    "data:text/html,x",
    "http:///path",
    "http://inside.example/",
    "http://both.example/",
    "http://six.example/",
    "http://mapped.example/",
    "http://metadata.example/",
    "http://bücher.example/",
    "http://a.inside.example./",
    "http://public.example\r\nhost: inside/",
    "http://%31%32%37.0.0.1/",
    "http://127.0.0.1%00.public.example/",
]
ADDRESSES = {
    "localhost": ["127.0.0.1", "::1"],
    "inside.example": ["10.0.0.7"],
    "a.inside.example": ["192.168.1.1"],
    "both.example": ["93.184.215.14", "127.0.0.1"],
    "six.example": ["fd12::1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "metadata.example": ["169.254.169.254"],
    "xn--bcher-kva.example": ["127.0.0.1"],
}


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names that lead where somebody wants them to."""
    real = socket.getaddrinfo
    known = dict(ADDRESSES)

    def resolve(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        found = known.get(str(name).rstrip("."))
        if found is None:
            return real(host, port, *args, **kwargs)
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port, 0, 0) if ":" in address else (address, port),
            )
            for address in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


@pytest.fixture
async def guarded() -> AsyncIterator[WebFetcher]:
    """Fetches from the public web only."""
    async with Outbound.open(GUARDED, decompresses=False) as opened:
        yield WebFetcher(outbound=opened, user_agent="Tester", timeout_seconds=3)


@pytest.fixture
def fetcher(outbound: Outbound) -> WebFetcher:
    """Fetches from this machine too."""
    return WebFetcher(outbound=outbound, user_agent="Tester", timeout_seconds=1)


def raw(url: str) -> WebAddress:
    """Return an address as it is, unread: the guard must hold without the reader before it."""
    return WebAddress(url, url, url)


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("read", [True, False], ids=["read", "raw"])
async def test_hostile_addresses_reach_nobody(
    guarded: WebFetcher,
    resolver: dict[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
    *,
    read: bool,
) -> None:
    hits: list[str] = []
    server, port = await counted_listener(hits)
    # Whatever is connected to, wherever to: nobody leaves this process unseen.
    loop = asyncio.get_running_loop()
    connected: list[Any] = []

    async def connect(_sock: socket.socket, address: Any) -> None:
        connected.append(address)
        raise OSError("seen")

    monkeypatch.setattr(loop, "sock_connect", connect, raising=False)
    made: list[Any] = []
    real_connect = socket.socket.connect

    def seen(sock: socket.socket, address: Any) -> None:
        made.append(address)
        real_connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", seen)
    passed = []
    for template in HOSTILE:
        url = template.replace("{port}", str(port))
        try:
            address = read_address(url) if read else raw(url)
            await guarded.fetch(address, max_bytes=MAX_BYTES)
        except (BadAddress, PageNotFetched) as error:
            if isinstance(error, PageNotFetched) and error.code not in (
                "url_not_allowed",
                "unknown_host",
            ):
                passed.append((url, error.code))
        else:
            passed.append((url, "fetched"))
    server.close()
    await server.wait_closed()

    assert passed == []
    assert hits == connected == made == []


async def test_a_name_that_moves_after_it_was_looked_up(
    guarded: WebFetcher, resolver: dict[str, list[str]]
) -> None:
    hits: list[str] = []
    server, _ = await counted_listener(hits)
    answers = iter([["93.184.215.14"], ["127.0.0.1"], ["127.0.0.1"], ["127.0.0.1"]])
    resolver["moving.example"] = ["93.184.215.14"]
    for addresses in answers:
        resolver["moving.example"] = addresses
        with pytest.raises(PageNotFetched):
            await guarded.fetch(read_address("http://moving.example/"), max_bytes=MAX_BYTES)
    server.close()
    await server.wait_closed()

    assert hits == []


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "//169.254.169.254/latest/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://2130706433:{port}/",
        "file:///etc/passwd",
        "http://user@public.example/",
        "",
    ],
)
async def test_redirects_are_checked_like_addresses(site: Site, target: str) -> None:
    hits: list[str] = []
    server, port = await counted_listener(hits)

    async def away(_request: web.Request) -> web.Response:
        location = target.replace("{port}", str(port))
        return web.Response(status=302, headers={"location": location} if location else {})

    site.pages["/"] = away
    # The site is trusted by its other name, the loopback is not.
    policy = OutboundPolicy(allow_private=False, trusted_hosts={"ip6-localhost", "site.test"})
    async with Outbound.open(policy, decompresses=False) as opened:
        fetcher = WebFetcher(outbound=opened, user_agent="Tester", timeout_seconds=2)
        url = site.url.replace("127.0.0.1", "site.test")
        with pytest.MonkeyPatch.context() as patched:
            real = socket.getaddrinfo
            patched.setattr(
                socket,
                "getaddrinfo",
                lambda host, *args, **more: real(
                    "127.0.0.1" if host == "site.test" else host, *args, **more
                ),
            )
            if not target:
                # An empty location is the page itself, which is a circle.
                with pytest.raises(PageNotFetched, match="circles"):
                    await fetcher.fetch(read_address(url), max_bytes=MAX_BYTES)
            else:
                with pytest.raises(PageNotFetched) as refused:
                    await fetcher.fetch(read_address(url), max_bytes=MAX_BYTES)
                assert refused.value.code == "url_not_allowed"
    server.close()
    await server.wait_closed()

    assert hits == []


class TestBodies:
    async def test_unpacks_and_counts(self, fetcher: WebFetcher, site: Site) -> None:
        async def packed(request: web.Request) -> web.Response:
            content = b"<p>kettle" * 1000
            kind = request.path[1:]
            body = gzip.compress(content) if kind == "gzip" else zlib.compress(content)
            return web.Response(body=body, headers={"content-encoding": kind})

        site.pages |= {"/gzip": packed, "/deflate": packed}
        for path in ("/gzip", "/deflate"):
            page = await fetcher.fetch(read_address(site.to(path)), max_bytes=MAX_BYTES)
            assert page.body == b"<p>kettle" * 1000
            with pytest.raises(PageNotFetched, match="larger"):
                await fetcher.fetch(read_address(site.to(path)), max_bytes=8_000)

    async def test_what_comes_behind_the_end_is_not_kept(
        self, fetcher: WebFetcher, site: Site
    ) -> None:
        async def endless(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"content-encoding": "gzip"})
            await response.prepare(request)
            with contextlib.suppress(ConnectionError):
                await response.write(gzip.compress(b"<p>kettle"))
                while True:
                    await response.write(bytes(16_384))
            return response

        site.pages["/"] = endless

        page = await fetcher.fetch(read_address(site.url), max_bytes=MAX_BYTES)

        assert page.body == b"<p>kettle"

    @pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "x" * 300])
    async def test_other_packings_are_refused(
        self, fetcher: WebFetcher, site: Site, encoding: str
    ) -> None:
        async def packed(_request: web.Request) -> web.Response:
            return web.Response(body=b"x", headers={"content-encoding": encoding})

        site.pages["/"] = packed
        with pytest.raises(PageNotFetched, match="packs"):
            await fetcher.fetch(read_address(site.url), max_bytes=MAX_BYTES)

    async def test_a_damaged_one_fails(self, fetcher: WebFetcher, site: Site) -> None:
        async def packed(_request: web.Request) -> web.Response:
            return web.Response(body=b"not gzip", headers={"content-encoding": "gzip"})

        site.pages["/"] = packed
        with pytest.raises(PageNotFetched, match="unpack"):
            await fetcher.fetch(read_address(site.url), max_bytes=MAX_BYTES)

    async def test_a_server_that_talks_nonsense_fails(self, fetcher: WebFetcher) -> None:
        async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"\x00\xff" * 2000 + b"\r\n\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(PageNotFetched):
            await fetcher.fetch(read_address(f"http://127.0.0.1:{port}/"), max_bytes=MAX_BYTES)
        server.close()
        await server.wait_closed()

    async def test_asks_with_what_is_known_but_not_elsewhere(
        self, fetcher: WebFetcher, site: Site
    ) -> None:
        async def moved(_request: web.Request) -> web.Response:
            return web.Response(status=307, headers={"location": "/new"})

        site.pages |= {"/old": moved, "/new": "<p>New."}
        await fetcher.fetch(read_address(site.to("/old")), max_bytes=MAX_BYTES, etag='"a"')

        assert [headers.get("if-none-match") for headers in site.headers] == ['"a"', None]
        assert "authorization" not in site.headers[0]
        assert "cookie" not in site.headers[1]

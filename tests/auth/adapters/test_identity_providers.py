"""Providers that are hostile, or not where they may be."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from libs.common.http.outbound import Outbound
from libs.common.outbound import OutboundPolicy
from services.auth.adapters.identity_providers import MAX_BYTES, OidcProviders
from services.auth.domain.federation_errors import InvalidConnection, ProviderFailed

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LOCAL = OutboundPolicy(allow_private=True)
PUBLIC = OutboundPolicy(allow_private=False)


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[tuple[str, list[str]]]:
    """Serve all paths with one handler; give the address and the paths that were asked for."""
    asked: list[str] = []

    async def noted(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return await handler(request)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", noted)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}", asked
    await runner.cleanup()


def document(issuer: str, **changes: object) -> dict[str, object]:
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/keys",
    } | changes


async def reason_of(policy: OutboundPolicy, issuer: str) -> str:
    async with Outbound.open(policy) as outbound:
        with pytest.raises(ProviderFailed) as refused:
            await OidcProviders(outbound).metadata(issuer)
    return refused.value.reason


async def test_reaches_no_private_address() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({})

    async with served(answer) as (issuer, asked):
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
            url = issuer.replace("127.0.0.1", host)
            assert await reason_of(PUBLIC, url) == "the provider's address is not public"
        assert asked == []


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://169.254.169.254/latest",
        "http://metadata.internal/",
        "ftp://x",
        "https://u:p@host/",
        "",
        None,
        7,
        ["https://x"],
    ],
)
async def test_calls_no_endpoint_that_is_not_https(endpoint: object) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(document(f"http://{request.host}", jwks_uri=endpoint))

    async with served(answer) as (issuer, _):
        assert "jwks_uri is no https URL" in await reason_of(LOCAL, issuer)


async def test_follows_no_redirect() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({}, status=302, headers={"location": "/elsewhere"})

    async with served(answer) as (issuer, asked):
        assert "status 302" in await reason_of(LOCAL, issuer)
        assert asked == ["/.well-known/openid-configuration"]


async def test_reads_no_endless_answer() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(MAX_BYTES // 1024 * 4):
            await response.write(b"x" * 1024)
        return response

    async with served(answer) as (issuer, _):
        assert await reason_of(LOCAL, issuer) == "the provider's answer is too long"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", "no JSON"),
        (b"[]", "no JSON object"),
        (b'{"issuer": "https://other.example.com"}', "another issuer's"),
        (b'{"issuer": 7}', "another issuer's"),
    ],
)
async def test_says_what_is_wrong(body: bytes, reason: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=body)

    async with served(answer) as (issuer, _):
        assert reason in await reason_of(LOCAL, issuer)


async def test_unknown_keys_do_not_make_it_ask_again_and_again() -> None:
    async def answer(request: web.Request) -> web.Response:
        issuer = f"http://{request.host}"
        return web.json_response({"keys": []} if request.path == "/keys" else document(issuer))

    async with served(answer) as (issuer, asked), Outbound.open(LOCAL) as outbound:
        providers = OidcProviders(outbound)
        metadata = await providers.metadata(issuer)
        token = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.e30.eA"

        async def verify() -> None:
            with pytest.raises(ProviderFailed):
                await providers.claims(metadata, token, client_id="c", nonce="n")

        await asyncio.gather(*(verify() for _ in range(20)))

        assert asked.count("/keys") == 1


@pytest.mark.parametrize("issuer", ["http://idp.example.com", "https://x/?a", "https://a@b", "x"])
async def test_refuses_issuers_that_it_would_not_call(issuer: str) -> None:
    async with Outbound.open(LOCAL) as outbound:
        with pytest.raises(InvalidConnection):
            OidcProviders(outbound).check_issuer(issuer)


async def test_the_operator_may_vouch_for_a_host() -> None:
    policy = OutboundPolicy(allow_private=False, trusted_hosts={"idp.internal"})
    async with Outbound.open(policy) as outbound:
        OidcProviders(outbound).check_issuer("http://idp.internal:8080/realm")

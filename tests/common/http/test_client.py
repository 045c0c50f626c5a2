"""Calls from one service to another, over a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web
from structlog.contextvars import bound_contextvars

from libs.common.breaker import BreakerOpen
from libs.common.errors import Conflict, NotFound, RateLimited
from libs.common.http import ServiceClient, ServiceUnavailable
from libs.common.http.client import open_http_session
from libs.common.http.responses import error_body
from libs.common.security import ServiceTokens
from libs.common.telemetry import continue_trace
from libs.common.testing.keys import ServiceKeys

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

Handler = Callable[[web.Request], Awaitable[web.Response]]


class Other:
    """The service that is called; a test says how it answers."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.answers: list[web.Response | Exception] = []
        self.wait_seconds = 0.0

    async def handle(self, request: web.Request) -> web.Response:
        """Answer the next answer, the last one for ever."""
        self.requests.append(request)
        self.bodies.append(await request.read())
        await asyncio.sleep(self.wait_seconds)
        answer = self.answers.pop(0) if self.answers else web.json_response({"ok": True})
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
async def other(unused_port: int) -> AsyncIterator[Other]:
    """The other service, listening."""
    service = Other()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_port).start()
    yield service
    await runner.cleanup()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """The process' session."""
    async with open_http_session() as session:
        yield session


@pytest.fixture
def client(
    http: aiohttp.ClientSession, agents_tokens: ServiceTokens, unused_port: int
) -> ServiceClient:
    """The agents service's client of the sample service."""
    return ServiceClient(
        f"http://127.0.0.1:{unused_port}/",
        audience="sample",
        tokens=agents_tokens,
        http=http,
        timeout_seconds=2,
    )


def refusal(status: int, code: str) -> web.Response:
    """An error as our services answer it."""
    body = error_body(message="Told there.", code=code, request_id="r", details={"a": 1})
    return web.json_response(body, status=status)


class TestRequestJson:
    async def test_carries_identity_tenant_and_trace(
        self,
        client: ServiceClient,
        other: Other,
        keys: ServiceKeys,
        make_tenant: Callable[[], UUID],
    ) -> None:
        tenant_id = make_tenant()
        with continue_trace(TRACEPARENT), bound_contextvars(request_id="request-1"):
            answer = await client.request_json(
                "POST", "/internal/search", tenant_id=tenant_id, json={"q": "x"}, params={"n": 1}
            )

        (request,) = other.requests
        assert answer == {"ok": True}
        assert request.headers["x-tenant-id"] == str(tenant_id)
        assert request.headers["x-request-id"] == "request-1"
        assert request.headers["traceparent"].split("-")[1] == TRACEPARENT.split("-")[1]
        assert request.query == {"n": "1"}
        assert json.loads(other.bodies[0]) == {"q": "x"}
        sample = ServiceTokens(
            "sample", private_pem=keys.private_pems["sample"], jwks_json=json.dumps(keys.jwks)
        )
        assert sample.verify(request.headers["authorization"].removeprefix("Bearer ")) == "agents"

    @pytest.mark.parametrize(
        ("status", "kind"), [(404, NotFound), (409, Conflict), (429, RateLimited)]
    )
    async def test_an_error_there_is_the_same_kind_here(
        self,
        client: ServiceClient,
        other: Other,
        make_tenant: Callable[[], UUID],
        status: int,
        kind: type[Exception],
    ) -> None:
        other.answers = [refusal(status, "some_code")]

        with pytest.raises(kind) as caught:
            await client.request_json("GET", "/internal/x", tenant_id=make_tenant())

        error = caught.value
        assert isinstance(error, NotFound | Conflict | RateLimited)
        assert (error.code, error.message, error.details) == ("some_code", "Told there.", {"a": 1})
        assert len(other.requests) == 1

    async def test_an_idempotent_call_is_repeated(
        self, client: ServiceClient, other: Other, make_tenant: Callable[[], UUID]
    ) -> None:
        other.answers = [refusal(503, "unavailable"), refusal(500, "internal_error")]

        answer = await client.request_json("GET", "/internal/x", tenant_id=make_tenant())

        assert answer == {"ok": True}
        assert len(other.requests) == 3

    async def test_others_are_not(
        self, client: ServiceClient, other: Other, make_tenant: Callable[[], UUID]
    ) -> None:
        other.answers = [refusal(503, "unavailable")]

        with pytest.raises(ServiceUnavailable):
            await client.request_json("POST", "/internal/x", tenant_id=make_tenant(), json={})

        assert len(other.requests) == 1

    async def test_the_deadline_holds(
        self, client: ServiceClient, other: Other, make_tenant: Callable[[], UUID]
    ) -> None:
        other.wait_seconds = 5
        started = asyncio.get_running_loop().time()

        with pytest.raises(ServiceUnavailable) as caught:
            await client.request_json("GET", "/x", tenant_id=make_tenant(), deadline=0.2)

        assert asyncio.get_running_loop().time() - started < 1
        assert caught.value.details == {"service": "sample"}

    async def test_a_dead_service_is_left_alone(
        self, client: ServiceClient, make_tenant: Callable[[], UUID]
    ) -> None:
        tenant_id = make_tenant()
        for _ in range(5):
            with pytest.raises(ServiceUnavailable):
                await client.request_json("POST", "/x", tenant_id=tenant_id)

        with pytest.raises(BreakerOpen):
            await client.request_json("POST", "/x", tenant_id=tenant_id)

    async def test_what_is_not_our_json_is_an_outage(
        self, client: ServiceClient, other: Other, make_tenant: Callable[[], UUID]
    ) -> None:
        other.answers = [web.Response(text="<html>"), web.Response(status=404, text="nginx")]

        for _ in range(2):
            with pytest.raises(ServiceUnavailable):
                await client.request_json("POST", "/x", tenant_id=make_tenant())

    async def test_no_content_is_an_empty_answer(
        self, client: ServiceClient, other: Other, make_tenant: Callable[[], UUID]
    ) -> None:
        other.answers = [web.Response(status=204)]

        assert await client.request_json("DELETE", "/x", tenant_id=make_tenant()) == {}

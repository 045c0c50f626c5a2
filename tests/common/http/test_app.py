"""What every service's application does around its endpoints."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from libs.common.http.app import create_app
from libs.common.http.routes import RouteIndex
from libs.common.resources import Resources
from libs.common.security import Scope
from tests.common.http.conftest import Callers, LogLines, SampleSettings

NOTE = "/api/v1/note/019a0000-0000-7000-8000-000000000000"
SHAPE = {"error", "message", "code", "error_code", "details", "request_id"}


@pytest.fixture
def ann(callers: Callers) -> dict[str, str]:
    """The headers of a caller who may read and write notes."""
    return callers.add("ann", Scope.AGENTS_READ, Scope.AGENTS_WRITE)


class TestErrors:
    @pytest.mark.parametrize(
        ("method", "path", "status", "code"),
        [
            ("GET", "/api/v1/nothing", 404, "route_not_found"),
            ("PUT", NOTE, 405, "method_not_allowed"),
            ("GET", "/api/v1/note/not-an-id", 400, "validation_error"),
            ("GET", "/api/v1/note/failing/connection", 503, "unavailable"),
            ("GET", "/api/v1/note/failing/timeout", 503, "unavailable"),
            ("GET", "/api/v1/note/failing/otherwise", 500, "internal_error"),
        ],
    )
    async def test_have_one_shape(
        self,
        client: httpx.AsyncClient,
        ann: dict[str, str],
        *,
        method: str,
        path: str,
        status: int,
        code: str,
    ) -> None:
        response = await client.request(method, path, headers=ann)
        body = response.json()

        assert response.status_code == status
        assert set(body) >= SHAPE
        assert body["code"] == body["error_code"] == code
        assert body["error"] == body["message"]
        assert body["request_id"] == response.headers["x-request-id"]

    async def test_outages_say_when_to_try_again(
        self, client: httpx.AsyncClient, ann: dict[str, str]
    ) -> None:
        response = await client.get("/api/v1/note/failing/connection", headers=ann)

        assert response.headers["retry-after"] == "2"

    async def test_the_unforeseen_is_logged_once_and_told_to_nobody(
        self,
        client: httpx.AsyncClient,
        ann: dict[str, str],
        log_lines: LogLines,
    ) -> None:
        response = await client.get("/api/v1/note/failing/otherwise", headers=ann)

        assert "12345" not in response.text
        failures = [line for line in log_lines() if line["event"] == "request_failed"]
        assert len(failures) == 1
        assert "12345" in failures[0]["exception"]
        assert failures[0]["request_id"] == response.json()["request_id"]

    async def test_wrong_fields_are_named_and_not_echoed(
        self, client: httpx.AsyncClient, ann: dict[str, str]
    ) -> None:
        response = await client.post(
            "/api/v1/note", json={"text": "x", "stars": "hunter2"}, headers=ann
        )
        body = response.json()

        assert response.status_code == 400
        assert list(body["errors"]) == ["stars"]
        assert body["details"] == body["errors"]
        assert body["message"].startswith("stars: ")
        assert "hunter2" not in response.text

    @pytest.mark.parametrize(
        "content",
        [b"{", b"", b'{"text": "a",}', b"\xff\xfe", b"[" * 200_000],
        ids=["cut", "empty", "comma", "not text", "deep"],
    )
    async def test_malformed_bodies_are_refused(
        self, client: httpx.AsyncClient, ann: dict[str, str], content: bytes
    ) -> None:
        headers = ann | {"content-type": "application/json"}
        response = await client.post("/api/v1/note", content=content, headers=headers)

        assert response.status_code == 400
        assert set(response.json()) >= SHAPE

    async def test_a_form_where_json_is_wanted_is_told_so(
        self, client: httpx.AsyncClient, ann: dict[str, str]
    ) -> None:
        response = await client.post("/api/v1/note", data={"text": "a"}, headers=ann)

        assert response.status_code == 400
        assert "Content-Type: application/json" in response.json()["message"]


class TestBodies:
    async def test_a_body_over_the_limit_is_refused(
        self, client: httpx.AsyncClient, ann: dict[str, str]
    ) -> None:
        response = await client.post("/api/v1/note", json={"text": "x" * 1_100_000}, headers=ann)

        assert response.status_code == 413
        assert response.json()["code"] == "body_too_large"

    async def test_also_when_its_length_is_not_declared(
        self, client: httpx.AsyncClient, ann: dict[str, str]
    ) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b"x" * 100_000

        headers = ann | {"content-type": "application/json"}
        response = await client.post("/api/v1/note", content=pieces(), headers=headers)

        assert response.status_code == 413

    async def test_a_long_question_gets_through(
        self, client: httpx.AsyncClient, ann: dict[str, str]
    ) -> None:
        body = json.dumps({"text": "ü" * 150_000})
        headers = ann | {"content-type": "application/json"}
        response = await client.post("/api/v1/note", content=body, headers=headers)

        assert response.status_code == 201

    async def test_a_route_may_set_a_limit_of_its_own(
        self, client: httpx.AsyncClient, ann: dict[str, str]
    ) -> None:
        async def upload(size: int) -> httpx.Response:
            return await client.post(
                "/api/v1/note/upload", files={"file": b"x" * size}, headers=ann
            )

        assert (await upload(2_000_000)).json()["size"] == 2_000_000
        refused = await upload(3_000_001)
        assert refused.status_code == 413
        assert refused.json()["code"] == "body_too_large"


class TestHeaders:
    async def test_a_request_id_is_given_or_taken_over(
        self, client: httpx.AsyncClient, ann: dict[str, str]
    ) -> None:
        own = await client.get(NOTE, headers=ann | {"x-request-id": "my-request-0001"})
        odd = await client.get(NOTE, headers=ann | {"x-request-id": "a\tb"})

        assert own.headers["x-request-id"] == "my-request-0001"
        assert len(odd.headers["x-request-id"]) == 32

    async def test_replies_are_private_and_plain(
        self, client: httpx.AsyncClient, ann: dict[str, str]
    ) -> None:
        response = await client.get(NOTE, headers=ann)

        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["content-security-policy"].startswith("default-src 'none'")

    @pytest.mark.parametrize(
        ("url", "told"), [("https://api.example", "max-age=31536000"), ("http://localhost", None)]
    )
    async def test_who_came_by_https_stays_with_it(
        self,
        sample_settings: SampleSettings,
        resources: Resources,
        callers: Callers,
        url: str,
        told: str | None,
    ) -> None:
        settings = sample_settings.model_copy(update={"public_url": url})
        app = create_app(settings=settings, routers=[], title="Sample", resources=resources)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://sample") as client:
            response = await client.get("/api/v1/nothing")

        assert response.headers.get("strict-transport-security") == told

    async def test_browsers_may_call_from_allowed_origins_only(
        self, client: httpx.AsyncClient
    ) -> None:
        async def preflight(origin: str) -> httpx.Response:
            return await client.options(
                NOTE,
                headers={
                    "origin": origin,
                    "access-control-request-method": "GET",
                    "access-control-request-headers": "x-api-key,x-api-secret,content-type,"
                    "authorization,idempotency-key,last-event-id",
                },
            )

        allowed = await preflight("https://shop.example")
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
        assert (
            "access-control-allow-origin" not in (await preflight("https://evil.example")).headers
        )

    async def test_errors_too_can_be_read_by_browsers(
        self, client: httpx.AsyncClient, ann: dict[str, str]
    ) -> None:
        headers = ann | {"origin": "https://shop.example"}
        response = await client.get("/api/v1/note/failing/otherwise", headers=headers)

        assert response.status_code == 500
        assert response.headers["access-control-allow-origin"] == "https://shop.example"


class TestLogs:
    async def test_a_request_gives_one_line_with_its_ids(
        self, client: httpx.AsyncClient, ann: dict[str, str], callers: Callers, log_lines: LogLines
    ) -> None:
        trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
        traceparent = f"00-{trace_id}-00f067aa0ba902b7-01"
        await client.get(NOTE, headers=ann | {"traceparent": traceparent})

        (line,) = [line for line in log_lines() if line["event"] == "request"]
        assert line["route"] == "/api/v1/note/{note_id}"
        assert line["status"] == 200
        assert line["tenant_id"] == str(callers.known["ann"].tenant_id)
        assert line["trace_id"] == trace_id
        assert line["service"] == "sample"

    async def test_task_ids_are_masked(
        self, client: httpx.AsyncClient, log_lines: LogLines
    ) -> None:
        await client.get("/api/v1/tasks/d19a0000-0000-4000-8000-000000000000/status")

        (line,) = [line for line in log_lines() if line["event"] == "request"]
        assert line["path"] == "/api/v1/tasks/***/status"


class TestMetrics:
    async def test_count_by_route_template(
        self, client: httpx.AsyncClient, ann: dict[str, str]
    ) -> None:
        await client.get(NOTE, headers=ann)
        await client.get("/api/v1/nothing/at/all")
        text = (await client.get("/metrics")).text

        labels = 'handler="/api/v1/note/{note_id}",method="GET",status="2xx"'
        assert f"http_requests_total{{{labels}}}" in text
        assert "http_request_duration_seconds_bucket" in text
        assert "active_connections 0.0" in text
        assert "019a0000" not in text
        assert "nothing" not in text

    async def test_odd_methods_add_no_labels(self, client: httpx.AsyncClient) -> None:
        await client.request("BREW", NOTE)

        assert "BREW" not in (await client.get("/metrics")).text


class TestStreams:
    async def test_pass_through(self, client: httpx.AsyncClient, ann: dict[str, str]) -> None:
        response = await client.get("/api/v1/note/stream/of-text", headers=ann)

        assert response.text == "abc"

    async def test_a_failure_in_the_middle_is_logged(
        self, client: httpx.AsyncClient, ann: dict[str, str], log_lines: LogLines
    ) -> None:
        # What httpx says when a reply ends before it is complete.
        with pytest.raises(AssertionError):
            await client.get("/api/v1/note/breaking/stream", headers=ann)

        assert [line["event"] for line in log_lines()].count("request_failed") == 1


def test_a_literal_wins_over_a_parameter(app: FastAPI) -> None:
    index = next(route for route in app.routes if isinstance(route, RouteIndex))

    def template(method: str, path: str) -> str | None:
        found = index.find(method, path)
        return found[0].template if found else None

    assert template("POST", "/api/v1/note/public") == "/api/v1/note/public"
    assert template("GET", "/api/v1/note/public") == "/api/v1/note/{note_id}"
    assert template("GET", "/api/v1/note/public/") == "/api/v1/note/{note_id}"
    assert template("GET", "/api/v1/note") is None
    assert template("GET", "/api/v1/note//") is None

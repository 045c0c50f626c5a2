"""What browsers are told with every reply: what they may run, show, keep and pass on."""

import http.client
from urllib.parse import urlsplit

import pytest
import requests

from tests.platform import Company, Platform

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

SAFE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}
DATA_ONLY = "default-src 'none'; frame-ancestors 'none'"
# By a service, and by the gateway itself.
DATA = (
    ("GET", "/api/v1/agent", 401),
    ("GET", "/api/v1/document", 401),
    ("GET", "/api/v1/health", 200),
    ("POST", "/api/v1/auth/login", 400),
    ("GET", "/.well-known/jwks.json", 200),
    ("GET", "/api/v1/nothing", 404),
    ("GET", "/nothing", 404),
    ("GET", "/internal/agents", 404),
    ("PATCH", "/api/v1/company", 405),
    ("TRACE", "/api/v1/agent", 405),
)
PAGES = ("/api/docs", "/api/v1/test")


def send(platform: Platform, method: str, path: str, **headers: str) -> requests.Response:
    return requests.request(method, platform.url + path, headers=headers, timeout=30)


@pytest.mark.parametrize(("method", "path", "status"), DATA)
def test_data_is_nothing_to_run_frame_or_keep(
    platform: Platform, method: str, path: str, status: int
) -> None:
    reply = send(platform, method, path)

    assert reply.status_code == status
    assert SAFE.items() <= {name.lower(): value for name, value in reply.headers.items()}.items()
    assert reply.headers["content-security-policy"] == DATA_ONLY
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["content-type"].startswith("application/json")
    assert {"error", "code", "request_id"} <= reply.json().keys() or reply.ok


@pytest.mark.parametrize("path", PAGES)
def test_pages_have_a_policy_of_their_own(platform: Platform, path: str) -> None:
    reply = send(platform, "GET", path)

    assert SAFE.items() <= {name.lower(): value for name, value in reply.headers.items()}.items()
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy or "sandbox" in policy
    assert "allow-same-origin" not in policy


def test_a_line_that_is_none_gets_the_same(platform: Platform) -> None:
    address = urlsplit(platform.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    connection.putrequest("GET", "/api/v1/agent?" + "x" * 70_000)
    connection.endheaders()

    reply = connection.getresponse()

    assert reply.status == 400
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-security-policy"] == DATA_ONLY
    connection.close()


def test_no_reply_sets_a_cookie_or_tells_a_version(platform: Platform, acme: Company) -> None:
    replies = [send(platform, method, path) for method, path, _ in DATA]
    replies += [send(platform, "GET", path) for path in PAGES]
    replies += [acme.call("GET", "/api/v1/agent")]

    for reply in replies:
        assert "set-cookie" not in reply.headers
        assert reply.headers.get("server", "nginx") == "nginx"
        assert "x-powered-by" not in reply.headers


class TestOtherOrigins:
    """Whoever may call is known by a header that no browser adds by itself."""

    def test_are_never_let_in_by_what_a_browser_adds(
        self, platform: Platform, acme: Company
    ) -> None:
        for reply in (
            send(platform, "GET", "/api/v1/agent", Origin="https://elsewhere.example"),
            requests.get(
                f"{platform.url}/api/v1/agent",
                headers={**acme.bearer, "Origin": "https://elsewhere.example"},
                timeout=30,
            ),
            send(platform, "GET", "/nothing", Origin="https://elsewhere.example"),
        ):
            assert "access-control-allow-credentials" not in reply.headers
            # The very name would be as good as `*`, and remembered for another.
            assert reply.headers["access-control-allow-origin"] == "*"

    def test_nor_in_a_preflight(self, platform: Platform) -> None:
        reply = send(
            platform,
            "OPTIONS",
            "/api/v1/agent",
            Origin="https://elsewhere.example",
            **{
                "Access-Control-Request-Method": "DELETE",
                "Access-Control-Request-Headers": "authorization",
            },
        )

        assert reply.ok
        assert "access-control-allow-credentials" not in reply.headers
        assert "cookie" not in reply.headers["access-control-allow-headers"].lower()

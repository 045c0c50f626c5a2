"""What browsers are told with every reply: what they may run, show, keep and pass on."""

import http.client
from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest
import requests

from tests.platform import Company, Platform, register, wait_for

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

    def test_are_kept_out_of_every_service_by_a_company_that_names_its_own(
        self, platform: Platform
    ) -> None:
        company = register(platform, "Initech")
        paths = ("agent", "conversation", "document", "analytic/dashboard", "company")
        own, other = "https://app.initech.example", "https://elsewhere.example"

        def replies(origin: str, headers: Mapping[str, str]) -> list[requests.Response]:
            return [
                requests.get(
                    f"{platform.url}/api/v1/{path}",
                    headers={**headers, "Origin": origin},
                    timeout=30,
                )
                for path in paths
            ]

        def closed(headers: Mapping[str, str]) -> bool:
            return all(reply.status_code == 403 for reply in replies(other, headers))

        assert all(reply.ok for reply in replies(other, company.bearer))
        named = company.call(
            "PUT", "/api/v1/admin/allowed-origins", json={"allowed_origins": [own]}
        )
        assert named.ok, named.text

        for headers in (company.bearer, company.key_headers):
            wait_for(lambda who=headers: closed(who), seconds=5, what="the list to hold")
            for reply in replies(other, headers):
                assert "access-control-allow-origin" not in reply.headers
            for reply in (*replies(own, headers), *replies(platform.url, headers)):
                assert reply.ok, reply.text
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

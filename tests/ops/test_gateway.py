"""Every route reaches its owner through a real nginx, and nothing else reaches anybody."""

import json
import re
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from libs.common.contract import ALIASES, ALL_ROUTES, OWNERS, Route
from ops.gateway import DESCRIPTION_PATHS, TASK_DIGITS, GatewayOptions, render_nginx
from ops.local.nginx import nginx_program
from ops.local.process import free_port, listening, spawn, stop

IDENTIFIER = "0192f0c1-2222-7333-8444-555566667777"


class Owner(BaseHTTPRequestHandler):
    """A service that answers with its name and what it was asked for."""

    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # head and body in one packet, or the kernel waits 40 ms between them
    name = ""

    def do_GET(self) -> None:
        seen = {"owner": self.name, "target": self.path, "headers": dict(self.headers)}
        body = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - names of the base class

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as above
        """Keep quiet."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("gateway")
    upstreams, servers = {}, []
    for owner in OWNERS:
        handler = type(f"{owner}Owner", (Owner,), {"name": owner})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        upstreams[owner] = f"127.0.0.1:{server.server_port}"
        servers.append(server)
    # Where nobody listens: what a client sees while a service is down.
    upstreams["analytics"] = f"127.0.0.1:{free_port()}"
    port = free_port()
    program = nginx_program(folder, listen=(f"127.0.0.1:{port}",), upstreams=upstreams)
    process = spawn(program)
    while not listening(port):
        assert process.poll() is None, program.log.read_text()
    yield f"http://127.0.0.1:{port}"
    stop(process, signal_number=program.stop_signal, seconds=5)
    for server in servers:
        server.shutdown()
        server.server_close()


def ask(
    url: str, *, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(url, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def concrete(route: Route) -> str:
    return re.sub(r"\{\w+\}", IDENTIFIER, route.path)


SINGLE_OWNER = [
    route for route in ALL_ROUTES if "/tasks/" not in route.path and route.owner != "analytics"
]


@pytest.mark.parametrize("route", SINGLE_OWNER, ids=lambda route: f"{route.method} {route.path}")
def test_each_route_reaches_its_owner_under_both_prefixes(gateway: str, route: Route) -> None:
    path = concrete(route)
    spellings = {path, path.replace("/api/v1/", "/v1/", 1)}
    for spelling in spellings:
        status, seen = ask(f"{gateway}{spelling}?page=2", method=route.method)
        assert (status, seen["owner"], seen["target"]) == (200, route.owner, f"{path}?page=2")


def test_a_service_that_is_down_is_said_so_in_the_contracts_shape(gateway: str) -> None:
    for route in ALL_ROUTES:
        if route.owner == "analytics" and "/tasks/" not in route.path:
            status, body = ask(f"{gateway}{concrete(route)}", method=route.method)
            assert (status, body["code"]) == (503, "service_unavailable")
    assert set(body) == {"error", "message", "code", "error_code", "details", "request_id"}


def test_aliases_are_rewritten(gateway: str) -> None:
    for alias in ALIASES:
        if not alias.path.endswith("/"):
            status, seen = ask(f"{gateway}{alias.path}?a=b")
            assert (status, seen["target"]) == (200, f"{alias.target}?a=b")


@pytest.mark.parametrize("path", DESCRIPTION_PATHS)
def test_the_apis_description_is_served_by_auth(gateway: str, path: str) -> None:
    status, seen = ask(f"{gateway}{path}")

    assert (status, seen["owner"], seen["target"]) == (200, "auth", path)


def test_the_bare_address_leads_to_the_apis_description(gateway: str) -> None:
    _, seen = ask(f"{gateway}/")

    assert (seen["owner"], seen["target"]) == ("auth", "/api/docs")


@pytest.mark.parametrize("prefix", ["/api/v1", "/v1", ""])
def test_tasks_go_to_the_service_that_their_id_names(gateway: str, prefix: str) -> None:
    for owner, digits in TASK_DIGITS.items():
        if owner != "analytics":
            for digit in digits:
                status, seen = ask(f"{gateway}{prefix}/tasks/{digit}{IDENTIFIER[1:]}/status")
                assert (status, seen["owner"]) == (200, owner)
                assert seen["target"] == f"/api/v1/tasks/{digit}{IDENTIFIER[1:]}/status"
    status, _ = ask(f"{gateway}{prefix}/tasks/1{IDENTIFIER[1:]}/status")
    assert status == 404


def test_a_name_keeps_its_percent_encoding(gateway: str) -> None:
    _, seen = ask(f"{gateway}/v1/agent/by-name/Sales%2FNorth%20%26%20South")
    assert (seen["owner"], seen["target"]) == (
        "agents",
        "/api/v1/agent/by-name/Sales%2FNorth%20%26%20South",
    )


def test_an_agent_called_chat_is_still_found_by_name(gateway: str) -> None:
    _, seen = ask(f"{gateway}/api/v1/agent/by-name/chat")
    assert seen["owner"] == "agents"


@pytest.mark.parametrize(
    "path",
    [
        "/internal/search",
        "/internal/agents",
        "/%69nternal/search",
        "//internal/search",
        "/api/v1/agent/../../../internal/search",
        "/api/v1/agent/%2e%2e/%2e%2e/internal/search",
        "/internal/..%2fapi/v1/agent",
        "/metrics",
        "/health/ready",
        "/openapi.json",
        "/api/v1",
        "/api/v1/agents-of-others",
        "/api/v2/agent",
    ],
)
def test_nothing_else_gets_through(gateway: str, path: str) -> None:
    status, body = ask(f"{gateway}{path}")
    assert (status, body["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "line",
    [
        "GET /api/v1/agent/%00 HTTP/1.1",
        "GET /api/v1/agent/%zz HTTP/1.1",
        f"GET /api/v1/agent/{'x' * 70_000} HTTP/1.1",
        "GET /api/v1/agent HTTP/1.1\r\nX-Long: " + "x" * 70_000,
        "GET /api/v1/agent HTTP/1.1\r\nContent-Length: kettle",
        "GET /api/v1/agent HTTP/9.9",
        "kettle",
    ],
    ids=["NUL", "no escape", "long path", "long header", "no length", "no version", "rubbish"],
)
def test_what_cannot_be_read_is_said_so_in_the_contracts_shape(gateway: str, line: str) -> None:
    host, port = gateway.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(f"{line}\r\nHost: gateway\r\nConnection: close\r\n\r\n".encode())
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["code"] == "invalid"


@pytest.mark.parametrize("method", ["KETTLE", "TRACE", "PROPFIND"])
def test_a_strange_method_is_refused_in_the_contracts_shape(gateway: str, method: str) -> None:
    status, body = ask(f"{gateway}/api/v1/agent", method=method)
    assert (status, body["code"]) == (405, "method_not_allowed")


def test_a_client_cannot_name_its_tenant_or_its_address(gateway: str) -> None:
    headers = {"X-Tenant-ID": IDENTIFIER, "X-Forwarded-For": "10.9.8.7", "X-Request-ID": "mine"}
    _, seen = ask(f"{gateway}/api/v1/agent", headers=headers)
    received = {name.lower(): value for name, value in seen["headers"].items()}
    assert "x-tenant-id" not in received
    assert received["x-forwarded-for"] == "127.0.0.1"
    assert received["x-request-id"] == "mine"


def test_the_configuration_says_nothing_of_this_machine_but_what_it_is_given() -> None:
    options = GatewayOptions(
        upstreams={owner: f"{owner}:8000" for owner in OWNERS},
        listen=("8543",),
        temporary="/tmp/nginx",
        resolver="127.0.0.11",
    )
    text = render_nginx(options)
    assert "server auth:8000 resolve max_fails=0;" in text
    assert str(Path.cwd()) not in text

"""Fixtures of the conversations tests: the service as it runs, with peers over real HTTP."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from typing import cast
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from libs.common.background import running
from libs.common.resources import Resources
from libs.common.security import CallerVerifier
from services.conversations.main import make_app
from services.conversations.settings import Settings
from services.conversations.wiring import Wiring
from services.conversations.workers.answering import Answering
from tests.conftest import ServiceEnvironment
from tests.conversations.cast import Callers, Company
from tests.conversations.peers import Peers, running_peers
from tests.serving import placed_on, read_when_made, serving

_applications: dict[object, FastAPI] = {}


@pytest.fixture
async def peers() -> AsyncIterator[Peers]:
    """Agents, documents and a chat model."""
    async with running_peers() as running:
        yield running


@pytest.fixture
def environment(service_environment: ServiceEnvironment, peers: Peers) -> dict[str, str]:
    """The environment of the service's processes."""
    return {
        **service_environment("conversations"),
        "AGENTS_URL": peers.url,
        "DOCUMENTS_URL": peers.url,
        "AUTH_URL": peers.url,
        "ANSWER_LEASE_SECONDS": "2",
        "ANSWER_WAIT_SECONDS": "10",
        "MODEL_FIRST_TOKEN_SECONDS": "5",
        "HEARTBEAT_SECONDS": "1",
    }


@pytest.fixture
def settings(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The service's settings."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings()


@pytest.fixture
def acme(make_tenant: Callable[[], UUID], peers: Peers) -> Company:
    """The company whose eyes we look through; its agent has a chat model."""
    company = Company(make_tenant())
    peers.add_agent(company)
    return company


@pytest.fixture
def globex(make_tenant: Callable[[], UUID], peers: Peers) -> Company:
    """The other company."""
    company = Company(make_tenant())
    peers.add_agent(company, name="Grace")
    return company


@pytest.fixture
def acme_id(make_tenant: Callable[[], UUID]) -> UUID:
    """A company's id, where no more of it is needed."""
    return make_tenant()


@pytest.fixture
def globex_id(make_tenant: Callable[[], UUID]) -> UUID:
    """Another company's id."""
    return make_tenant()


@pytest.fixture
async def resources(
    settings: Settings, redis: Redis, acme: Company, globex: Company
) -> AsyncIterator[Resources]:
    """The service's open resources; both companies' callers are known."""
    async with Resources.open(settings) as opened:
        opened.caller_verifier = cast("CallerVerifier", Callers(acme, globex))
        yield opened


@pytest.fixture
async def wiring(resources: Resources) -> AsyncIterator[Wiring]:
    """The service put together, as in a worker."""
    async with Wiring.open(resources) as opened:
        yield opened


@pytest.fixture
async def worker(wiring: Wiring) -> AsyncIterator[Answering]:
    """A worker that makes answers."""
    answering = Answering(wiring)
    async with running(answering.run(), name="answering"):
        yield answering


@pytest.fixture
async def client(settings: Settings, resources: Resources) -> AsyncIterator[httpx.AsyncClient]:
    """A caller without credentials, of the service behind a real socket."""
    listener = socket.create_server(("127.0.0.1", 0))
    base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with (
        serving(application(settings, resources), listener),
        httpx.AsyncClient(base_url=base_url, timeout=20) as made,
    ):
        yield made


def application(settings: Settings, resources: Resources) -> FastAPI:
    """Return the application on these resources; putting it together takes longest, so once."""
    known = read_when_made(settings)
    if known not in _applications:
        _applications[known] = make_app(settings)
    return placed_on(nullcontext(resources), _applications[known], Wiring.open)


@pytest.fixture
async def conversation_id(client: httpx.AsyncClient, acme: Company) -> str:
    """A conversation of acme's."""
    reply = await client.post(
        "/api/v1/conversation", json={"agent_id": str(acme.agent_id)}, headers=acme.key
    )
    assert reply.status_code == 201, reply.text
    return cast("str", reply.json()["conversation"]["id"])

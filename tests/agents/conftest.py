"""Fixtures of the agents tests: the service as it runs, two companies, and a chat model."""

from collections.abc import AsyncIterator, Callable
from typing import cast
from uuid import UUID

import httpx
import pytest
from aiohttp import web
from fastapi import FastAPI
from redis.asyncio import Redis

from libs.common.resources import Resources
from libs.common.security import CallerVerifier, ServiceTokens
from services.agents.main import make_app
from services.agents.settings import Settings
from tests.agents.cast import Callers, ChatModel, Company
from tests.conftest import ServiceEnvironment


@pytest.fixture(scope="session")
def settings(service_environment: ServiceEnvironment) -> Settings:
    """The service's settings, from an environment without a platform chat model."""
    environment = service_environment("agents")
    # Validated rather than constructed: the environment of whoever runs the tests is not read.
    return Settings.model_validate({name.lower(): value for name, value in environment.items()})


@pytest.fixture(scope="session")
def application(settings: Settings) -> FastAPI:
    """The service before it runs; making it takes half a second, so tests share it."""
    return make_app(settings)


@pytest.fixture
async def app(application: FastAPI, redis: Redis) -> AsyncIterator[FastAPI]:
    """The running service."""
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture
def resources(app: FastAPI) -> Resources:
    """What the running service is connected to."""
    return cast("Resources", app.state.resources)


@pytest.fixture
def callers(resources: Resources) -> Callers:
    """The callers that the service can verify."""
    known = Callers()
    resources.caller_verifier = cast("CallerVerifier", known)
    return known


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A caller without credentials."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://agents") as opened:
        yield opened


@pytest.fixture
def peer(service_environment: ServiceEnvironment) -> ServiceTokens:
    """The identity of conversations, which asks for profiles."""
    keys = service_environment("conversations")
    return ServiceTokens(
        "conversations", private_pem=keys["SERVICE_KEY"], jwks_json=keys["SERVICE_JWKS"]
    )


@pytest.fixture
def acme(
    app: FastAPI,
    client: httpx.AsyncClient,
    callers: Callers,
    resources: Resources,
    make_tenant: Callable[[], UUID],
    peer: ServiceTokens,
) -> Company:
    """The company whose eyes we look through."""
    return Company("acme", make_tenant(), client, callers, resources, peer)


@pytest.fixture
def globex(
    app: FastAPI,
    client: httpx.AsyncClient,
    callers: Callers,
    resources: Resources,
    make_tenant: Callable[[], UUID],
    peer: ServiceTokens,
) -> Company:
    """The other company."""
    return Company("globex", make_tenant(), client, callers, resources, peer)


@pytest.fixture
async def chat_model() -> AsyncIterator[ChatModel]:
    """An OpenAI-compatible chat model on loopback."""
    model = ChatModel()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", model.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    (address,) = runner.addresses
    model.base_url = f"http://127.0.0.1:{address[1]}/v1"
    yield model
    await runner.cleanup()

"""The service as it runs, with stand-ins for models and the agents service, and two companies."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from libs.common.errors import Unauthenticated
from libs.common.resources import Resources
from libs.common.security import Caller, CallerKind, CallerVerifier, scopes_of_key
from services.documents.adapters.queries import RememberedQueries
from services.documents.domain.documents import Stage
from services.documents.domain.terms import terms_of
from services.documents.main import make_app
from services.documents.settings import Settings
from services.documents.wiring import Wiring
from tests.conftest import ServiceEnvironment
from tests.documents.cast import KnownAgents, LineParser, WordEmbedder, new_agent_id

MAX_UPLOAD_BYTES = 2_000_000


class Callers:
    """Stands in for the verifier, which asks auth: a bearer token is a caller's name."""

    def __init__(self) -> None:
        self.known: dict[str, Caller] = {}

    async def verify(self, headers: Mapping[str, str]) -> Caller | None:
        name = headers.get("authorization", "").removeprefix("Bearer ")
        if not name:
            return None
        if name not in self.known:
            raise Unauthenticated
        return self.known[name]


@dataclass
class Company:
    """A company with one agent, and a user who may do everything with documents."""

    name: str
    tenant_id: UUID
    agent_id: UUID
    client: httpx.AsyncClient
    wiring: Wiring
    headers: dict[str, str] = field(default_factory=dict)

    async def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request as the company's user."""
        headers = {**self.headers, **more.pop("headers", {})}
        return await self.client.request(method, f"/api/v1{path}", headers=headers, **more)

    async def upload(self, *files: tuple[str, bytes], **fields: str) -> httpx.Response:
        """Upload files for the company's agent."""
        data = {"agent_id": str(self.agent_id), **fields}
        parts = [("files", (name, content)) for name, content in files]
        return await self.request("POST", "/document/upload", data=data, files=parts)

    async def add_indexed(self, text: str, *, filename: str = "handbook.md") -> dict[str, Any]:
        """Upload a file, do its job, and return the document."""
        reply = await self.upload((filename, text.encode()))
        assert reply.status_code == 202, reply.text
        [document] = reply.json()["documents"]
        await self.index(document["id"], version=document["version"])
        return cast("dict[str, Any]", document)

    async def index(self, document_id: str, *, version: int = 1) -> None:
        """Do a document's index job."""
        use = self.wiring.use_cases(self.tenant_id)
        await use.index_document(LineParser())(
            UUID(document_id), version=version, tell_progress=_unheard
        )


async def _unheard(share: float, stage: Stage) -> None:
    """Hear of progress, and do nothing."""


@pytest.fixture(scope="session")
def settings(
    service_environment: ServiceEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """The service's settings."""
    folder: Path = tmp_path_factory.mktemp("objects")
    environment: dict[str, Any] = {
        name.lower(): value for name, value in service_environment("documents").items()
    }
    return Settings(
        **environment,
        object_store_url=f"file://{folder}",
        embedding_base_url="http://127.0.0.1:9/v1",
        max_upload_bytes=MAX_UPLOAD_BYTES,
        qdrant_url=None,
        rerank_url=None,
        rate_limits={"upload": "1000/60", "search": "1000/60"},
    )


@pytest.fixture(scope="session")
def application(settings: Settings) -> FastAPI:
    """The service before it runs; making it takes half a second, so tests share it."""
    return make_app(settings)


@pytest.fixture
def known_agents() -> KnownAgents:
    """The agents service."""
    return KnownAgents()


@pytest.fixture
def embedder() -> WordEmbedder:
    """The embedding model."""
    return WordEmbedder()


@pytest.fixture
async def app(
    application: FastAPI, redis: Redis, known_agents: KnownAgents, embedder: WordEmbedder
) -> AsyncIterator[FastAPI]:
    """The running service."""
    async with application.router.lifespan_context(application):
        application.state.wiring = replace(
            application.state.wiring,
            agents=known_agents,
            embedder_for=embedder,
            queries=RememberedQueries(embedder, terms_of),
            reranker=None,
        )
        yield application


@pytest.fixture
def wiring(app: FastAPI) -> Wiring:
    """What the running service is made of."""
    return cast("Wiring", app.state.wiring)


@pytest.fixture
def callers(app: FastAPI) -> Callers:
    """The callers that the service can verify."""
    known = Callers()
    resources: Resources = app.state.resources
    resources.caller_verifier = cast("CallerVerifier", known)
    return known


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A caller without credentials."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://documents") as opened:
        yield opened


MakeCompany = Callable[[str], Company]


@pytest.fixture
def make_company(
    client: httpx.AsyncClient, wiring: Wiring, callers: Callers, known_agents: KnownAgents
) -> MakeCompany:
    """Make companies with an agent each."""

    def make(name: str) -> Company:
        company = Company(name, uuid4(), new_agent_id(), client, wiring)
        known_agents.known.add((company.tenant_id, company.agent_id))
        callers.known[name] = Caller(
            kind=CallerKind.USER,
            id=uuid4(),
            tenant_id=company.tenant_id,
            scopes=scopes_of_key(["read", "write"]),
        )
        company.headers["authorization"] = f"Bearer {name}"
        return company

    return make


@pytest.fixture
def company(make_company: MakeCompany) -> Company:
    """The company whose eyes we look through."""
    return make_company("acme")


@pytest.fixture
def other_company(make_company: MakeCompany) -> Company:
    """The other company."""
    return make_company("globex")

"""The cast of the agents tests: companies with callers, and an obedient chat model."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import httpx
from aiohttp import web

from libs.common.errors import Unauthenticated
from libs.common.permissions import scopes_of_role
from libs.common.resources import Resources
from libs.common.security import Caller, CallerKind, Scope, ServiceTokens

Json = dict[str, Any]

OPENAI_KEY = "sk-test-0123456789abcdef-WXYZ"
SDK_SETTINGS: Json = {
    "llm_provider": "openai",
    "llm_model": "gpt-4o-mini",
    "embedding_provider": "openai",
    "embedding_model": "text-embedding-3-large",
}


class Callers:
    """Stands in for the verifier, which asks auth: a bearer token is a caller's name."""

    def __init__(self) -> None:
        self.known: dict[str, Caller] = {}

    def add(
        self, tenant_id: UUID, scopes: frozenset[Scope], *, kind: CallerKind = CallerKind.USER
    ) -> dict[str, str]:
        """Make a caller and return its headers."""
        name = uuid4().hex
        self.known[name] = Caller(kind=kind, id=uuid4(), tenant_id=tenant_id, scopes=scopes)
        return {"authorization": f"Bearer {name}"}

    async def verify(self, headers: Mapping[str, str]) -> Caller | None:
        """Return the caller; the same contract as `CallerVerifier.verify`."""
        name = headers.get("authorization", "").removeprefix("Bearer ")
        if not name:
            return None
        if name not in self.known:
            raise Unauthenticated
        return self.known[name]


class Company:
    """A tenant, and how its people reach the service."""

    def __init__(
        self,
        name: str,
        tenant_id: UUID,
        client: httpx.AsyncClient,
        callers: Callers,
        resources: Resources,
        peer: ServiceTokens,
    ) -> None:
        self.name = name
        self.id = tenant_id
        self.client = client
        self.resources = resources
        self.peer = peer
        self.admin = callers.add(tenant_id, scopes_of_role("admin"))
        self.reader = callers.add(
            tenant_id, frozenset({Scope.AGENTS_READ, Scope.SETTINGS_READ}), kind=CallerKind.API_KEY
        )
        self.lead = callers.add(tenant_id, scopes_of_role("lead"), kind=CallerKind.LEAD)

    async def send(
        self, method: str, path: str, *, status: int = 200, api: str = "/api/v1", **kwargs: Any
    ) -> Json:
        """Send a request as the company's admin and return the body of the expected reply."""
        headers = {**self.admin, **kwargs.pop("headers", {})}
        reply = await self.client.request(method, f"{api}{path}", headers=headers, **kwargs)
        assert reply.status_code == status, reply.text
        body: Json = reply.json()
        return body

    async def create_agent(self, **fields: Any) -> Json:
        """Create an agent and return it."""
        body = {"name": "Ada", **fields}
        reply = await self.send("POST", "/agent", json=body, status=201)
        agent: Json = reply["agent"]
        return agent

    def as_service(self, tokens: ServiceTokens) -> dict[str, str]:
        """Return the headers of a service that acts for this company."""
        token = tokens.token_for("agents")
        return {"authorization": f"Bearer {token}", "x-tenant-id": str(self.id)}

    async def profile(self, agent_id: str, *, status: int = 200) -> Json:
        """Read an agent's profile as another service does, for this company."""
        headers = self.as_service(self.peer)
        return await self.send(
            "GET", f"/internal/agents/{agent_id}", api="", headers=headers, status=status
        )

    async def events(self) -> list[str]:
        """Return the names of the events recorded for this company, in order."""
        async with self.resources.database.lean(self.id) as connection:
            rows = await connection.fetch("SELECT name FROM outbox ORDER BY occurred_at, id")
        return [row["name"] for row in rows]


class ChatModel:
    """Answers as `status` and `body` say, and remembers what it was asked."""

    def __init__(self) -> None:
        self.base_url = ""
        self.status = 200
        self.body: object = {"choices": [{"message": {"role": "assistant", "content": "ready"}}]}
        self.location: str | None = None
        self.requests: list[tuple[dict[str, str], Json]] = []

    async def answer(self, request: web.Request) -> web.Response:
        """Serve one completion."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((headers, await request.json()))
        if self.location is not None:
            return web.Response(status=302, headers={"location": self.location})
        return web.json_response(self.body, status=self.status)

"""What conversations talks to, over real HTTP: agents, documents and an OpenAI-compatible model."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from aiohttp import web

from services.conversations.domain.knowledge import Knowledge
from tests.conversations.cast import Company, make_knowledge


@dataclass
class ModelScript:
    """How the model behaves; each list is used up call by call, its last entry stays."""

    tokens: list[str] = field(
        default_factory=lambda: ["Returns are accepted ", "within 30 days ", "[Source 1]."]
    )
    statuses: list[int] = field(default_factory=lambda: [200])
    headers: dict[str, str] = field(default_factory=dict)
    statuses_by_model: dict[str, int] = field(default_factory=dict)
    first_token_seconds: float = 0.0
    between_tokens_seconds: float = 0.0
    cut_after: int | None = None
    usage: bool = True
    counts: dict[str, int] = field(
        default_factory=lambda: {"prompt_tokens": 120, "completion_tokens": 7}
    )
    requests: list[dict[str, Any]] = field(default_factory=list)
    asides: list[dict[str, Any]] = field(default_factory=list)
    aside: str = "“Returning things”"
    aborted: int = 0
    # What the model makes of the messages it is sent, in place of the tokens.
    answering: Callable[[list[dict[str, str]]], str] | None = None

    def tokens_for(self, messages: list[dict[str, str]]) -> list[str]:
        if self.answering is None:
            return self.tokens
        text = self.answering(messages)
        return [text[at : at + 3] for at in range(0, len(text), 3)]

    def next_status(self) -> int:
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


@dataclass
class Peers:
    """The other services, as far as conversations calls them."""

    model: ModelScript = field(default_factory=ModelScript)
    agents: dict[tuple[UUID, UUID], dict[str, Any]] = field(default_factory=dict)
    knowledge: Knowledge = field(default_factory=make_knowledge)
    searches: list[dict[str, Any]] = field(default_factory=list)
    sites: dict[UUID, list[str]] = field(default_factory=dict)
    lead_sessions: dict[UUID, UUID] = field(default_factory=dict)
    mails: list[dict[str, Any]] = field(default_factory=list)
    mails_refused: bool = False
    auth_down: bool = False
    profile_requests: int = 0
    documents_down: bool = False
    agents_down: bool = False
    url: str = ""

    def add_agent(self, company: Company, *, model: bool = True, **changes: Any) -> None:
        """Give a company its agent, with a chat model or without."""
        llm = {
            "provider": "openai",
            "model": "test-model",
            "base_url": f"{self.url}/v1",
            "api_key": "sk-test",
            "temperature": 0.2,
            "max_tokens": 300,
            "params": {},
        }
        self.agents[company.id, company.agent_id] = {
            "id": str(company.agent_id),
            "tenant_id": str(company.id),
            "name": "Ada",
            "description": None,
            "status": "active",
            "version": 1,
            "instructions": "Be brief.",
            "llm": llm if model else None,
            "embedding": None,
            "warnings": [],
            **changes,
        }

    async def get_agent(self, request: web.Request) -> web.Response:
        self.profile_requests += 1
        if self.agents_down:
            return web.json_response({}, status=503)
        tenant = UUID(request.headers["x-tenant-id"])
        found = self.agents.get((tenant, UUID(request.match_info["agent_id"])))
        return _found(found)

    async def get_agent_by_name(self, request: web.Request) -> web.Response:
        tenant = UUID(request.headers["x-tenant-id"])
        name = request.match_info["name"].lower()
        own = (agent for (owner, _), agent in self.agents.items() if owner == tenant)
        return _found(next((agent for agent in own if agent["name"].lower() == name), None))

    async def get_widget_agent(self, request: web.Request) -> web.Response:
        wanted = UUID(request.match_info["agent_id"])
        for (tenant_id, agent_id), agent in self.agents.items():
            if agent_id == wanted and agent["status"] == "active":
                return web.json_response(
                    {
                        "id": str(agent_id),
                        "tenant_id": str(tenant_id),
                        "name": agent["name"],
                        "allowed_sites": self.sites.get(agent_id, []),
                    }
                )
        return _found(None)

    async def keep_lead_session(self, request: web.Request) -> web.Response:
        if self.auth_down:
            return web.json_response({}, status=503)
        session_id = UUID(request.match_info["session_id"])
        lead_id = UUID((await request.json())["lead_id"])
        if self.lead_sessions.setdefault(session_id, lead_id) != lead_id:
            body = {"message": "over", "code": "lead_session_over"}
            return web.json_response(body, status=409)
        token = f"visit:{request.headers['x-tenant-id']}:{lead_id}:{session_id}"
        expires_at = datetime.now(UTC) + timedelta(days=30)
        return web.json_response({"access_token": token, "expires_at": expires_at.isoformat()})

    async def end_lead_sessions(self, request: web.Request) -> web.Response:
        gone = UUID(request.match_info["lead_id"])
        self.lead_sessions = {k: v for k, v in self.lead_sessions.items() if v != gone}
        return web.Response(status=204)

    async def mail_lead_link(self, request: web.Request) -> web.Response:
        if self.mails_refused:
            body = {"message": "no such mailbox", "code": "mail_refused"}
            return web.json_response(body, status=422)
        self.mails.append(await request.json())
        return web.Response(status=204)

    async def list_agents(self, request: web.Request) -> web.Response:
        tenant = UUID(request.headers["x-tenant-id"])
        return web.json_response(
            {"agents": [a for (owner, _), a in self.agents.items() if owner == tenant]}
        )

    async def search(self, request: web.Request) -> web.Response:
        if self.documents_down:
            return web.json_response({}, status=503)
        body = await request.json()
        self.searches.append({**body, "tenant_id": request.headers["x-tenant-id"]})
        knowledge = self.knowledge
        shown = {
            "passages": [
                {**asdict(passage), "document_name": passage.name} for passage in knowledge.passages
            ],
            "quotes": [asdict(quote) for quote in knowledge.quotes][: body["quotes"]],
            "relevant": knowledge.relevant,
            "knowledge_available": knowledge.available,
            "warnings": list(knowledge.warnings),
        }
        return web.Response(body=orjson.dumps(shown), content_type="application/json")

    async def chat(self, request: web.Request) -> web.StreamResponse:
        script = self.model
        body = await request.json()
        if body["messages"][0]["content"].startswith(("Give the conversation", "Summarise the")):
            return await self._aside(request, body)
        script.requests.append(body)
        asked = str(body.get("model"))
        status = script.statuses_by_model.get(asked) or script.next_status()
        if status != 200:
            refusal = {"error": {"message": "no"}}
            return web.json_response(refusal, status=status, headers=script.headers)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        try:
            await asyncio.sleep(script.first_token_seconds)
            for number, token in enumerate(script.tokens_for(body["messages"])):
                if script.cut_after == number:
                    transport = request.transport
                    assert transport is not None
                    transport.close()
                    return response
                if number:
                    await asyncio.sleep(script.between_tokens_seconds)
                choice = {"index": 0, "delta": {"content": token}, "finish_reason": None}
                await response.write(_data({"choices": [choice]}))
            stop = {"index": 0, "delta": {}, "finish_reason": "stop"}
            await response.write(_data({"choices": [stop]}))
            if script.usage:
                await response.write(_data({"choices": [], "usage": script.counts}))
            await response.write(b"data: [DONE]\n\n")
        except ConnectionError:
            script.aborted += 1
        return response

    async def _aside(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        """Answer what is asked once an answer is out: a title, a summary."""
        self.model.asides.append(body)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        choice = {"index": 0, "delta": {"content": self.model.aside}, "finish_reason": "stop"}
        await response.write(_data({"choices": [choice]}) + b"data: [DONE]\n\n")
        return response


@asynccontextmanager
async def running_peers() -> AsyncIterator[Peers]:
    """Serve the peers on a free port."""
    peers = Peers()
    app = web.Application()
    app.router.add_get("/internal/agents/by-name/{name}", peers.get_agent_by_name)
    app.router.add_get("/internal/agents/{agent_id}", peers.get_agent)
    app.router.add_get("/internal/agents", peers.list_agents)
    app.router.add_get("/internal/widget-agents/{agent_id}", peers.get_widget_agent)
    app.router.add_put("/internal/lead-sessions/{session_id}", peers.keep_lead_session)
    app.router.add_delete("/internal/leads/{lead_id}/sessions", peers.end_lead_sessions)
    app.router.add_post("/internal/mails/lead-link", peers.mail_lead_link)
    app.router.add_post("/internal/search", peers.search)
    app.router.add_post("/v1/chat/completions", peers.chat)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    peers.url = f"http://{host}:{port}"
    try:
        yield peers
    finally:
        await runner.cleanup()


def _found(agent: dict[str, Any] | None) -> web.Response:
    if agent is None:
        body = {"message": "There is no such agent.", "code": "agent_not_found"}
        return web.json_response(body, status=404)
    return web.json_response(agent)


def _data(value: object) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


Waiter = Callable[[], bool]


async def until(condition: Waiter, *, seconds: float = 10.0) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: It does not come about.
    """
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)

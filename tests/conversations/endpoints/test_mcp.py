"""Each agent as an MCP server, asked by the official client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from services.conversations.workers.answering import Answering
from tests.conversations.cast import HANDBOOK, Company
from tests.conversations.peers import Peers

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


@asynccontextmanager
async def connected(
    client: httpx.AsyncClient, company: Company, headers: dict[str, str]
) -> AsyncIterator[Client]:
    """Connect the official client to a company's agent."""
    url = f"{client.base_url}/api/v1/agent/{company.agent_id}/mcp"
    async with (
        httpx2.AsyncClient(headers=headers, timeout=20) as http,
        Client(streamable_http_client(url, http_client=http)) as speaking,
    ):
        yield speaking


class TestStrangers:
    async def test_stay_out(
        self, client: httpx.AsyncClient, acme: Company, globex: Company
    ) -> None:
        url = f"/api/v1/agent/{acme.agent_id}/mcp"
        assert (await client.post(url, json=LIST)).status_code == 401
        assert (await client.post(url, json=LIST, headers=acme.lead)).status_code == 403
        foreign = await client.post(url, json=LIST, headers=globex.key)
        missing = f"/api/v1/agent/{uuid4()}/mcp"
        unknown = await client.post(missing, json=LIST, headers=globex.key)
        assert foreign.status_code == unknown.status_code == 404
        assert foreign.json() | {"request_id": ""} == unknown.json() | {"request_id": ""}


class TestTools:
    @pytest.mark.parametrize("who", ["key", "user"])
    async def test_are_listed(self, client: httpx.AsyncClient, acme: Company, who: str) -> None:
        async with connected(client, acme, getattr(acme, who)) as speaking:
            listed = await speaking.list_tools()
        assert [tool.name for tool in listed.tools] == ["ask", "search"]

    async def test_ask_answers_with_citations(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers, worker: Answering
    ) -> None:
        async with connected(client, acme, acme.key) as speaking:
            first = await speaking.call_tool("ask", {"question": "How long can I return things?"})
            assert not first.is_error
            told = first.structured_content
            again = {"question": "Really?", "conversation_id": told["conversation_id"]}
            second = await speaking.call_tool("ask", again)
        assert told["answer"] == "Returns are accepted within 30 days [Source 1]."
        assert told["citations"][0]["quote"].startswith("Returns are accepted")
        assert second.structured_content["conversation_id"] == told["conversation_id"]
        history = [message["content"] for message in peers.model.requests[1]["messages"]]
        assert "How long can I return things?" in history

    async def test_search_gives_passages(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers
    ) -> None:
        async with connected(client, acme, acme.key) as speaking:
            found = await speaking.call_tool("search", {"query": "returns", "limit": 1})
        passages = found.structured_content["passages"]
        assert [one["text"] for one in passages] == [HANDBOOK]
        assert peers.searches[0]["tenant_id"] == str(acme.id)
        assert peers.model.requests == []

    async def test_search_finds_what_the_caller_may_read(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers
    ) -> None:
        for headers in (acme.user, acme.key):
            async with connected(client, acme, headers) as speaking:
                await speaking.call_tool("search", {"query": "bonuses"})
        assert [one["groups"] for one in peers.searches] == [[str(acme.group_id)], []]

    async def test_ask_tells_that_a_person_has_taken_over(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers, conversation_id: str
    ) -> None:
        url = f"/api/v1/conversation/{conversation_id}/handoff/claim"
        assert (await client.post(url, headers=acme.user)).status_code == 200
        arguments = {"question": "Hi", "conversation_id": conversation_id}
        async with connected(client, acme, acme.key) as speaking:
            result = await speaking.call_tool("ask", arguments)
        assert result.is_error
        assert "handed_over" in str(result.content[0])
        assert peers.model.requests == []

    @pytest.mark.parametrize(
        ("tool", "arguments", "code"),
        [
            ("ask", {"question": " "}, "message_empty"),
            ("ask", {}, "invalid"),
            ("ask", {"question": "Hi", "conversation_id": str(uuid4())}, "conversation_not_found"),
            ("ask", {"question": "Hi", "conversation_id": "x"}, "conversation_not_found"),
            ("search", {"query": "x", "limit": 1000}, "invalid"),
            ("delete_everything", {}, "forbidden"),
        ],
    )
    async def test_say_what_is_wrong(
        self,
        client: httpx.AsyncClient,
        acme: Company,
        tool: str,
        arguments: dict[str, str],
        code: str,
    ) -> None:
        async with connected(client, acme, acme.key) as speaking:
            result = await speaking.call_tool(tool, arguments)
        assert result.is_error
        assert code in str(result.content[0])

    async def test_say_nothing_of_what_broke_inside(
        self, client: httpx.AsyncClient, acme: Company, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object, **__: object) -> None:
            raise ValueError("relation conversations.answers")

        monkeypatch.setattr("services.conversations.endpoints.mcp.knowledge_shape", broken)
        async with connected(client, acme, acme.key) as speaking:
            result = await speaking.call_tool("search", {"query": "returns"})
        assert result.is_error
        assert "internal_error" in str(result.content[0])
        assert "relation" not in str(result.content[0])

    async def test_do_not_reach_conversations_of_others(
        self, client: httpx.AsyncClient, acme: Company, globex: Company
    ) -> None:
        opened = await client.post(
            "/api/v1/conversation", json={"agent_id": str(globex.agent_id)}, headers=globex.key
        )
        arguments = {"question": "Hi", "conversation_id": opened.json()["id"]}
        async with connected(client, acme, acme.key) as speaking:
            result = await speaking.call_tool("ask", arguments)
        assert result.is_error
        assert "conversation_not_found" in str(result.content[0])

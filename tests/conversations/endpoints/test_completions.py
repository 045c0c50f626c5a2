"""Talking to an agent with OpenAI's own client."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from tests.conversations.cast import Company, make_knowledge
from tests.conversations.peers import Peers

pytestmark = pytest.mark.usefixtures("worker")


@pytest.fixture
async def ai(client: httpx.AsyncClient, acme: Company) -> AsyncIterator[openai.AsyncOpenAI]:
    """The official client, with a key pair in the one place it has for keys."""
    base_url = str(client.base_url.join("/v1"))
    async with openai.AsyncOpenAI(
        api_key=f"ak_{acme.id}:as_test", base_url=base_url, max_retries=0
    ) as made:
        yield made


class TestCompletions:
    async def test_strangers_get_openai_errors(
        self, client: httpx.AsyncClient, acme: Company, globex: Company
    ) -> None:
        body = {"model": str(acme.agent_id), "messages": [{"role": "user", "content": "hi"}]}

        anonymous = await client.post("/v1/chat/completions", json=body)
        foreign = await client.post("/v1/chat/completions", json=body, headers=globex.key)

        assert anonymous.status_code == 401
        assert anonymous.json()["error"]["type"] == "authentication_error"
        assert foreign.status_code == 404
        assert foreign.json()["error"]["code"] == "model_not_found"
        assert (await client.get("/v1/models")).status_code == 401

    async def test_answers_with_citations_and_usage(
        self, ai: openai.AsyncOpenAI, acme: Company
    ) -> None:
        done = await ai.chat.completions.create(
            model=str(acme.agent_id), messages=[{"role": "user", "content": "Return period?"}]
        )

        assert done.choices[0].message.content == "Returns are accepted within 30 days [Source 1]."
        assert done.choices[0].finish_reason == "stop"
        assert done.usage is not None
        assert done.usage.prompt_tokens == 120
        assert done.usage.total_tokens == 127
        extra = done.model_extra or {}
        assert extra["citations"][0]["source_number"] == 1

    async def test_streams(self, ai: openai.AsyncOpenAI, peers: Peers) -> None:
        peers.model.between_tokens_seconds = 0.1

        stream = await ai.chat.completions.create(
            model="ada",
            messages=[{"role": "user", "content": "Return period?"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]

        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == "Returns are accepted within 30 days [Source 1]."
        assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.total_tokens == 127
        assert len([c for c in chunks if c.choices and c.choices[0].delta.content]) == 3

    async def test_passes_earlier_messages_and_options_on(
        self, ai: openai.AsyncOpenAI, acme: Company, peers: Peers
    ) -> None:
        await ai.chat.completions.create(
            model=str(acme.agent_id),
            messages=[
                {"role": "system", "content": "Speak like a pirate."},
                {"role": "user", "content": "Hello"},
                {"role": "assistant", "content": "Ahoy"},
                {"role": "user", "content": [{"type": "text", "text": "Return period?"}]},
            ],
            temperature=0.9,
            max_tokens=50,
            response_format={"type": "json_object"},
        )

        sent = peers.model.requests[-1]
        assert sent["temperature"] == 0.9
        assert sent["max_tokens"] == 50
        assert sent["response_format"] == {"type": "json_object"}
        assert "pirate" in sent["messages"][0]["content"]
        assert [m["role"] for m in sent["messages"]] == ["system", "user", "assistant", "user"]
        assert peers.searches[-1]["query"] == "Return period?"

    async def test_passes_schemas_on_and_leaves_json_whole(
        self, ai: openai.AsyncOpenAI, peers: Peers
    ) -> None:
        written = '{"period": {"days": [30, 31]}, "paid": false, "note": "a < b: \\"yes\\"!"}'
        peers.model.tokens = [written[at : at + 4] for at in range(0, len(written), 4)]
        schema = {"type": "object", "properties": {"period": {"type": "object"}}}
        wanted: Any = {
            "type": "json_schema",
            "json_schema": {"name": "returns", "schema": schema, "strict": True},
        }

        done = await ai.chat.completions.create(
            model="Ada",
            messages=[{"role": "user", "content": "Return period?"}],
            response_format=wanted,
        )

        assert peers.model.requests[0]["response_format"] == wanted
        assert json.loads(done.choices[0].message.content or "") == json.loads(written)

    async def test_keeps_instructions_however_much_was_said_since(
        self, ai: openai.AsyncOpenAI, acme: Company, peers: Peers
    ) -> None:
        said: list[ChatCompletionMessageParam] = [
            {"role": "user", "content": f"Question {number}"} for number in range(30)
        ]

        await ai.chat.completions.create(
            model=str(acme.agent_id),
            messages=[{"role": "system", "content": "Speak like a pirate."}, *said],
        )

        [request] = peers.model.requests
        system, *turns = [message["content"] for message in request["messages"]]
        assert "Speak like a pirate." in system
        assert turns[0] == "Question 9"

    async def test_says_once_what_takes_the_place_of_a_broken_answer(
        self, ai: openai.AsyncOpenAI, acme: Company, peers: Peers
    ) -> None:
        peers.model.cut_after = 2

        stream = await ai.chat.completions.create(
            model=str(acme.agent_id),
            messages=[{"role": "user", "content": "Return period?"}],
            stream=True,
        )
        chunks = [chunk async for chunk in stream]

        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert text.startswith("Returns are accepted within 30 days \n\nThe language model")
        assert text.count("The customer pays for the return parcel.") == 1

    async def test_conversations_of_completions_are_not_listed(
        self, ai: openai.AsyncOpenAI, client: httpx.AsyncClient, acme: Company
    ) -> None:
        await ai.chat.completions.create(
            model=str(acme.agent_id), messages=[{"role": "user", "content": "Return period?"}]
        )

        listed = await client.get("/api/v1/conversation", headers=acme.key)

        assert listed.json()["conversations"] == []

    async def test_refuses_what_it_cannot_do(self, ai: openai.AsyncOpenAI, acme: Company) -> None:
        with pytest.raises(openai.BadRequestError) as many:
            await ai.chat.completions.create(
                model=str(acme.agent_id), messages=[{"role": "user", "content": "hi"}], n=2
            )
        assert many.value.body["param"] == "n"  # type: ignore[index]  # typed as object
        with pytest.raises(openai.BadRequestError):
            await ai.chat.completions.create(
                model=str(acme.agent_id), messages=[{"role": "assistant", "content": "hi"}]
            )
        with pytest.raises(openai.NotFoundError):
            await ai.chat.completions.create(
                model="nobody", messages=[{"role": "user", "content": "hi"}]
            )
        with pytest.raises(openai.APIStatusError) as long:
            await ai.chat.completions.create(
                model=str(acme.agent_id), messages=[{"role": "user", "content": "x" * 200_000}]
            )
        assert long.value.status_code == 413

    async def test_lists_the_agents_as_models(self, ai: openai.AsyncOpenAI, acme: Company) -> None:
        models = [model async for model in ai.models.list()]

        assert [model.id for model in models] == [str(acme.agent_id)]


class TestAgentRoutes:
    async def test_strangers_are_turned_away(
        self, client: httpx.AsyncClient, acme: Company, globex: Company
    ) -> None:
        for route, body in (("chat", {"message": "hi"}), ("test", {"query": "hi"})):
            path = f"/api/v1/agent/{acme.agent_id}/{route}"
            assert (await client.post(path, json=body)).status_code == 401
            assert (await client.post(path, json=body, headers=globex.user)).status_code == 404

    async def test_asks_and_waits(self, client: httpx.AsyncClient, acme: Company) -> None:
        reply = await client.post(
            f"/api/v1/agent/{acme.agent_id}/chat",
            json={"message": "Return period?"},
            headers=acme.user,
        )

        body = reply.json()
        assert reply.status_code == 200
        assert body["success"] is True
        assert body["data"]["response"].endswith("[Source 1].")
        again = await client.post(
            f"/api/v1/agent/{acme.agent_id}/chat",
            json={"message": "And?", "conversation_id": body["data"]["conversation_id"]},
            headers=acme.user,
        )
        assert again.json()["data"]["conversation_id"] == body["data"]["conversation_id"]

    async def test_streams_when_asked_to(self, client: httpx.AsyncClient, acme: Company) -> None:
        reply = await client.post(
            f"/api/v1/agent/{acme.agent_id}/chat",
            json={"message": "Return period?"},
            headers={**acme.user, "accept": "text/event-stream"},
        )

        assert reply.headers["content-type"].startswith("text/event-stream")
        assert "event: chat_response" in reply.text

    async def test_tries_an_agent(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers
    ) -> None:
        peers.knowledge = make_knowledge()
        reply = await client.post(
            f"/api/v1/agent/{acme.agent_id}/test",
            json={"query": "Return period?"},
            headers=acme.key,
        )

        body = reply.json()
        assert body["status"] == "success"
        assert body["agent"] == {"name": "Ada"}
        assert body["query"] == "Return period?"
        assert body["citations"][0] == {
            "source_number": 1,
            "document_name": "document-1.pdf",
            "cited": True,
        }
        assert body["llm_config"] == {"provider": "openai", "model": "test-model"}
        assert body["metadata"]["cited_sources"] == [1]

"""Values of the right type that cannot be stored are refused, and never break a request."""

import json

import httpx
import pytest

from tests.conversations.cast import Company

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "value",
    ["NUL \x00", "half \ud800", 10**30, [[[]]] * 3, float("nan")],
    ids=["nul", "surrogate", "integer", "lists", "nan"],
)
class TestJson:
    async def test_metadata(self, client: httpx.AsyncClient, acme: Company, value: object) -> None:
        body = json.dumps({"agent_id": str(acme.agent_id), "metadata": {"note": value}})

        reply = await client.post(
            "/api/v1/conversation", content=body, headers={**acme.key, **JSON}
        )

        fine = isinstance(value, list | float)
        assert reply.status_code == (201 if fine else 400), reply.text

    @pytest.mark.usefixtures("worker")
    async def test_options_of_a_completion(
        self, client: httpx.AsyncClient, acme: Company, value: object
    ) -> None:
        body = {"model": str(acme.agent_id), "messages": [{"role": "user", "content": "hi"}]}
        options = {
            "response_format": {"type": value},
            "stop": value,
            "seed": value,
            "max_tokens": value,
            "presence_penalty": value,
        }

        for name, given in options.items():
            reply = await client.post(
                "/v1/chat/completions",
                content=json.dumps({**body, name: given}),
                headers={**acme.key, **JSON},
            )

            assert reply.status_code in {200, 400}, (name, reply.text)


class TestText:
    @pytest.mark.parametrize("title", ["NUL \x00", "half \ud800"])
    async def test_titles(self, client: httpx.AsyncClient, acme: Company, title: str) -> None:
        body = json.dumps({"agent_id": str(acme.agent_id), "title": title})

        reply = await client.post(
            "/api/v1/conversation", content=body, headers={**acme.key, **JSON}
        )

        assert reply.status_code in {201, 400}, reply.text

    @pytest.mark.parametrize(
        "query",
        [
            "search=%00",
            "created_before=0001-01-01T00:00:00%2B14:00",
            "created_after=9999-12-31T23:59:59-14:00",
            "created_after=2024-01-01",
        ],
    )
    async def test_filters(self, client: httpx.AsyncClient, acme: Company, query: str) -> None:
        reply = await client.get(f"/api/v1/conversation?{query}", headers=acme.key)

        assert reply.status_code in {200, 400}, reply.text

    @pytest.mark.usefixtures("worker")
    async def test_earlier_messages(self, client: httpx.AsyncClient, acme: Company) -> None:
        for said in ("NUL \x00", "half \ud800", [{"type": "text", "text": "half \ud800"}]):
            body = {
                "model": str(acme.agent_id),
                "messages": [
                    {"role": "system", "content": said},
                    {"role": "user", "content": "Return period?"},
                ],
            }

            reply = await client.post(
                "/v1/chat/completions", content=json.dumps(body), headers={**acme.key, **JSON}
            )

            assert reply.status_code in {200, 400}, reply.text

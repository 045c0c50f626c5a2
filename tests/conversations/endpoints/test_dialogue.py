"""What people do to messages and conversations beside asking: rate them, rename them."""

from uuid import uuid4

import httpx
import pytest

from tests.conversations.cast import Company
from tests.conversations.dialogue import Dialogue, Json

ACTS = (
    ("POST", "cancel", None),
    ("POST", "regenerate", None),
    ("PATCH", "", {"message": "What about gift cards?"}),
    ("GET", "alternatives", None),
    ("POST", "select", None),
    ("POST", "feedback", {"rating": 5}),
)


class TestStrangers:
    @pytest.mark.parametrize(("method", "name", "body"), ACTS)
    async def test_are_told_nothing(
        self,
        dialogue: Dialogue,
        client: httpx.AsyncClient,
        acme: Company,
        globex: Company,
        answered: list[Json],
        method: str,
        name: str,
        body: object,
    ) -> None:
        for message in answered:
            url = f"/api/v1/message/{message['id']}/{name}".rstrip("/")
            anonymous = await client.request(method, url, json=body)
            assert anonymous.status_code == 401
            foreign = await dialogue.act(message["id"], name, who=globex, method=method, body=body)
            missing = await dialogue.act(str(uuid4()), name, who=globex, method=method, body=body)
            lead = await client.request(method, url, json=body, headers=acme.lead)
            assert foreign.status_code == missing.status_code == lead.status_code == 404
            drop = ("request_id",)
            assert [
                {k: v for k, v in reply.json().items() if k not in drop}
                for reply in (foreign, lead)
            ] == [{k: v for k, v in missing.json().items() if k not in drop}] * 2
        assert await dialogue.messages() == answered

    async def test_cannot_rename(
        self, client: httpx.AsyncClient, globex: Company, conversation_id: str
    ) -> None:
        url = f"/api/v1/conversation/{conversation_id}"
        assert (await client.patch(url, json={"title": "x"})).status_code == 401
        foreign = await client.patch(url, json={"title": "x"}, headers=globex.key)
        assert foreign.status_code == 404


class TestFeedback:
    async def test_is_kept_and_told_once_thought_again(
        self, dialogue: Dialogue, client: httpx.AsyncClient, acme: Company, answered: list[Json]
    ) -> None:
        answer = answered[1]["id"]
        await dialogue.act(answer, "feedback", body={"rating": "up"})
        reply = await dialogue.act(
            answer, "feedback", body={"rating": 2, "comment": "Too short\u0000 "}
        )

        assert reply.status_code == 200, reply.text
        shown = (await dialogue.messages())[1]["user_feedback"]
        assert (shown["rating"], shown["comment"]) == (2, "Too short")
        listed = (await client.get("/api/v1/conversation", headers=acme.key)).json()
        assert listed["conversations"][0]["lead_satisfaction"] == 2
        told = await dialogue.events("message.rated")
        assert [(one["rating"], one["previous_rating"]) for one in told] == [(5, None), (2, 5)]
        assert "Too short" not in str(told)

    @pytest.mark.parametrize("rating", [0, 6, "great", None, 3.5, True])
    async def test_must_be_a_rating(
        self, dialogue: Dialogue, answered: list[Json], rating: object
    ) -> None:
        reply = await dialogue.act(answered[1]["id"], "feedback", body={"rating": rating})
        assert reply.status_code in {400, 422}

    async def test_is_for_answers(self, dialogue: Dialogue, answered: list[Json]) -> None:
        reply = await dialogue.act(answered[0]["id"], "feedback", body={"rating": 5})
        assert (reply.status_code, reply.json()["code"]) == (400, "not_an_answer")


class TestRename:
    async def test_title_and_archive(
        self, client: httpx.AsyncClient, acme: Company, conversation_id: str
    ) -> None:
        url = f"/api/v1/conversation/{conversation_id}"
        body = {"title": "Returns", "status": "archived"}
        reply = await client.patch(url, json=body, headers=acme.key)
        assert reply.json()["conversation"]["title"] == "Returns"
        assert reply.json()["conversation"]["ended_at"] is not None
        active = f"/api/v1/conversation/entity/{acme.user_id}"
        listed = (await client.get(active, headers=acme.key)).json()["conversations"]
        assert listed == []
        reply = await client.patch(url, json={"status": "active"}, headers=acme.key)
        assert reply.json()["title"] == "Returns"
        listed = (await client.get(active, headers=acme.key)).json()["conversations"]
        assert [one["id"] for one in listed] == [conversation_id]

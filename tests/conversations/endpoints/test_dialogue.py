"""What people do to answers: stop them, ask again, choose among them, rate them."""

import asyncio
import time
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from libs.common.resources import Resources
from services.conversations.wiring import Wiring
from services.conversations.workers.answering import Answering
from tests.conversations.cast import Company
from tests.conversations.endpoints.test_chat import events, finished
from tests.conversations.peers import Peers, until
from tests.conversations.workers.test_answering import ask, worker_process

ACTS = (
    ("POST", "cancel", None),
    ("POST", "regenerate", None),
    ("PATCH", "", {"message": "What about gift cards?"}),
    ("GET", "alternatives", None),
    ("POST", "select", None),
    ("POST", "feedback", {"rating": 5}),
)


async def messages(client: httpx.AsyncClient, where: str, who: Company) -> list[dict[str, Any]]:
    """Return what a conversation shows, oldest first."""
    reply = await client.get(f"/api/v1/conversation/{where}/messages", headers=who.key)
    found: list[dict[str, Any]] = reply.json()["messages"]
    return found


async def act(
    client: httpx.AsyncClient,
    message_id: str,
    name: str,
    who: Company,
    *,
    method: str = "POST",
    body: object = None,
) -> httpx.Response:
    """Do something to a message."""
    url = f"/api/v1/message/{message_id}/{name}".rstrip("/")
    return await client.request(method, url, headers=who.key, json=body)


async def outbox(resources: Resources, who: Company, name: str) -> list[dict[str, Any]]:
    """Return the payloads of a company's events of one name."""
    async with resources.database.lean(who.id) as connection:
        rows = await connection.fetch(
            "SELECT payload FROM outbox WHERE tenant_id = $1 AND name = $2 ORDER BY id",
            who.id,
            name,
        )
    return [orjson.loads(row["payload"]) for row in rows]


@pytest.fixture
async def answered(
    client: httpx.AsyncClient, conversation_id: str, acme: Company, worker: Answering
) -> list[dict[str, Any]]:
    """A question of acme's and its answer."""
    await finished(client, await ask(client, conversation_id, acme))
    return await messages(client, conversation_id, acme)


class TestStrangers:
    @pytest.mark.parametrize(("method", "name", "body"), ACTS)
    async def test_are_told_nothing(
        self,
        client: httpx.AsyncClient,
        acme: Company,
        globex: Company,
        conversation_id: str,
        answered: list[dict[str, Any]],
        method: str,
        name: str,
        body: object,
    ) -> None:
        for message in answered:
            url = f"/api/v1/message/{message['id']}/{name}".rstrip("/")
            anonymous = await client.request(method, url, json=body)
            assert anonymous.status_code == 401
            foreign = await act(client, message["id"], name, globex, method=method, body=body)
            missing = await act(client, str(uuid4()), name, globex, method=method, body=body)
            lead = await client.request(method, url, json=body, headers=acme.lead)
            assert foreign.status_code == missing.status_code == lead.status_code == 404
            drop = ("request_id",)
            assert [
                {k: v for k, v in reply.json().items() if k not in drop}
                for reply in (foreign, lead)
            ] == [{k: v for k, v in missing.json().items() if k not in drop}] * 2
        assert await messages(client, conversation_id, acme) == answered

    async def test_cannot_rename(
        self, client: httpx.AsyncClient, globex: Company, conversation_id: str
    ) -> None:
        url = f"/api/v1/conversation/{conversation_id}"
        assert (await client.patch(url, json={"title": "x"})).status_code == 401
        foreign = await client.patch(url, json={"title": "x"}, headers=globex.key)
        assert foreign.status_code == 404


class TestCancel:
    async def test_stops_the_model_and_keeps_what_it_has_written(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        resources: Resources,
        worker: Answering,
    ) -> None:
        peers.model.tokens = ["Returns are accepted ", "within 30 days [Sour", "ce 1]. ", "More."]
        peers.model.between_tokens_seconds = 0.4
        ack = await ask(client, conversation_id, acme)
        stream = asyncio.create_task(
            client.get(f"/api/v1/conversation/{conversation_id}/messages/stream", headers=acme.key)
        )
        await until(lambda: len(peers.model.requests) == 1)
        await asyncio.sleep(0.6)
        peers.model.between_tokens_seconds = 30

        began = time.monotonic()
        reply = await act(client, ack["message_id"], "cancel", acme)

        assert time.monotonic() - began < 1
        assert reply.status_code == 200, reply.text
        answer = reply.json()["answer"]
        assert reply.json()["cancelled"] is True
        assert answer["content"] == "Returns are accepted within 30 days"
        assert answer["metadata"]["cancelled"] is True
        await until(lambda: not len(worker._attempts))
        told = events((await stream).text)
        assert told[-2][0] == "chat_response"
        assert told[-2][1]["message"]["id"] == answer["id"]
        task = (await client.get(ack["status_url"])).json()
        assert (task["status"], task["cancelled"]) == ("completed", True)
        assert [m["role"] for m in await messages(client, conversation_id, acme)] == [
            "user",
            "assistant",
        ]
        (billed,) = await outbox(resources, acme, "answer.completed")
        assert billed["prompt_tokens"] > 20
        assert 0 < billed["completion_tokens"] < 20
        again = await act(client, answer["id"], "cancel", acme)
        assert again.json()["answer"]["id"] == answer["id"]

    async def test_before_the_first_word_leaves_no_message(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        resources: Resources,
        worker: Answering,
    ) -> None:
        peers.model.first_token_seconds = 30
        ack = await ask(client, conversation_id, acme)
        await until(lambda: len(peers.model.requests) == 1)

        reply = await act(client, ack["message_id"], "cancel", acme)

        assert (reply.json()["cancelled"], reply.json()["answer"]) == (True, None)
        task = (await client.get(ack["status_url"])).json()
        assert (task["status"], task["error_code"]) == ("failed", "answer_cancelled")
        assert await outbox(resources, acme, "answer.completed") == []
        (told,) = await outbox(resources, acme, "answer.failed")
        assert told["prompt_tokens"] > 20

    async def test_of_a_queued_answer_ends_it_and_its_stream_at_once(
        self, client: httpx.AsyncClient, conversation_id: str, acme: Company, peers: Peers
    ) -> None:
        ack = await ask(client, conversation_id, acme)
        stream = asyncio.create_task(
            client.get(f"/api/v1/conversation/{conversation_id}/messages/stream", headers=acme.key)
        )
        await asyncio.sleep(0.3)

        reply = await act(client, ack["message_id"], "cancel", acme)

        assert reply.json()["cancelled"] is True
        told = events((await asyncio.wait_for(stream, 1)).text)
        assert told[-1][1]["status"] == "failed"
        assert peers.model.requests == []

    async def test_without_redis_is_noticed_too(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        wiring: Wiring,
        resources: Resources,
        worker: Answering,
    ) -> None:
        await until(lambda: wiring.channels.live)
        peers.model.between_tokens_seconds = 30
        ack = await ask(client, conversation_id, acme)
        await until(lambda: len(peers.model.requests) == 1)
        pool = resources.redis.connection_pool
        pool.connection_kwargs["port"] = 1
        await pool.disconnect()
        connection = wiring.channels._connection
        assert connection is not None
        await connection.disconnect(nowait=True)

        reply = await act(client, ack["message_id"], "cancel", acme)

        assert reply.json()["cancelled"] is True
        assert reply.json()["answer"]["content"] == "Returns are accepted"

    async def test_of_a_dead_workers_answer_asks_no_model_again(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        environment: dict[str, str],
        resources: Resources,
    ) -> None:
        peers.model.tokens = ["Returns are accepted ", "within 30 days [Source 1]."]
        peers.model.between_tokens_seconds = 20
        async with worker_process(environment) as first:
            ack = await ask(client, conversation_id, acme)
            await until(lambda: len(peers.model.requests) == 1, seconds=20)
            await asyncio.sleep(0.3)
            first.kill()
            await first.wait()

        pending = await act(client, ack["message_id"], "cancel", acme)
        assert pending.json()["cancelled"] is False
        async with worker_process(environment):
            task = await finished(client, ack)

        assert len(peers.model.requests) == 1
        assert task["response"] == "Returns are accepted"
        assert task["metadata"]["cancelled"] is True
        (billed,) = await outbox(resources, acme, "answer.completed")
        assert billed["completion_tokens"] > 0

    async def test_of_a_finished_answer_is_refused(
        self, client: httpx.AsyncClient, acme: Company, answered: list[dict[str, Any]]
    ) -> None:
        for message in answered:
            reply = await act(client, message["id"], "cancel", acme)
            assert (reply.status_code, reply.json()["code"]) == (409, "answer_finished")

    async def test_races_the_end_of_the_answer_to_one_message_and_one_bill(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        resources: Resources,
        worker: Answering,
    ) -> None:
        for delay in (0.0, 0.01, 0.02, 0.03, 0.05, 0.08):
            ack = await ask(client, conversation_id, acme)
            await asyncio.sleep(delay)
            await asyncio.gather(
                *(act(client, ack["message_id"], "cancel", acme) for _ in range(3))
            )
            await finished(client, ack)
        shown = await messages(client, conversation_id, acme)
        answers = [message for message in shown if message["role"] == "assistant"]
        billed = await outbox(resources, acme, "answer.completed")
        assert len(billed) == len(answers)
        assert len({one["answer_id"] for one in billed}) == len(billed)


class TestRegenerate:
    async def test_answers_anew_and_keeps_the_old_answer(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        resources: Resources,
        answered: list[dict[str, Any]],
    ) -> None:
        question, old = answered
        peers.model.tokens = ["30 days [Source 1]."]

        reply = await act(client, old["id"], "regenerate", acme)

        assert reply.status_code == 202, reply.text
        assert reply.json()["message_id"] == question["id"]
        task = await finished(client, reply.json())
        assert task["response"] == "30 days [Source 1]."
        first, new = await messages(client, conversation_id, acme)
        assert first["id"] == question["id"]
        assert new["content"] == "30 days [Source 1]."
        assert len(await outbox(resources, acme, "message.posted")) == 1
        assert len(await outbox(resources, acme, "answer.completed")) == 2
        # The old answer is no part of what the model is shown.
        assert [m["role"] for m in peers.model.requests[-1]["messages"]] == ["system", "user"]

        listed = await act(client, new["id"], "alternatives", acme, method="GET")
        assert [other["id"] for other in listed.json()["alternatives"]] == [old["id"]]
        assert listed.json()["alternatives"][0]["citations"]
        chosen = await act(client, old["id"], "select", acme)
        assert chosen.status_code == 200, chosen.text
        shown = await messages(client, conversation_id, acme)
        assert [m["id"] for m in shown] == [question["id"], old["id"]]
        listed = await act(client, old["id"], "alternatives", acme, method="GET")
        assert [other["id"] for other in listed.json()["alternatives"]] == [new["id"]]

    async def test_forks_the_conversation_in_the_middle(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        answered: list[dict[str, Any]],
    ) -> None:
        await finished(client, await ask(client, conversation_id, acme))
        whole = await messages(client, conversation_id, acme)

        reply = await act(client, answered[0]["id"], "regenerate", acme)
        await finished(client, reply.json())

        assert len(await messages(client, conversation_id, acme)) == 2
        await act(client, answered[1]["id"], "select", acme)
        assert await messages(client, conversation_id, acme) == whole
        deleted = await client.get("/api/v1/message/deleted", headers=acme.key)
        assert deleted.json()["messages"] == []
        url = f"/api/v1/conversation/{conversation_id}"
        await client.patch(f"{url}/message/restore-all", headers=acme.key)
        assert await messages(client, conversation_id, acme) == whole

    async def test_of_parallel_wishes_one_is_granted(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        answered: list[dict[str, Any]],
    ) -> None:
        peers.model.first_token_seconds = 1
        replies = await asyncio.gather(
            *(act(client, answered[1]["id"], "regenerate", acme) for _ in range(8))
        )
        codes = sorted(reply.status_code for reply in replies)
        assert codes[0] == 202
        # Once the answer is hidden, it is not there to be asked about again.
        assert set(codes[1:]) <= {404, 409}
        accepted = next(reply for reply in replies if reply.status_code == 202)
        await finished(client, accepted.json())
        assert len(peers.model.requests) == 2
        assert len(await messages(client, conversation_id, acme)) == 2

    async def test_is_not_asked_of_an_agent_whose_place_a_person_has_taken(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        answered: list[dict[str, Any]],
    ) -> None:
        spoken = await client.post(
            f"/api/v1/conversation/{conversation_id}/handoff/message",
            json={"message": "I take this."},
            headers=acme.user,
        )
        assert spoken.status_code < 300, spoken.text
        for name, method, body in (("regenerate", "POST", None), ("", "PATCH", {"message": "Hi"})):
            reply = await act(client, answered[0]["id"], name, acme, method=method, body=body)
            assert (reply.status_code, reply.json()["code"]) == (409, "handed_over")

    async def test_survives_the_death_of_the_worker(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        environment: dict[str, str],
        resources: Resources,
    ) -> None:
        async with worker_process(environment) as first:
            ack = await ask(client, conversation_id, acme)
            await finished(client, ack)
            (_, old) = await messages(client, conversation_id, acme)
            peers.model.between_tokens_seconds = 20
            again = (await act(client, old["id"], "regenerate", acme)).json()
            await until(lambda: len(peers.model.requests) == 2, seconds=20)
            await asyncio.sleep(0.3)
            first.kill()
            await first.wait()
        peers.model.between_tokens_seconds = 0

        async with worker_process(environment):
            task = await finished(client, again)

        assert task["status"] == "completed"
        shown = await messages(client, conversation_id, acme)
        assert [m["role"] for m in shown] == ["user", "assistant"]
        assert shown[1]["id"] != old["id"]
        assert len(await outbox(resources, acme, "answer.completed")) == 2

    async def test_waits_for_nothing_that_is_being_answered(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        answered: list[dict[str, Any]],
    ) -> None:
        peers.model.first_token_seconds = 1
        ack = await ask(client, conversation_id, acme)
        reply = await act(client, answered[0]["id"], "regenerate", acme)
        assert (reply.status_code, reply.json()["code"]) == (409, "answer_pending")
        await finished(client, ack)


class TestEdit:
    async def test_asks_in_other_words_from_there_on(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        resources: Resources,
        answered: list[dict[str, Any]],
    ) -> None:
        await finished(client, await ask(client, conversation_id, acme))
        whole = await messages(client, conversation_id, acme)

        reply = await act(
            client,
            whole[2]["id"],
            "",
            acme,
            method="PATCH",
            body={"message": "And gift cards?"},
        )
        assert reply.status_code == 202, reply.text
        await finished(client, reply.json())

        shown = await messages(client, conversation_id, acme)
        assert [m["content"] for m in shown[:3]] == [
            whole[0]["content"],
            whole[1]["content"],
            "And gift cards?",
        ]
        assert shown[2]["id"] == reply.json()["message_id"]
        assert shown[3]["role"] == "assistant"
        prompt = peers.model.requests[-1]["messages"]
        assert [m["role"] for m in prompt] == ["system", "user", "assistant", "user"]
        assert len(await outbox(resources, acme, "message.posted")) == 3
        conversation = (await client.get("/api/v1/conversation", headers=acme.key)).json()
        assert conversation["conversations"][0]["message_count"] == 4

        listed = await act(client, shown[2]["id"], "alternatives", acme, method="GET")
        assert [other["id"] for other in listed.json()["alternatives"]] == [whole[2]["id"]]
        await act(client, whole[2]["id"], "select", acme)
        assert await messages(client, conversation_id, acme) == whole

    async def test_a_branch_of_a_branch_is_come_back_to_step_by_step(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        answered: list[dict[str, Any]],
    ) -> None:
        await finished(client, await ask(client, conversation_id, acme))
        whole = await messages(client, conversation_id, acme)
        later = await act(client, whole[3]["id"], "regenerate", acme)
        await finished(client, later.json())
        earlier = await act(client, whole[1]["id"], "regenerate", acme)
        await finished(client, earlier.json())

        refused = await act(client, whole[3]["id"], "select", acme)
        assert (refused.status_code, refused.json()["code"]) == (409, "not_an_alternative")
        await act(client, whole[1]["id"], "select", acme)
        back = await act(client, whole[3]["id"], "select", acme)
        assert back.status_code == 200
        assert await messages(client, conversation_id, acme) == whole

    async def test_is_for_questions_that_say_something(
        self, client: httpx.AsyncClient, acme: Company, answered: list[dict[str, Any]]
    ) -> None:
        question, answer = answered
        body = {"message": "Other words"}
        reply = await act(client, answer["id"], "", acme, method="PATCH", body=body)
        assert (reply.status_code, reply.json()["code"]) == (400, "not_a_question")
        reply = await act(client, question["id"], "", acme, method="PATCH", body={"message": " "})
        assert (reply.status_code, reply.json()["code"]) == (400, "message_empty")


class TestFeedback:
    async def test_is_kept_and_told_once_thought_again(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        resources: Resources,
        answered: list[dict[str, Any]],
    ) -> None:
        answer = answered[1]["id"]
        await act(client, answer, "feedback", acme, body={"rating": "up"})
        reply = await act(
            client, answer, "feedback", acme, body={"rating": 2, "comment": "Too short\u0000 "}
        )

        assert reply.status_code == 200, reply.text
        shown = (await messages(client, conversation_id, acme))[1]["user_feedback"]
        assert (shown["rating"], shown["comment"]) == (2, "Too short")
        listed = (await client.get("/api/v1/conversation", headers=acme.key)).json()
        assert listed["conversations"][0]["lead_satisfaction"] == 2
        told = await outbox(resources, acme, "message.rated")
        assert [(one["rating"], one["previous_rating"]) for one in told] == [(5, None), (2, 5)]
        assert "Too short" not in str(told)

    @pytest.mark.parametrize("rating", [0, 6, "great", None, 3.5, True])
    async def test_must_be_a_rating(
        self,
        client: httpx.AsyncClient,
        acme: Company,
        answered: list[dict[str, Any]],
        rating: object,
    ) -> None:
        reply = await act(client, answered[1]["id"], "feedback", acme, body={"rating": rating})
        assert reply.status_code in {400, 422}

    async def test_is_for_answers(
        self, client: httpx.AsyncClient, acme: Company, answered: list[dict[str, Any]]
    ) -> None:
        reply = await act(client, answered[0]["id"], "feedback", acme, body={"rating": 5})
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

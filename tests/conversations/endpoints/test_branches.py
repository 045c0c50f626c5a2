"""Asking again and in other words: what was said is left as a branch, and come back to."""

import asyncio

import httpx

from tests.conversations.cast import Company
from tests.conversations.dialogue import Dialogue, Json, killed_in_the_middle
from tests.conversations.peers import Peers
from tests.conversations.workers.test_answering import worker_process


class TestRegenerate:
    async def test_answers_anew_and_keeps_the_old_answer(
        self, dialogue: Dialogue, peers: Peers, answered: list[Json]
    ) -> None:
        question, old = answered
        peers.model.tokens = ["30 days [Source 1]."]

        reply = await dialogue.act(old["id"], "regenerate")

        assert reply.status_code == 202, reply.text
        assert reply.json()["message_id"] == question["id"]
        task = await dialogue.finished(reply.json())
        assert task["response"] == "30 days [Source 1]."
        first, new = await dialogue.messages()
        assert first["id"] == question["id"]
        assert new["content"] == "30 days [Source 1]."
        assert len(await dialogue.events("message.posted")) == 1
        assert len(await dialogue.events("answer.completed")) == 2
        # The old answer is no part of what the model is shown.
        assert [m["role"] for m in peers.model.requests[-1]["messages"]] == ["system", "user"]

        listed = await dialogue.act(new["id"], "alternatives", method="GET")
        assert [other["id"] for other in listed.json()["alternatives"]] == [old["id"]]
        assert listed.json()["alternatives"][0]["citations"]
        chosen = await dialogue.act(old["id"], "select")
        assert chosen.status_code == 200, chosen.text
        shown = await dialogue.messages()
        assert [m["id"] for m in shown] == [question["id"], old["id"]]
        listed = await dialogue.act(old["id"], "alternatives", method="GET")
        assert [other["id"] for other in listed.json()["alternatives"]] == [new["id"]]

    async def test_forks_the_conversation_in_the_middle(
        self,
        dialogue: Dialogue,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        answered: list[Json],
    ) -> None:
        await dialogue.answer()
        whole = await dialogue.messages()

        reply = await dialogue.act(answered[0]["id"], "regenerate")
        await dialogue.finished(reply.json())

        assert len(await dialogue.messages()) == 2
        await dialogue.act(answered[1]["id"], "select")
        assert await dialogue.messages() == whole
        deleted = await client.get("/api/v1/message/deleted", headers=acme.key)
        assert deleted.json()["messages"] == []
        url = f"/api/v1/conversation/{conversation_id}"
        await client.patch(f"{url}/message/restore-all", headers=acme.key)
        assert await dialogue.messages() == whole

    async def test_of_parallel_wishes_one_is_granted(
        self, dialogue: Dialogue, peers: Peers, answered: list[Json]
    ) -> None:
        peers.model.first_token_seconds = 1
        replies = await asyncio.gather(
            *(dialogue.act(answered[1]["id"], "regenerate") for _ in range(8))
        )
        codes = sorted(reply.status_code for reply in replies)
        assert codes[0] == 202
        # Once the answer is hidden, it is not there to be asked about again.
        assert set(codes[1:]) <= {404, 409}
        accepted = next(reply for reply in replies if reply.status_code == 202)
        await dialogue.finished(accepted.json())
        assert len(peers.model.requests) == 2
        assert len(await dialogue.messages()) == 2

    async def test_is_not_asked_of_an_agent_whose_place_a_person_has_taken(
        self,
        dialogue: Dialogue,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        answered: list[Json],
    ) -> None:
        spoken = await client.post(
            f"/api/v1/conversation/{conversation_id}/handoff/message",
            json={"message": "I take this."},
            headers=acme.user,
        )
        assert spoken.status_code < 300, spoken.text
        for name, method, body in (("regenerate", "POST", None), ("", "PATCH", {"message": "Hi"})):
            reply = await dialogue.act(answered[0]["id"], name, method=method, body=body)
            assert (reply.status_code, reply.json()["code"]) == (409, "handed_over")

    async def test_survives_the_death_of_the_worker(
        self, dialogue: Dialogue, peers: Peers, environment: dict[str, str]
    ) -> None:
        async with worker_process(environment) as worker:
            ack = await dialogue.ask()
            await dialogue.finished(ack)
            (_, old) = await dialogue.messages()
            peers.model.between_tokens_seconds = 20
            again = (await dialogue.act(old["id"], "regenerate")).json()
            await killed_in_the_middle(worker, peers.model, requests=2)
        peers.model.between_tokens_seconds = 0

        async with worker_process(environment):
            task = await dialogue.finished(again)

        assert task["status"] == "completed"
        shown = await dialogue.messages()
        assert [m["role"] for m in shown] == ["user", "assistant"]
        assert shown[1]["id"] != old["id"]
        assert len(await dialogue.events("answer.completed")) == 2

    async def test_waits_for_nothing_that_is_being_answered(
        self, dialogue: Dialogue, peers: Peers, answered: list[Json]
    ) -> None:
        peers.model.first_token_seconds = 1
        ack = await dialogue.ask()
        reply = await dialogue.act(answered[0]["id"], "regenerate")
        assert (reply.status_code, reply.json()["code"]) == (409, "answer_pending")
        await dialogue.finished(ack)


class TestEdit:
    async def test_asks_in_other_words_from_there_on(
        self,
        dialogue: Dialogue,
        client: httpx.AsyncClient,
        acme: Company,
        peers: Peers,
        answered: list[Json],
    ) -> None:
        await dialogue.answer()
        whole = await dialogue.messages()

        reply = await dialogue.act(
            whole[2]["id"],
            "",
            method="PATCH",
            body={"message": "And gift cards?"},
        )
        assert reply.status_code == 202, reply.text
        await dialogue.finished(reply.json())

        shown = await dialogue.messages()
        assert [m["content"] for m in shown[:3]] == [
            whole[0]["content"],
            whole[1]["content"],
            "And gift cards?",
        ]
        assert shown[2]["id"] == reply.json()["message_id"]
        assert shown[3]["role"] == "assistant"
        prompt = peers.model.requests[-1]["messages"]
        assert [m["role"] for m in prompt] == ["system", "user", "assistant", "user"]
        assert len(await dialogue.events("message.posted")) == 3
        conversation = (await client.get("/api/v1/conversation", headers=acme.key)).json()
        assert conversation["conversations"][0]["message_count"] == 4

        listed = await dialogue.act(shown[2]["id"], "alternatives", method="GET")
        assert [other["id"] for other in listed.json()["alternatives"]] == [whole[2]["id"]]
        await dialogue.act(whole[2]["id"], "select")
        assert await dialogue.messages() == whole

    async def test_a_branch_of_a_branch_is_come_back_to_step_by_step(
        self, dialogue: Dialogue, answered: list[Json]
    ) -> None:
        await dialogue.answer()
        whole = await dialogue.messages()
        later = await dialogue.act(whole[3]["id"], "regenerate")
        await dialogue.finished(later.json())
        earlier = await dialogue.act(whole[1]["id"], "regenerate")
        await dialogue.finished(earlier.json())

        refused = await dialogue.act(whole[3]["id"], "select")
        assert (refused.status_code, refused.json()["code"]) == (409, "not_an_alternative")
        await dialogue.act(whole[1]["id"], "select")
        back = await dialogue.act(whole[3]["id"], "select")
        assert back.status_code == 200
        assert await dialogue.messages() == whole

    async def test_is_for_questions_that_say_something(
        self, dialogue: Dialogue, answered: list[Json]
    ) -> None:
        question, answer = answered
        body = {"message": "Other words"}
        reply = await dialogue.act(answer["id"], "", method="PATCH", body=body)
        assert (reply.status_code, reply.json()["code"]) == (400, "not_a_question")
        reply = await dialogue.act(question["id"], "", method="PATCH", body={"message": " "})
        assert (reply.status_code, reply.json()["code"]) == (400, "message_empty")

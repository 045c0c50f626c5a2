"""Budgets hold whoever asks at the same time; models that are down are passed over."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest

from libs.common.ids import new_id
from libs.common.resources import Resources
from services.conversations.domain.agents import BudgetRule
from services.conversations.domain.spending_limits import MostItTakes
from services.conversations.repositories.budgets import BudgetStore
from services.conversations.wiring import Wiring
from services.conversations.workers.answering import Answering
from tests.conversations.cast import Company, make_knowledge
from tests.conversations.endpoints.test_chat import finished
from tests.conversations.peers import Peers
from tests.conversations.workers.test_answering import ask

TOKENS = {"scope": "agent", "period": "day", "unit": "tokens", "on_exhausted": "quotes"}


def tokens(amount: int, **changes: str) -> BudgetRule:
    """Make a budget of an agent's tokens a day."""
    return BudgetRule(amount=amount, **{**TOKENS, **changes})


def profile(peers: Peers, company: Company) -> dict[str, Any]:
    """Return a company's agent, to be changed."""
    return peers.agents[company.id, company.agent_id]


async def titled_conversation(client: httpx.AsyncClient, company: Company) -> str:
    """Open a conversation that no model has to find a title for; returns its id."""
    body = {"agent_id": str(company.agent_id), "title": "Returns"}
    reply = await client.post("/api/v1/conversation", json=body, headers=company.key)
    return str(reply.json()["id"])


async def usage(client: httpx.AsyncClient, company: Company) -> list[dict[str, Any]]:
    """Return what has gone of a company's budgets."""
    reply = await client.get(f"/api/v1/agent/{company.agent_id}/budget/usage", headers=company.key)
    assert reply.status_code == 200, reply.text
    budgets: list[dict[str, Any]] = reply.json()["budgets"]
    return budgets


class TestStore:
    async def test_parallel_calls_cannot_hold_more_than_there_is(
        self, resources: Resources, acme: Company, globex: Company
    ) -> None:
        store = BudgetStore(resources.database)
        rules = [tokens(1000), tokens(10_000, scope="company")]

        async def hold(company: Company) -> BudgetRule | None:
            return await store.hold(
                company.id,
                new_id(),
                1,
                agent_id=company.agent_id,
                rules=rules,
                most=MostItTakes(tokens=90, micros=0),
            )

        told = await asyncio.gather(*(hold(acme) for _ in range(50)))
        assert told.count(None) == 11
        assert {rule.scope for rule in told if rule is not None} == {"agent"}
        # Another company's are others.
        assert await hold(globex) is None
        (agent, company) = await store.uses(acme.id, acme.agent_id, rules)
        assert (agent.held, company.held) == (990, 990)

    async def test_settling_counts_once_and_gives_the_rest_back(
        self, resources: Resources, acme: Company
    ) -> None:
        store = BudgetStore(resources.database)
        rules = [tokens(1000), tokens(500, unit="micros", period="month", scope="company")]
        answer_id = new_id()
        most = MostItTakes(tokens=300, micros=200)
        for _ in range(2):
            # As when a second model is asked after the first.
            await store.hold(acme.id, answer_id, 1, agent_id=acme.agent_id, rules=rules, most=most)
        assert [use.held for use in await store.uses(acme.id, acme.agent_id, rules)] == [600, 400]
        for _ in range(2):
            await store.settle(acme.id, answer_id, 1, tokens=120, micros=80)
        uses = await store.uses(acme.id, acme.agent_id, rules)
        assert [(use.spent, use.held) for use in uses] == [(120, 0), (80, 0)]

    async def test_nothing_is_held_of_one_budget_when_another_is_short(
        self, resources: Resources, acme: Company
    ) -> None:
        store = BudgetStore(resources.database)
        rules = [tokens(1000), tokens(10, scope="company")]
        short = await store.hold(
            acme.id,
            new_id(),
            1,
            agent_id=acme.agent_id,
            rules=rules,
            most=MostItTakes(tokens=100, micros=0),
        )
        assert short == rules[1]
        assert [use.held for use in await store.uses(acme.id, acme.agent_id, rules)] == [0, 0]

    async def test_exhaustion_is_told_once_a_period(
        self, resources: Resources, acme: Company
    ) -> None:
        store = BudgetStore(resources.database)
        most = MostItTakes(tokens=100, micros=0)
        for _ in range(3):
            await store.hold(
                acme.id, new_id(), 1, agent_id=acme.agent_id, rules=[tokens(50)], most=most
            )
        async with resources.database.lean(acme.id) as connection:
            rows = await connection.fetch(
                "SELECT payload FROM outbox WHERE name = 'budget.exhausted'"
            )
        (row,) = rows
        payload = orjson.loads(row["payload"])
        assert UUID(payload["agent_id"]) == acme.agent_id
        assert (payload["amount"], payload["unit"], payload["whole_company"]) == (
            50,
            "tokens",
            False,
        )


class TestUsage:
    async def test_strangers_see_nothing(
        self, client: httpx.AsyncClient, acme: Company, globex: Company
    ) -> None:
        url = f"/api/v1/agent/{acme.agent_id}/budget/usage"
        assert (await client.get(url)).status_code == 401
        assert (await client.get(url, headers=acme.lead)).status_code == 403
        foreign = await client.get(url, headers=globex.key)
        unknown = await client.get(f"/api/v1/agent/{new_id()}/budget/usage", headers=globex.key)
        assert foreign.status_code == unknown.status_code == 404
        assert foreign.json() | {"request_id": ""} == unknown.json() | {"request_id": ""}


class TestAnswers:
    async def test_count_what_they_took(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers, worker: Answering
    ) -> None:
        profile(peers, acme)["budgets"] = [{**TOKENS, "amount": 100_000}]
        where = await titled_conversation(client, acme)
        task = await finished(client, await ask(client, where, acme))
        assert task["result"]["metadata"]["mode"] == "generated"
        (use,) = await usage(client, acme)
        assert (use["spent"], use["held"], use["left"]) == (127, 0, 99_873)

    async def test_are_quotes_when_the_budget_is_used_up(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        worker: Answering,
    ) -> None:
        profile(peers, acme)["budgets"] = [{**TOKENS, "amount": 100}]
        task = await finished(client, await ask(client, conversation_id, acme))
        assert task["result"]["metadata"]["mode"] == "extractive"
        assert "budget" in task["response"]
        assert any("used up for today" in one for one in task["result"]["metadata"]["warnings"])
        assert peers.model.requests == []

    async def test_are_refused_where_the_budget_says_so(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        worker: Answering,
    ) -> None:
        rule = {**TOKENS, "amount": 100, "on_exhausted": "refuse"}
        profile(peers, acme)["budgets"] = [rule]
        task = await finished(client, await ask(client, conversation_id, acme))
        assert task["status"] == "failed"
        assert "budget" in task["error"]

    async def test_in_parallel_do_not_overspend(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers, worker: Answering
    ) -> None:
        # Room for what two answers may take, though ten are asked for at once.
        limit = 2000
        profile(peers, acme)["budgets"] = [{**TOKENS, "amount": limit}]
        peers.model.first_token_seconds = 0.3
        where = [await titled_conversation(client, acme) for _ in range(10)]
        tasks = await asyncio.gather(
            *[finished(client, await ask(client, one, acme)) for one in where]
        )
        modes = [task["result"]["metadata"]["mode"] for task in tasks]
        assert 0 < modes.count("generated") < 10
        (use,) = await usage(client, acme)
        assert use["spent"] == 127 * modes.count("generated") <= limit
        assert use["held"] == 0


class TestFallback:
    @pytest.fixture(autouse=True)
    def second(self, acme: Company, peers: Peers) -> None:
        """A second model at the same place, under another name."""
        one = profile(peers, acme)
        one["fallbacks"] = [{**one["llm"], "model": "second-model"}]

    async def test_answers_when_the_first_model_is_down(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        worker: Answering,
    ) -> None:
        peers.model.statuses = [503, 503, 200]
        task = await finished(client, await ask(client, conversation_id, acme))
        assert task["result"]["metadata"]["mode"] == "generated"
        asked = [request["model"] for request in peers.model.requests]
        assert asked == ["test-model", "test-model", "second-model"]
        assert any("second-model" in one for one in task["result"]["metadata"]["warnings"])

    async def test_is_asked_at_once_while_the_breaker_is_open(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers, worker: Answering
    ) -> None:
        # Six failures open the breaker within three answers; the second model always answers.
        peers.model.statuses_by_model = {"test-model": 503}
        for _ in range(4):
            where = await titled_conversation(client, acme)
            task = await finished(client, await ask(client, where, acme))
            assert task["result"]["metadata"]["mode"] == "generated"
        asked = [request["model"] for request in peers.model.requests]
        assert asked[-1] == "second-model"
        assert asked.count("test-model") == 5

    async def test_needs_no_room_for_both(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers, worker: Answering
    ) -> None:
        # For what one call may take, and not for two.
        profile(peers, acme)["budgets"] = [{**TOKENS, "amount": 1200}]
        peers.model.statuses_by_model = {"test-model": 503}
        where = await titled_conversation(client, acme)
        task = await finished(client, await ask(client, where, acme))
        assert task["result"]["metadata"]["mode"] == "generated"
        (use,) = await usage(client, acme)
        assert (use["spent"], use["held"]) == (127, 0)

    async def test_leaves_a_first_model_that_thinks_too_long_paid(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers, wiring: Wiring
    ) -> None:
        profile(peers, acme)["budgets"] = [{**TOKENS, "amount": 100_000}]
        peers.model.first_token_seconds = 0.4
        impatient = replace(wiring.compose, ask=replace(wiring.compose.ask, fallback_seconds=0.1))
        ack = await ask(client, await titled_conversation(client, acme), acme)
        (taken,) = await wiring.store.take_waiting(acme.id)

        await replace(wiring.produce, compose=impatient)(taken)

        await finished(client, ack)
        asked = [request["model"] for request in peers.model.requests]
        assert asked == ["test-model", "second-model"]
        # The provider has read the question, and charges for that.
        (use,) = await usage(client, acme)
        assert use["spent"] > 127 + 50

    async def test_is_not_asked_once_the_first_has_begun(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        worker: Answering,
    ) -> None:
        peers.model.cut_after = 1
        task = await finished(client, await ask(client, conversation_id, acme))
        assert task["result"]["metadata"]["mode"] == "extractive"
        assert [request["model"] for request in peers.model.requests] == ["test-model"]


class TestBehaviour:
    async def test_outside_its_hours_an_agent_says_so(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        worker: Answering,
    ) -> None:
        one = profile(peers, acme)
        one["behaviour"] = {"outside_hours": "say_so", "outside_hours_message": "Closed."}
        one["hours"] = {"timezone": "UTC", "spans": []}
        task = await finished(client, await ask(client, conversation_id, acme))
        assert task["response"] == "Closed."
        assert task["result"]["metadata"]["outside_hours"] is True
        assert peers.model.requests == []

    async def test_general_knowledge_is_said_to_be_such(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        worker: Answering,
    ) -> None:
        profile(peers, acme)["behaviour"] = {"grounding": "general"}
        peers.knowledge = make_knowledge(passages=[], relevant=False)
        peers.model.tokens = ["Water boils ", "at 100 °C [Source 1]."]
        task = await finished(client, await ask(client, conversation_id, acme))
        assert task["response"].startswith("The following is general knowledge")
        assert task["response"].endswith("Water boils at 100 °C.")
        assert task["result"]["metadata"]["general_knowledge"] is True
        assert task["citations"] == []

    async def test_manner_is_told_to_the_model(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        worker: Answering,
    ) -> None:
        one = profile(peers, acme)
        one["behaviour"] = {"tone": "dry", "max_words": 40, "citation_style": "numbers"}
        one["languages"] = ["German"]
        task = await finished(client, await ask(client, conversation_id, acme))
        assert task["response"] == "Returns are accepted within 30 days [1]."
        (request,) = peers.model.requests
        system = request["messages"][0]["content"]
        assert "Your tone: dry" in system
        assert "at most 40 words" in system
        assert "German" in system
        assert request["max_tokens"] == 120

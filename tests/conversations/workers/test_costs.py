"""What an answer costs stands in its event, and so in the ledger."""

from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest

from libs.common.resources import Resources
from services.conversations.domain.budgets import estimated_tokens
from services.conversations.workers.answering import Answering
from tests.conversations.cast import Company
from tests.conversations.dialogue import killed_in_the_middle
from tests.conversations.endpoints.test_chat import finished
from tests.conversations.peers import Peers
from tests.conversations.workers.test_answering import ask, open_conversation, worker_process


@pytest.fixture(autouse=True)
def prices(acme: Company, peers: Peers) -> None:
    """Dollars for a million tokens: 2 going in, 8 coming out."""
    llm = peers.agents[acme.id, acme.agent_id]["llm"]
    llm |= {"input_price_per_million": 2.0, "output_price_per_million": 8.0}


async def completed(resources: Resources, tenant_id: UUID) -> dict[str, Any]:
    """Return the payload of the one event that bills an answer."""
    async with resources.database.lean(tenant_id) as connection:
        rows = await connection.fetch(
            "SELECT payload FROM outbox WHERE tenant_id = $1 AND name = 'answer.completed'",
            tenant_id,
        )
    (row,) = rows
    payload: dict[str, Any] = orjson.loads(row["payload"])
    return payload


class TestCost:
    async def test_is_tokens_by_prices(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        resources: Resources,
        worker: Answering,
    ) -> None:
        await finished(client, await ask(client, conversation_id, acme))

        billed = await completed(resources, acme.id)
        assert (billed["prompt_tokens"], billed["completion_tokens"]) == (120, 7)
        assert billed["cost_micros"] == 120 * 2 + 7 * 8

    async def test_of_half_an_answer_is_estimated(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        resources: Resources,
        worker: Answering,
    ) -> None:
        peers.model.cut_after = 1

        task = await finished(client, await ask(client, conversation_id, acme))

        billed = await completed(resources, acme.id)
        assert task["status"] == "completed"
        assert billed["mode"] == "extractive"
        assert billed["prompt_tokens"] > 20
        assert billed["completion_tokens"] == estimated_tokens(peers.model.tokens[0])
        cost = billed["prompt_tokens"] * 2 + billed["completion_tokens"] * 8
        assert billed["cost_micros"] == cost

    async def test_without_a_model_is_nothing(
        self,
        client: httpx.AsyncClient,
        acme: Company,
        peers: Peers,
        resources: Resources,
        worker: Answering,
    ) -> None:
        peers.add_agent(acme, model=False)

        await finished(client, await ask(client, await open_conversation(client, acme), acme))

        billed = await completed(resources, acme.id)
        assert (billed["prompt_tokens"], billed["cost_micros"]) == (0, 0)

    async def test_counts_what_a_dead_worker_had_spent_but_bills_its_tokens_once(
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
        async with worker_process(environment) as worker:
            ack = await ask(client, conversation_id, acme)
            await killed_in_the_middle(worker, peers.model, requests=1)
        peers.model.between_tokens_seconds = 0

        async with worker_process(environment):
            await finished(client, ack)

        billed = await completed(resources, acme.id)
        assert (billed["prompt_tokens"], billed["completion_tokens"]) == (120, 7)
        abandoned = 120 * 2 + estimated_tokens("Returns are accepted ") * 8
        assert billed["cost_micros"] == 120 * 2 + 7 * 8 + abandoned

"""What an answer costs stands in its event, and so in the ledger."""

from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest

from libs.common.resources import Resources
from services.conversations.workers.answering import Answering
from tests.conversations.cast import Company
from tests.conversations.endpoints.test_chat import finished
from tests.conversations.peers import Peers
from tests.conversations.workers.test_answering import ask


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

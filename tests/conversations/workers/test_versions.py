"""Which version of an agent answers, and that the answer says so."""

from typing import Any

import httpx
import pytest

from libs.common.resources import Resources
from services.conversations.workers.answering import Answering
from tests.conversations.cast import Company
from tests.conversations.endpoints.test_chat import finished
from tests.conversations.peers import Peers
from tests.conversations.workers.test_answering import ask, open_conversation
from tests.conversations.workers.test_costs import completed


def split(peers: Peers, company: Company, percent: int) -> None:
    """Let version 2 answer some of a company's conversations."""
    live = peers.agents[company.id, company.agent_id]
    candidate = {**live, "number": 2, "instructions": "Be the candidate."}
    live |= {"number": 1, "split": {"percent": percent, "profile": candidate}}


@pytest.mark.parametrize(("percent", "number"), [(0, 1), (100, 2)])
async def test_the_version_is_told_with_the_answer(
    client: httpx.AsyncClient,
    conversation_id: str,
    acme: Company,
    peers: Peers,
    resources: Resources,
    worker: Answering,
    percent: int,
    number: int,
) -> None:
    split(peers, acme, percent)
    task = await finished(client, await ask(client, conversation_id, acme))
    assert task["result"]["metadata"]["agent_version"] == number
    assert (await completed(resources, acme.id))["agent_version"] == number
    prompt = peers.model.requests[0]["messages"][0]["content"]
    assert ("Be the candidate." in prompt) == (number == 2)


async def test_a_conversation_keeps_its_version(
    client: httpx.AsyncClient, acme: Company, peers: Peers, worker: Answering
) -> None:
    split(peers, acme, 50)
    told: dict[str, set[Any]] = {}
    for where in [await open_conversation(client, acme) for _ in range(6)]:
        for _ in range(2):
            task = await finished(client, await ask(client, where, acme))
            told.setdefault(where, set()).add(task["result"]["metadata"]["agent_version"])
    assert all(len(numbers) == 1 for numbers in told.values())

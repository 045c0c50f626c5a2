"""Answers draw on what the one who asks may read, by whichever way a question reaches a worker."""

import httpx
import pytest
from redis.asyncio import Redis

from libs.common.background import running
from services.conversations.wiring import Wiring
from services.conversations.workers.answering import Answering
from tests.conversations.cast import Company
from tests.conversations.endpoints.test_chat import finished
from tests.conversations.leads import opened, register
from tests.conversations.peers import Peers


async def ask(client: httpx.AsyncClient, where: str, headers: dict[str, str]) -> dict[str, str]:
    reply = await client.post(
        f"/api/v1/conversation/{where}/chat", json={"message": "Bonuses?"}, headers=headers
    )
    assert reply.status_code == 202, reply.text
    return dict(reply.json())


@pytest.mark.usefixtures("worker")
async def test_a_members_groups_come_with_the_question(
    client: httpx.AsyncClient, conversation_id: str, acme: Company, peers: Peers
) -> None:
    await finished(client, await ask(client, conversation_id, acme.user))

    assert [search["groups"] for search in peers.searches] == [[str(acme.group_id)]]
    assert not any("group" in name for name in peers.model.requests[0])


@pytest.mark.usefixtures("worker")
async def test_who_is_in_no_group_has_none(
    client: httpx.AsyncClient, conversation_id: str, acme: Company, peers: Peers
) -> None:
    await finished(client, await ask(client, conversation_id, acme.key))

    assert [search["groups"] for search in peers.searches] == [[]]


async def test_the_database_knows_them_where_the_announcement_is_lost(
    client: httpx.AsyncClient,
    conversation_id: str,
    acme: Company,
    peers: Peers,
    redis: Redis,
    wiring: Wiring,
) -> None:
    acknowledged = await ask(client, conversation_id, acme.user)
    await redis.flushdb()

    async with running(Answering(wiring).run(), name="answering"):
        await finished(client, acknowledged)

    assert [search["groups"] for search in peers.searches] == [[str(acme.group_id)]]
    assert not any("group" in name for name in peers.model.requests[0])


@pytest.mark.usefixtures("worker")
async def test_asking_again_draws_on_the_same_documents(
    client: httpx.AsyncClient, conversation_id: str, acme: Company, peers: Peers
) -> None:
    asked = await ask(client, conversation_id, acme.user)
    await finished(client, asked)
    message = f"/api/v1/message/{asked['message_id']}"
    again = await client.post(f"{message}/regenerate", headers=acme.user)
    await finished(client, again.json())
    edited = await client.patch(message, json={"message": "Boni?"}, headers=acme.user)
    await finished(client, edited.json())

    assert [search["groups"] for search in peers.searches] == [[str(acme.group_id)]] * 3


@pytest.mark.usefixtures("worker")
async def test_a_visitor_is_told_nothing_for_a_colleagues_groups(
    client: httpx.AsyncClient, acme: Company, peers: Peers
) -> None:
    conversation_id = await opened(client, acme, await register(client, acme))

    asked = await ask(client, conversation_id, acme.user)
    await finished(client, asked)
    again = await client.post(
        f"/api/v1/message/{asked['message_id']}/regenerate", headers=acme.user
    )
    await finished(client, again.json())

    # What was looked up before the conversation was known is thrown away.
    assert peers.searches[-1]["groups"] == []
    assert [search["groups"] for search in peers.searches][-2:] == [[], []]

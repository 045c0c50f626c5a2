"""What a worker hears of an answer before it takes it: a hint, and no more."""

import asyncio
from uuid import UUID

import httpx
import pytest
from redis.asyncio import Redis

from libs.common.background import running
from services.conversations.adapters.answer_queue import GROUP, STREAM, RedisAnswerQueue
from services.conversations.domain.answers import AnswerKind, AskedQuestion, QuestionIds
from services.conversations.wiring import Wiring
from services.conversations.workers.answering import Answering
from tests.conversations.cast import Company
from tests.conversations.endpoints.test_chat import finished
from tests.conversations.peers import Peers, until
from tests.conversations.workers.test_answering import ask

ID = UUID(int=7)


@pytest.fixture
async def queue(redis: Redis) -> RedisAnswerQueue:
    """The queue, with a group that reads all there is."""
    await redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    return RedisAnswerQueue(redis)


class TestQueue:
    async def test_what_was_read_is_removed_and_nothing_else(
        self, queue: RedisAnswerQueue, redis: Redis
    ) -> None:
        for number in range(3):
            queue.put(AskedQuestion(*[UUID(int=number)] * 6), "What is it?", traceparent=None)
            await queue.aclose()
        first = await queue.get("reader", count=2)

        await queue.trim()

        assert [one.answer_id.int for one in first] == [0, 1]
        assert [one.question for one in first] == ["What is it?"] * 2
        assert await redis.xlen(STREAM) == 1
        assert [one.answer_id.int for one in await queue.get("reader", count=2)] == [2]
        await queue.trim()
        await queue.trim()
        assert await redis.xlen(STREAM) == 0

    async def test_a_long_question_stays_in_the_database(
        self, queue: RedisAnswerQueue, redis: Redis
    ) -> None:
        queue.put(AskedQuestion(*[ID] * 6), "?" * 4_001, traceparent=None)
        await queue.aclose()

        [announced] = await queue.get("reader", count=1)

        assert (announced.answer_id, announced.agent_id, announced.question) == (ID, None, "")

    async def test_there_need_be_no_stream(self, redis: Redis) -> None:
        await RedisAnswerQueue(redis).trim()

        assert await redis.exists(STREAM) == 0


@pytest.mark.usefixtures("worker")
async def test_the_passages_are_looked_up_once(
    client: httpx.AsyncClient, conversation_id: str, acme: Company, peers: Peers
) -> None:
    await finished(client, await ask(client, conversation_id, acme))

    assert [search["query"] for search in peers.searches] == ["Return period?"]


async def test_what_is_announced_early_is_taken_once_it_is_stored(
    client: httpx.AsyncClient, conversation_id: str, acme: Company, peers: Peers, wiring: Wiring
) -> None:
    ids = QuestionIds.new(acme.id, UUID(conversation_id))
    async with running(Answering(wiring).run(), name="answering"):
        wiring.queue.put(ids.asked(acme.agent_id), "Why?", traceparent=None, early=True)
        await until(lambda: len(peers.searches) == 1)
        stored = await wiring.store.ask(
            ids,
            entity_id=None,
            text="Why?",
            kind=AnswerKind.CHAT,
            options={},
            history=(),
            traceparent=None,
        )
        await finished(client, {"status_url": f"/api/v1/tasks/{ids.task_id}/status"})

    assert stored == (ids.asked(acme.agent_id), True)


async def test_what_is_announced_early_and_never_stored_leaves_nothing(
    client: httpx.AsyncClient, conversation_id: str, acme: Company, peers: Peers, wiring: Wiring
) -> None:
    ids = QuestionIds.new(acme.id, UUID(conversation_id))
    answering = Answering(wiring)
    async with running(answering.run(), name="answering"):
        wiring.queue.put(ids.asked(acme.agent_id), "Why?", traceparent=None, early=True)
        await until(lambda: len(peers.searches) == 1)
        await until(lambda: not answering._early)

        await finished(client, await ask(client, conversation_id, acme))

    assert answering._looked_up == {}
    assert await wiring.store.status(acme.id, ids.answer_id) is None


async def test_what_takes_long_to_be_stored_is_announced_again(
    client: httpx.AsyncClient, conversation_id: str, acme: Company, peers: Peers, wiring: Wiring
) -> None:
    """Who heard of it early has given up by then; the next to look does so after a second."""
    waits: list[float] = []
    async with running(Answering(wiring).run(), name="answering"):
        for _ in range(3):
            async with wiring.database.lean(acme.id) as connection:
                await connection.execute(
                    "SELECT FROM conversations WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
                    acme.id,
                    UUID(conversation_id),
                )
                asking = asyncio.create_task(ask(client, conversation_id, acme))
                await asyncio.sleep(0.4)
            ack = await asking
            await finished(client, ack)
            async with wiring.database.lean(acme.id) as connection:
                waits.append(
                    await connection.fetchval(
                        "SELECT extract(epoch FROM started_at - queued_at)::float FROM answers"
                        " WHERE tenant_id = $1 AND task_id = $2",
                        acme.id,
                        UUID(ack["task_id"]),
                    )
                )

    # `queued_at` is when the statement began, so what was waited for the lock counts.
    assert min(waits) < 0.9, waits


async def test_a_hint_that_does_not_fit_is_not_believed(
    client: httpx.AsyncClient,
    conversation_id: str,
    acme: Company,
    peers: Peers,
    redis: Redis,
    wiring: Wiring,
) -> None:
    """As somebody who is not ours might write it into Redis."""
    ack = await ask(client, conversation_id, acme)
    await redis.flushdb()
    found = await wiring.store.find_task(UUID(ack["task_id"]))
    assert found is not None
    forged = {
        "tenant_id": str(found[0]),
        "answer_id": str(found[1]),
        "agent_id": str(acme.agent_id),
        "question": "Something else?",
    }
    await redis.xadd(STREAM, forged)  # type: ignore[arg-type]  # declared as an invariant dict

    async with running(Answering(wiring).run(), name="answering"):
        await finished(client, ack)

    assert sorted(search["query"] for search in peers.searches) == [
        "Return period?",
        "Something else?",
    ]

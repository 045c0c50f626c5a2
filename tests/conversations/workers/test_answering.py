"""Answers survive what goes wrong around them: dead workers, an absent Redis, crowded tenants."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from redis.asyncio import Redis

from libs.common.resources import Resources
from services.conversations.adapters.agents import INVALIDATION_CHANNEL
from services.conversations.settings import Settings
from services.conversations.use_cases.produce_answer import MAX_ATTEMPTS
from services.conversations.wiring import Wiring
from services.conversations.workers.answering import Answering
from tests.conftest import DatabaseUrls
from tests.conversations.cast import Company
from tests.conversations.endpoints.test_chat import events, finished
from tests.conversations.peers import Peers, until


async def ask(client: httpx.AsyncClient, where: str, who: Company) -> dict[str, Any]:
    """Ask a question; returns the acknowledgement."""
    reply = await client.post(
        f"/api/v1/conversation/{where}/chat", json={"message": "Return period?"}, headers=who.key
    )
    assert reply.status_code == 202, reply.text
    body: dict[str, Any] = reply.json()
    return body


async def open_conversation(client: httpx.AsyncClient, who: Company) -> str:
    """Open a conversation; returns its id."""
    reply = await client.post(
        "/api/v1/conversation", json={"agent_id": str(who.agent_id)}, headers=who.key
    )
    return str(reply.json()["id"])


@asynccontextmanager
async def worker_process(environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the real worker process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.conversations.worker",
        env={**os.environ, **environment, "WORKER_PORT": "0", "LOG_LEVEL": "WARNING"},
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def count(urls: DatabaseUrls, statement: str, tenant_id: UUID) -> int:
    """Count rows as the service's role sees them."""
    connection = await asyncpg.connect(
        urls("conversations").primary, server_settings={"search_path": "conversations"}
    )
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('app.tenant_id', $1, true)", str(tenant_id))
            return int(await connection.fetchval(statement))
    finally:
        await connection.close()


class TestKilledWorker:
    async def test_another_worker_finishes_exactly_one_answer(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        environment: dict[str, str],
        database_urls: DatabaseUrls,
    ) -> None:
        peers.model.tokens = ["Returns ", "are accepted ", "within 30 days [Source 1]."]
        peers.model.between_tokens_seconds = 20
        async with worker_process(environment) as first:
            ack = await ask(client, conversation_id, acme)
            following = asyncio.create_task(
                client.get(
                    f"/api/v1/conversation/{conversation_id}/messages/stream", headers=acme.key
                )
            )
            await until(lambda: len(peers.model.requests) == 1, seconds=20)
            await asyncio.sleep(0.3)
            first.send_signal(signal.SIGKILL)
            await first.wait()
        peers.model.between_tokens_seconds = 0

        async with worker_process(environment):
            task = await finished(client, ack)
            stream = await following

        assert task["response"] == "Returns are accepted within 30 days [Source 1]."
        assert len(peers.model.requests) == 2
        names = [name for name, _ in events(stream.text)]
        assert names.count("chat_response") == 1
        answers = "SELECT count(*) FROM messages WHERE role = 'assistant'"
        billed = "SELECT count(*) FROM outbox WHERE name = 'answer.completed'"
        assert await count(database_urls, answers, acme.id) == 1
        assert await count(database_urls, billed, acme.id) == 1

    async def test_a_stopped_worker_finishes_what_it_began(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        environment: dict[str, str],
    ) -> None:
        peers.model.between_tokens_seconds = 0.5
        async with worker_process(environment) as process:
            ack = await ask(client, conversation_id, acme)
            await until(lambda: len(peers.model.requests) == 1, seconds=20)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 15) == 0

        task = await finished(client, ack)

        assert task["status"] == "completed"
        assert len(peers.model.requests) == 1


class TestLostAnnouncements:
    async def test_an_answer_nobody_announced_is_found(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        redis: Redis,
        wiring: Wiring,
    ) -> None:
        ack = await ask(client, conversation_id, acme)
        await redis.flushdb()

        answering = asyncio.create_task(Answering(wiring).run())

        assert (await finished(client, ack))["status"] == "completed"
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)

    @pytest.mark.usefixtures("worker")
    async def test_a_lost_group_is_made_again(
        self, client: httpx.AsyncClient, conversation_id: str, acme: Company, redis: Redis
    ) -> None:
        await finished(client, await ask(client, conversation_id, acme))
        await redis.flushdb()

        for _ in range(2):
            task = await finished(client, await ask(client, conversation_id, acme))
            assert task["status"] == "completed"

        await asyncio.sleep(0)
        assert [group["name"] for group in await redis.xinfo_groups("answers")] == [
            b"conversations"
        ]


class TestRedisDown:
    async def test_questions_are_answered_and_streamed_from_the_database(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        wiring: Wiring,
        resources: Resources,
        worker: Answering,
    ) -> None:
        await until(lambda: wiring.channels.live)
        # What was connected is cut, and nobody listens any more.
        pool = resources.redis.connection_pool
        pool.connection_kwargs["port"] = 1
        await pool.disconnect()
        connection = wiring.channels._connection
        assert connection is not None
        await connection.disconnect(nowait=True)

        ack = await ask(client, conversation_id, acme)
        stream = await client.get(
            f"/api/v1/conversation/{conversation_id}/messages/stream", headers=acme.key
        )

        assert [name for name, _ in events(stream.text)][-2] == "chat_response"
        assert (await finished(client, ack))["status"] == "completed"


class TestPoison:
    async def test_an_answer_that_kills_its_workers_is_given_up(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        resources: Resources,
        wiring: Wiring,
        peers: Peers,
    ) -> None:
        ack = await ask(client, conversation_id, acme)
        async with resources.database.lean(acme.id) as connection:
            await connection.execute(
                "UPDATE answers SET attempt = $2 WHERE tenant_id = $1", acme.id, MAX_ATTEMPTS
            )
        working = asyncio.create_task(Answering(wiring).run())

        task = await finished(client, ack)

        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        assert task["status"] == "failed"
        assert task["error_code"] == "answer_given_up"
        assert peers.model.requests == []


class TestExpiredLease:
    @pytest.mark.usefixtures("worker")
    async def test_a_worker_does_not_take_over_from_itself(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        resources: Resources,
        peers: Peers,
    ) -> None:
        peers.model.first_token_seconds = 3
        ack = await ask(client, conversation_id, acme)
        await until(lambda: len(peers.model.requests) == 1)
        for _ in range(20):
            async with resources.database.lean(acme.id) as connection:
                await connection.execute(
                    "UPDATE answers SET lease_until = now() - interval '1 second'"
                    " WHERE state = 'running'"
                )
            await asyncio.sleep(0.1)

        assert (await finished(client, ack))["status"] == "completed"
        assert len(peers.model.requests) == 1


class TestFairness:
    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        """At most two answers of a tenant in the making."""
        return {**environment, "ANSWERS_PER_TENANT": "2"}

    @pytest.mark.usefixtures("worker")
    async def test_a_tenant_has_no_more_than_its_share_in_flight(
        self,
        client: httpx.AsyncClient,
        acme: Company,
        globex: Company,
        peers: Peers,
        settings: Settings,
        resources: Resources,
    ) -> None:
        assert settings.answers_per_tenant == 2
        most = 0

        async def watch() -> None:
            nonlocal most
            while True:
                # As PostgreSQL counts: what is stored here may still be on its way to followers.
                async with resources.database.lean(acme.id) as connection:
                    running = await connection.fetchval(
                        "SELECT count(*) FROM answers WHERE tenant_id = $1 AND state = 'running'",
                        acme.id,
                    )
                most = max(most, running)
                await asyncio.sleep(0.02)

        watching = asyncio.create_task(watch())
        # Nobody is done before all of them have asked.
        peers.model.first_token_seconds = 4
        crowd = [await open_conversation(client, acme) for _ in range(6)]
        acks = await asyncio.gather(*(ask(client, where, acme) for where in crowd))
        await until(lambda: len(peers.model.requests) == 2)
        states = [(await client.get(ack["status_url"])).json()["status"] for ack in acks]
        peers.model.first_token_seconds = 0
        quiet = await ask(client, await open_conversation(client, globex), globex)
        served = await finished(client, quiet)
        tasks = [await finished(client, ack) for ack in acks]
        watching.cancel()

        assert served["status"] == "completed"
        assert sorted(states) == ["processing"] * 2 + ["queued"] * 4
        assert {task["status"] for task in tasks} == {"completed"}
        assert most == 2
        assert len(peers.model.requests) == 7


class TestProfiles:
    @pytest.mark.usefixtures("worker")
    async def test_changes_of_agents_are_heard_of(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        redis: Redis,
    ) -> None:
        await finished(client, await ask(client, conversation_id, acme))
        peers.add_agent(acme, instructions="Be verbose.")

        await redis.publish(INVALIDATION_CHANNEL, str(acme.id))
        await finished(client, await ask(client, conversation_id, acme))

        assert "Be verbose." in peers.model.requests[-1]["messages"][0]["content"]

    @pytest.mark.usefixtures("worker")
    async def test_known_agents_answer_while_their_service_is_down(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        wiring: Wiring,
    ) -> None:
        await finished(client, await ask(client, conversation_id, acme))
        known = dict(wiring.agents._known)
        wiring.agents._known.update(
            {key: (when - 60, profile) for key, (when, profile) in known.items()}
        )
        peers.agents_down = True

        task = await finished(client, await ask(client, conversation_id, acme))

        assert task["status"] == "completed"

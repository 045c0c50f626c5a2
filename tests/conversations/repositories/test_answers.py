"""The engine's SQL: leases, shares, one bill; and that a tenant sees only its own."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest

from libs.common.database import Database
from libs.common.events.envelope import event_class
from libs.common.ids import new_id
from services.conversations.domain.answers import (
    Answer,
    AnswerKind,
    AnswerMode,
    AnswerState,
    QuestionIds,
)
from services.conversations.domain.citations import offered_sources, resolve_citations
from services.conversations.models import Conversation
from services.conversations.repositories.answers import AnswerStore
from services.conversations.repositories.unit_of_work import ConversationsUnitOfWork
from tests.conftest import OpenDatabase
from tests.conversations.cast import make_passage


@pytest.fixture
async def database(open_fresh_database: OpenDatabase) -> Database:
    """A database of this test alone: some statements look at all tenants."""
    return await open_fresh_database("conversations")


@pytest.fixture
def store(database: Database) -> AnswerStore:
    """The store of a worker."""
    return AnswerStore(database, owner="first", lease_seconds=5, per_tenant=2)


async def ask(store: AnswerStore, tenant_id: UUID, *, count: int = 1) -> list[UUID]:
    """Ask in conversations of their own; returns the answers' ids."""
    ids = []
    for number in range(count):
        conversation = Conversation.with_agent(
            new_id(), entity_type="user", entity_id=None, now=datetime.now(UTC)
        )
        async with ConversationsUnitOfWork(store.database, tenant_id) as uow:
            uow.conversations.add(conversation)
        stored = await store.ask(
            QuestionIds.new(tenant_id, conversation.id),
            entity_id=None,
            text=f"Question {number}?",
            kind=AnswerKind.CHAT,
            options={},
            history=(),
            traceparent=None,
        )
        assert stored is not None
        question, alone = stored
        assert alone
        ids.append(question.answer_id)
    return ids


def make_answer() -> Answer:
    """Make an answer with one citation."""
    passage = make_passage()
    cited = resolve_citations("Gift cards cannot be returned [Source 1].", [passage])
    return Answer(
        text=cited.text,
        mode=AnswerMode.GENERATED,
        citations=cited.citations,
        sources=offered_sources([passage], cited.citations),
        prompt_tokens=10,
        completion_tokens=5,
    )


class TestTenants:
    async def test_another_tenant_can_do_nothing_with_an_answer(
        self, store: AnswerStore, acme_id: UUID, globex_id: UUID
    ) -> None:
        (answer_id,) = await ask(store, acme_id)

        assert await store.take(globex_id, [answer_id]) == []
        assert await store.status(globex_id, answer_id) is None
        (taken,) = await store.take(acme_id, [answer_id])
        foreign = replace(taken, tenant_id=globex_id)
        assert await store.finish(foreign, make_answer(), message_id=new_id(), seconds=1) is None
        assert await store.fail(foreign, code="x", error="x") is None
        assert await store.latest(globex_id, taken.conversation_id, entity_id=None) is None
        assert await store.message(globex_id, taken.message_id) is None
        status = await store.status(acme_id, answer_id)
        assert status is not None
        assert status.state is AnswerState.RUNNING


class TestTaking:
    async def test_many_workers_at_once_keep_to_the_share(
        self, database: Database, store: AnswerStore, acme_id: UUID
    ) -> None:
        ids = await ask(store, acme_id, count=8)
        workers = [replace(store, owner=f"worker-{number}") for number in range(6)]

        taken = await asyncio.gather(*(worker.take(acme_id, ids) for worker in workers))

        flat = [one.answer_id for some in taken for one in some]
        assert len(flat) == 2
        assert set(flat) == set(ids[:2])
        assert await store.take_waiting(acme_id) == []

    async def test_a_lease_that_ran_out_is_taken_over_as_a_new_attempt(
        self, store: AnswerStore, acme_id: UUID
    ) -> None:
        brief = replace(store, owner="brief", lease_seconds=0.1)
        (answer_id,) = await ask(store, acme_id)
        (first,) = await brief.take(acme_id, [answer_id])
        assert await store.take(acme_id, [answer_id]) == []
        await asyncio.sleep(0.15)

        assert await store.due(waited_seconds=60, limit=10) == [(acme_id, answer_id)]
        (second,) = await store.take(acme_id, [answer_id])

        assert (first.attempt, second.attempt) == (1, 2)
        lost = await brief.finish(first, make_answer(), message_id=new_id(), seconds=1)
        assert lost is None
        assert await brief.renew_leases([answer_id]) == set()
        assert await store.renew_leases([answer_id]) == {answer_id}
        assert await store.renew_leases([]) == set()
        message_id = new_id()
        won = await store.finish(second, make_answer(), message_id=message_id, seconds=1)
        assert won is not None
        # Its answer to the first call may have been lost on the way.
        told_again = await store.finish(second, make_answer(), message_id=message_id, seconds=1)
        assert told_again is not None
        assert told_again.message.created_at == won.message.created_at
        again = await store.finish(second, make_answer(), message_id=new_id(), seconds=1)
        assert again is None

    async def test_tenants_take_turns(
        self, store: AnswerStore, acme_id: UUID, globex_id: UUID
    ) -> None:
        await ask(store, acme_id, count=4)
        (quiet,) = await ask(store, globex_id)

        due = await store.due(waited_seconds=0, limit=2)

        assert {tenant for tenant, _ in due} == {acme_id, globex_id}
        assert (globex_id, quiet) in due

    async def test_a_released_answer_is_free_at_once(
        self, store: AnswerStore, acme_id: UUID
    ) -> None:
        (answer_id,) = await ask(store, acme_id)
        await store.take(acme_id, [answer_id])

        await store.release_leases()

        (taken,) = await replace(store, owner="second").take(acme_id, [answer_id])
        assert taken.question == "Question 0?"


class TestEvents:
    async def test_are_those_of_the_catalogue(
        self, database: Database, store: AnswerStore, acme_id: UUID
    ) -> None:
        (done, failed) = await ask(store, acme_id, count=2)
        taken = await store.take(acme_id, [done, failed])
        await store.finish(taken[0], make_answer(), message_id=new_id(), seconds=1)
        await store.fail(taken[1], code="model_failed", error="No luck.")

        async with database.lean(acme_id) as connection:
            rows = await connection.fetch("SELECT name, version, payload FROM outbox ORDER BY id")

        names = sorted(row["name"] for row in rows)
        assert names == ["answer.completed", "answer.failed", "message.posted", "message.posted"]
        for row in rows:
            kind = event_class(row["name"])
            assert kind is not None
            assert kind.schema_version == row["version"]
            kind.model_validate(orjson.loads(row["payload"]), strict=False)


class TestTasks:
    async def test_are_found_by_their_id_alone(self, store: AnswerStore, acme_id: UUID) -> None:
        (answer_id,) = await ask(store, acme_id)
        status = await store.status(acme_id, answer_id)
        assert status is not None

        assert await store.find_task(status.task_id) == (acme_id, answer_id)
        assert await store.find_task(new_id()) is None

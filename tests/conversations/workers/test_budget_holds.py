"""Whatever becomes of an answer, what was put aside for it comes back."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx
import pytest

from libs.common.database import DatabaseUnavailable
from libs.common.ids import new_id
from services.conversations.domain.agents import BudgetRule
from services.conversations.domain.answers import TakenAnswer
from services.conversations.domain.ports import Budgets
from services.conversations.domain.spending_limits import BudgetUse, MostItTakes
from services.conversations.wiring import Wiring
from services.conversations.workers.answering import Answering
from services.conversations.workers.purge import PurgeLoop
from tests.conversations.cast import Company
from tests.conversations.endpoints.test_chat import finished
from tests.conversations.peers import Peers, until
from tests.conversations.workers.test_answering import ask, open_conversation
from tests.conversations.workers.test_spending import (
    TOKENS,
    profile,
    titled_conversation,
    tokens,
    usage,
)

RULES = [tokens(100_000)]
MOST = MostItTakes(tokens=500, micros=0)


@pytest.fixture(autouse=True)
def bound(acme: Company, peers: Peers) -> None:
    """Acme's agent has a budget."""
    profile(peers, acme)["budgets"] = [{**TOKENS, "amount": 100_000}]


async def used(wiring: Wiring, company: Company) -> BudgetUse:
    """Return how the budget stands."""
    (use,) = await wiring.budgets.uses(company.id, company.agent_id, RULES)
    return use


async def hold(wiring: Wiring, company: Company, answer_id: UUID, attempt: int = 1) -> None:
    """Put something aside as a worker does that dies then."""
    short = await wiring.budgets.hold(
        company.id, answer_id, attempt, agent_id=company.agent_id, rules=RULES, most=MOST
    )
    assert short is None


async def taken(wiring: Wiring, company: Company) -> TakenAnswer:
    """Take the one answer that waits."""
    (answer,) = await wiring.store.take_waiting(company.id)
    return answer


async def taken_over(wiring: Wiring, answer: TakenAnswer) -> TakenAnswer:
    """Take an answer whose lease has run out."""
    await lose_lease(wiring, answer)
    (again,) = await wiring.store.take(answer.tenant_id, [answer.answer_id])
    assert again.attempt == answer.attempt + 1
    return again


async def lose_lease(wiring: Wiring, answer: TakenAnswer) -> None:
    """Let the lease of an answer run out."""
    async with wiring.database.lean(answer.tenant_id) as connection:
        await connection.execute(
            "UPDATE answers SET lease_until = now() - interval '1 second'"
            " WHERE tenant_id = $1 AND id = $2",
            answer.tenant_id,
            answer.answer_id,
        )


async def settled(client: httpx.AsyncClient, company: Company) -> dict[str, Any]:
    """Wait until nothing is put aside; returns how the budget stands."""
    async with asyncio.timeout(10):
        while (use := (await usage(client, company))[0])["held"]:
            await asyncio.sleep(0.05)
    return use


@dataclass
class AwayOnce:
    """The budgets of a database that is away for one moment.

    Args:
        budgets: The real ones.
        before: Which putting aside it is that fails, from 1.
    """

    budgets: Budgets
    before: int

    async def hold(
        self,
        tenant_id: UUID,
        answer_id: UUID,
        attempt: int,
        *,
        agent_id: UUID,
        rules: Sequence[BudgetRule],
        most: MostItTakes,
    ) -> BudgetRule | None:
        """Put aside, or fail."""
        self.before -= 1
        if self.before == 0:
            raise DatabaseUnavailable
        return await self.budgets.hold(
            tenant_id, answer_id, attempt, agent_id=agent_id, rules=rules, most=most
        )

    async def settle(
        self, tenant_id: UUID, answer_id: UUID, attempt: int, *, tokens: int, micros: int
    ) -> None:
        """Settle."""
        await self.budgets.settle(tenant_id, answer_id, attempt, tokens=tokens, micros=micros)


class TestSettling:
    async def test_follows_a_cancelled_answer(
        self,
        client: httpx.AsyncClient,
        acme: Company,
        peers: Peers,
        wiring: Wiring,
        worker: Answering,
    ) -> None:
        peers.model.between_tokens_seconds = 30
        ack = await ask(client, await titled_conversation(client, acme), acme)
        await until(lambda: len(peers.model.requests) == 1)
        assert (await used(wiring, acme)).held > 0

        url = f"/api/v1/message/{ack['message_id']}/cancel"
        reply = await client.post(url, headers=acme.key)

        assert reply.status_code == 200, reply.text
        assert (await settled(client, acme))["spent"] > 0

    async def test_follows_an_answer_that_a_person_took_over_from(
        self,
        client: httpx.AsyncClient,
        acme: Company,
        peers: Peers,
        wiring: Wiring,
        worker: Answering,
    ) -> None:
        peers.model.first_token_seconds = 1
        where = await titled_conversation(client, acme)
        await ask(client, where, acme)
        await until(lambda: len(peers.model.requests) == 1)
        most = (await used(wiring, acme)).held

        claimed = await client.post(
            f"/api/v1/conversation/{where}/handoff/claim", headers=acme.user
        )

        assert claimed.status_code == 200, claimed.text
        # The worker settles with what it took; the claim leaves that to it.
        assert 0 < (await settled(client, acme))["spent"] < most

    async def test_counts_the_title_too(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers, worker: Answering
    ) -> None:
        await finished(client, await ask(client, await open_conversation(client, acme), acme))
        await until(lambda: len(peers.model.asides) == 1)
        async with asyncio.timeout(10):
            while (await usage(client, acme))[0]["spent"] <= 127:
                await asyncio.sleep(0.05)
        await settled(client, acme)

    async def test_of_a_dead_workers_answer_happens_when_it_fails(
        self, client: httpx.AsyncClient, acme: Company, wiring: Wiring, conversation_id: str
    ) -> None:
        await ask(client, conversation_id, acme)
        answer = await taken(wiring, acme)
        await hold(wiring, acme, answer.answer_id)

        await wiring.store.fail(answer, code="answer_given_up", error="No.")

        use = await used(wiring, acme)
        # Nobody knows what its call has used.
        assert (use.spent, use.held) == (500, 0)

    async def test_of_a_dead_workers_answer_happens_when_a_person_takes_over(
        self, client: httpx.AsyncClient, acme: Company, wiring: Wiring, conversation_id: str
    ) -> None:
        await ask(client, conversation_id, acme)
        answer = await taken(wiring, acme)
        await hold(wiring, acme, answer.answer_id)
        await lose_lease(wiring, answer)

        url = f"/api/v1/conversation/{conversation_id}/handoff/claim"
        assert (await client.post(url, headers=acme.user)).status_code == 200

        assert (await used(wiring, acme)).held == 0

    async def test_is_each_attempts_own(
        self, client: httpx.AsyncClient, acme: Company, wiring: Wiring, conversation_id: str
    ) -> None:
        await ask(client, conversation_id, acme)
        late = await taken(wiring, acme)
        await hold(wiring, acme, late.answer_id, late.attempt)
        heir = await taken_over(wiring, late)
        await hold(wiring, acme, heir.answer_id, heir.attempt)

        async def settle(attempt: TakenAnswer, tokens: int) -> tuple[int, int]:
            await wiring.budgets.settle(
                acme.id, attempt.answer_id, attempt.attempt, tokens=tokens, micros=0
            )
            use = await used(wiring, acme)
            return use.spent, use.held

        # Who lost the lease tells what it took, and leaves the other's share alone.
        assert await settle(late, 120) == (120, 500)
        assert await settle(late, 120) == (120, 500)
        assert await settle(heir, 130) == (250, 0)

    async def test_of_a_dead_attempt_happens_when_its_heir_answers(
        self, client: httpx.AsyncClient, acme: Company, wiring: Wiring
    ) -> None:
        ack = await ask(client, await titled_conversation(client, acme), acme)
        dead = await taken(wiring, acme)
        await hold(wiring, acme, dead.answer_id, dead.attempt)

        await wiring.produce(await taken_over(wiring, dead))

        task = await finished(client, ack)
        assert task["result"]["metadata"]["mode"] == "generated"
        use = await used(wiring, acme)
        assert (use.spent, use.held) == (500 + 127, 0)

    async def test_counts_each_call_once_when_composing_begins_again(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers, wiring: Wiring
    ) -> None:
        profile(peers, acme)["behaviour"] = {"grounding": "general"}
        peers.model.tokens = ["I don't know."]
        ack = await ask(client, await titled_conversation(client, acme), acme)
        broken = AwayOnce(wiring.budgets, before=2)
        produce = replace(wiring.produce, compose=replace(wiring.compose, budgets=broken))

        await produce(await taken(wiring, acme))

        task = await finished(client, ack)
        assert task["result"]["metadata"]["general_knowledge"] is True
        # One call, then the database was away; then two more.
        assert len(peers.model.requests) == 3
        use = await used(wiring, acme)
        assert (use.spent, use.held) == (3 * 127, 0)
        async with wiring.database.lean(acme.id) as connection:
            billed = await connection.fetchval(
                "SELECT prompt_tokens + completion_tokens FROM answers WHERE task_id = $1",
                UUID(ack["task_id"]),
            )
        # The asker is billed the try that answered.
        assert billed == 2 * 127


class TestStrays:
    async def test_count_as_used_and_nothing_else_does(
        self, client: httpx.AsyncClient, acme: Company, wiring: Wiring, conversation_id: str
    ) -> None:
        await ask(client, conversation_id, acme)
        pending = await taken(wiring, acme)
        # An old one of a pending answer, an old one of none, and a new one of none.
        await hold(wiring, acme, pending.answer_id)
        await hold(wiring, acme, new_id())
        async with wiring.database.lean(acme.id) as connection:
            await connection.execute(
                "UPDATE budget_holds SET created_at = now() - interval '2 hours'"
                " WHERE tenant_id = $1",
                acme.id,
            )
        await hold(wiring, acme, new_id())
        assert (await used(wiring, acme)).held == 1500

        await PurgeLoop(wiring.database).purge()

        use = await used(wiring, acme)
        assert (use.spent, use.held) == (500, 1000)

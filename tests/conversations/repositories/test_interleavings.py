"""In whatever order things happen, the agent never speaks after a person has taken over.

Asking, answering, claiming, speaking, releasing and closing are thrown at conversations at random
and at once; then the messages are read in their order. `HANDOFF_INTERLEAVINGS` says how many.
"""

import asyncio
import os
import random
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from libs.common.ids import new_id
from services.conversations.domain.answers import Answer, AnswerKind, AnswerMode, QuestionIds
from services.conversations.domain.handoff import Handoff
from services.conversations.domain.people import Person
from services.conversations.repositories.answers import AnswerStore
from services.conversations.repositories.handoff import HandoffStore
from services.conversations.use_cases.handoff import ClaimHandoff, SilenceAgent, SpeakAsHuman
from services.conversations.wiring import Wiring
from tests.conversations.cast import Company

TIMES = int(os.environ.get("HANDOFF_INTERLEAVINGS", "200"))
AT_ONCE = 10


async def test_the_agent_is_silent_once_a_person_has_taken_over(
    wiring: Wiring, acme: Company
) -> None:
    seed = int(os.environ.get("HANDOFF_SEED", "0")) or random.randrange(10**9)
    chance = random.Random(seed)
    spoken, refused = 0, 0
    for begin in range(0, TIMES, AT_ONCE):
        seeds = [chance.random() for _ in range(min(AT_ONCE, TIMES - begin))]
        for bots, lost in await asyncio.gather(*(_one(wiring, acme, s, seed) for s in seeds)):
            spoken += bots
            refused += lost
    # Both happen, or the test would show nothing.
    assert spoken > TIMES // 20, f"seed {seed}"
    assert refused > TIMES // 20, f"seed {seed}"


async def _one(wiring: Wiring, acme: Company, number: float, seed: int) -> tuple[int, int]:
    """Play one conversation; returns how often the agent spoke, and how often it could not."""
    chance = random.Random(number)
    conversation_id = new_id()
    person = Person(tenant_id=acme.id, entity_type="user", entity_id=acme.user_id)
    store = AnswerStore(wiring.database, owner=str(uuid4()), per_tenant=10_000)
    async with wiring.database.lean(acme.id) as connection:
        await connection.execute(
            "INSERT INTO conversations (tenant_id, id, agent_id, title, entity_type, entity_id)"
            " VALUES ($1, $2, $3, 'x', 'user', $4)",
            acme.id,
            conversation_id,
            acme.agent_id,
            acme.user_id,
        )
    results = [0, 0]
    claimed_at: list[int] = []
    # One answer is under way before anything else.
    taken = await _ask(store, acme, conversation_id)

    async def rest() -> None:
        await asyncio.sleep(chance.random() * 0.01)

    async def finish(answers: Sequence[Any]) -> None:
        for answer in answers:
            await rest()
            done = await store.finish(
                answer,
                Answer(text="bot", mode=AnswerMode.GENERATED),
                message_id=new_id(),
                seconds=0.1,
            )
            results[0 if done is not None else 1] += 1

    async def ask_and_answer() -> None:
        await rest()
        await finish(await _ask(store, acme, conversation_id))

    async def take_over() -> None:
        await rest()
        handoff, wake = HandoffStore(wiring.database), wiring.wake
        silence = SilenceAgent(store=handoff, cancellations=wiring.cancellations)
        if chance.random() < 0.5:
            await ClaimHandoff(store=handoff, wake=wake, silence=silence)(person, conversation_id)
            claimed_at.append(await _last_sequence(wiring, acme.id, conversation_id))
            await rest()
        speak = SpeakAsHuman(store=handoff, wake=wake, silence=silence)
        await speak(person, conversation_id, "person", name="")

    await asyncio.gather(finish(taken), ask_and_answer(), take_over())
    late = await _speaks_after(wiring, acme.id, conversation_id, claimed_at)
    assert late == 0, f"seed {seed}"
    # Given back, the agent may speak again; what was stopped stays unsaid.
    await HandoffStore(wiring.database).move(
        acme.id,
        conversation_id,
        to=Handoff.BOT,
        user_id=None,
        out_of=(Handoff.HUMAN,),
        held_by=acme.user_id,
    )
    return results[0], results[1]


async def _ask(store: AnswerStore, acme: Company, conversation_id: UUID) -> Sequence[Any]:
    ids = QuestionIds.new(acme.id, conversation_id)
    stored = await store.ask(
        ids,
        entity_id=None,
        text="question",
        kind=AnswerKind.CHAT,
        options={},
        history=(),
        traceparent=None,
    )
    assert stored is not None
    return await store.take(acme.id, [ids.answer_id]) if stored[0].awaits_answer else []


async def _last_sequence(wiring: Wiring, tenant_id: UUID, conversation_id: UUID) -> int:
    async with wiring.database.lean(tenant_id) as connection:
        found = await connection.fetchval(
            "SELECT last_sequence FROM conversations WHERE tenant_id = $1 AND id = $2",
            tenant_id,
            conversation_id,
        )
    return int(found)


async def _speaks_after(
    wiring: Wiring, tenant_id: UUID, conversation_id: UUID, claimed_at: Sequence[int]
) -> int:
    """Return how often the agent spoke after the person had spoken, or claimed."""
    async with wiring.database.lean(tenant_id) as connection:
        rows = await connection.fetch(
            "SELECT sequence, content FROM messages WHERE tenant_id = $1 AND conversation_id = $2",
            tenant_id,
            conversation_id,
        )
    took_over = min(
        [row["sequence"] for row in rows if row["content"] == "person"]
        + [sequence + 1 for sequence in claimed_at]
    )
    return sum(row["content"] == "bot" and row["sequence"] >= took_over for row in rows)

"""Handing a conversation to a person, and back: the state is decided in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.common.wake import Wake
from services.conversations.domain.errors import (
    ConversationNotFound,
    HandoffNotPossible,
    HandoffTaken,
)
from services.conversations.domain.handoff import Handoff, HandoffState, SpokenMessage
from services.conversations.domain.people import Person
from services.conversations.domain.ports import Cancellations
from services.conversations.domain.questions import checked_question
from services.conversations.repositories.handoff import HandoffStore


@dataclass(frozen=True, kw_only=True)
class RequestHandoff:
    """Ask for a person; asked again, it stays as it is."""

    store: HandoffStore
    wake: Wake

    async def __call__(self, person: Person, conversation_id: UUID) -> HandoffState:
        """Raises `ConversationNotFound`."""
        moved = await self.store.move(
            person.tenant_id,
            conversation_id,
            to=Handoff.WAITING,
            user_id=None,
            out_of=(Handoff.BOT, Handoff.CLOSED),
            reached_by=person.only_own,
        )
        if moved is not None:
            self.wake.events()
            return moved
        return await _current(self.store, person, conversation_id)


@dataclass(frozen=True, kw_only=True)
class SilenceAgent:
    """Stop what an agent is saying in a conversation that is a person's by now.

    What crashes before this is safe: an answer that is finished later is not stored.
    """

    store: HandoffStore
    cancellations: Cancellations

    async def __call__(self, tenant_id: UUID, conversation_id: UUID) -> None:
        """End the answers, and tell the workers, who tell what each has cost."""
        for answer_id in await self.store.stop_answers(tenant_id, conversation_id):
            await self.cancellations.tell(answer_id)


@dataclass(frozen=True, kw_only=True)
class ClaimHandoff:
    """Take a conversation over; from then on the agent is silent in it."""

    store: HandoffStore
    wake: Wake
    silence: SilenceAgent

    async def __call__(self, person: Person, conversation_id: UUID) -> HandoffState:
        """Return the state; claimed again by the same person it stays as it is.

        Raises:
            ConversationNotFound: There is no such conversation.
            HandoffTaken: Somebody else has it.
        """
        user_id = _user(person)
        moved = await self.store.move(
            person.tenant_id,
            conversation_id,
            to=Handoff.HUMAN,
            user_id=user_id,
            out_of=(Handoff.BOT, Handoff.WAITING, Handoff.CLOSED),
        )
        if moved is None:
            moved = await _current(self.store, person, conversation_id)
            if moved.state is not Handoff.HUMAN or moved.user_id != user_id:
                raise HandoffTaken
            return moved
        self.wake.events()
        await self.silence(person.tenant_id, conversation_id)
        return moved


@dataclass(frozen=True, kw_only=True)
class SpeakAsHuman:
    """Say something in a conversation, and have it by that."""

    store: HandoffStore
    wake: Wake
    silence: SilenceAgent

    async def __call__(
        self, person: Person, conversation_id: UUID, text: str, *, name: str
    ) -> SpokenMessage:
        """Return the stored message.

        Raises:
            ConversationNotFound: There is no such conversation.
            HandoffTaken: Somebody else has it.
            EmptyMessage: Nothing was said; or MessageTooLong: too much was.
        """
        user_id = _user(person)
        shown = {"author": "human", "user_id": str(user_id), **({"name": name} if name else {})}
        spoken = await self.store.speak(
            person.tenant_id,
            conversation_id,
            user_id=user_id,
            text=checked_question(text),
            metadata=shown,
        )
        if spoken is None:
            await _current(self.store, person, conversation_id)
            raise HandoffTaken
        message, took_over = spoken
        if took_over:
            self.wake.events()
            await self.silence(person.tenant_id, conversation_id)
        return message


@dataclass(frozen=True, kw_only=True)
class ReleaseHandoff:
    """Give a conversation back to the agent, or close it; also one that nobody has come to."""

    store: HandoffStore
    wake: Wake
    to: Handoff

    async def __call__(self, person: Person, conversation_id: UUID) -> HandoffState:
        """Return the state.

        Raises:
            ConversationNotFound: There is no such conversation.
            HandoffTaken: Somebody else has it.
            HandoffNotPossible: It is the agent's already.
        """
        user_id = _user(person)
        moved = await self.store.move(
            person.tenant_id,
            conversation_id,
            to=self.to,
            user_id=None,
            out_of=(Handoff.HUMAN,),
            held_by=user_id,
        ) or await self.store.move(
            person.tenant_id,
            conversation_id,
            to=self.to,
            user_id=None,
            out_of=(Handoff.WAITING,),
        )
        if moved is None:
            current = await _current(self.store, person, conversation_id)
            if current.state is Handoff.HUMAN:
                raise HandoffTaken
            raise HandoffNotPossible
        self.wake.events()
        return moved


@dataclass(frozen=True, kw_only=True)
class ListHandoffs:
    """List the conversations that wait for a person, or have one."""

    store: HandoffStore

    async def __call__(
        self, person: Person, states: Sequence[Handoff], *, page: int, per_page: int
    ) -> tuple[list[HandoffState], int]:
        """Return a page of them, who waits longest first, and how many there are."""
        return await self.store.queue(
            person.tenant_id, states, limit=per_page, offset=(page - 1) * per_page
        )


def _user(person: Person) -> UUID:
    # Routes that lead here admit people only.
    if person.entity_id is None:
        raise HandoffNotPossible
    return person.entity_id


async def _current(store: HandoffStore, person: Person, conversation_id: UUID) -> HandoffState:
    found = await store.of(person.tenant_id, conversation_id, reached_by=person.only_own)
    if found is None:
        raise ConversationNotFound
    return found

"""What conversations asks of the world outside its database."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.conversations.domain.agents import AgentProfile, BudgetRule, ChatModelSettings
from services.conversations.domain.answers import (
    AnswerKind,
    AnswerStatus,
    AskedQuestion,
    TakenAnswer,
)
from services.conversations.domain.frames import Frame, Position
from services.conversations.domain.knowledge import Knowledge
from services.conversations.domain.leads import LeadPerson, WidgetAgent
from services.conversations.domain.people import Person
from services.conversations.domain.spending_limits import MostItTakes


class Agents(Protocol):
    """The agents service, as far as answering goes."""

    async def profile(self, tenant_id: UUID, agent_id: UUID) -> AgentProfile:
        """Return an agent's profile, at most some seconds old.

        Raises:
            AgentNotFound: The tenant has no such agent.
            Unavailable: The agents service is out of reach, and we never knew the agent.
        """

    async def by_name(self, tenant_id: UUID, name: str) -> AgentProfile:
        """Return the profile of the agent with this name, whatever the case of its letters.

        Raises:
            AgentNotFound: The tenant has no such agent.
            Unavailable: The agents service is out of reach.
        """

    async def names(self, tenant_id: UUID) -> Sequence[tuple[UUID, str]]:
        """Return the ids and names of the tenant's agents."""


class KnowledgeBase(Protocol):
    """Search in the documents of an agent."""

    async def search(
        self,
        tenant_id: UUID,
        *,
        agent_id: UUID,
        query: str,
        quotes: int,
        groups: Sequence[UUID] = (),
    ) -> Knowledge:
        """Return the passages for a question; `available` is false when search is out of reach.

        Args:
            tenant_id: Whose documents.
            groups: Those of the one who asks; they find what is for these, and for everybody.
            agent_id: Of which agent.
            query: The question.
            quotes: How many sentences to pick as quotes; 0 for none.
        """


class Budgets(Protocol):
    """What is left of budgets; decided in the database, whoever asks at the same time."""

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
        """Put aside what a call may use up; returns the budget that has too little left."""

    async def settle(
        self, tenant_id: UUID, answer_id: UUID, attempt: int, *, tokens: int, micros: int
    ) -> None:
        """Give back what an attempt at an answer holds, and count what it has used up."""


class ModelReply(Protocol):
    """A chat model's answer while it comes in."""

    prompt_tokens: int
    completion_tokens: int

    def __aiter__(self) -> AsyncIterator[str]:
        """Yield the text in pieces, as they arrive.

        Raises:
            ModelCutOff: The model broke off.
            ModelTimedOut: The deadline has passed.
        """


class ChatModels(Protocol):
    """Chat models behind OpenAI-compatible endpoints."""

    def stream(
        self,
        settings: ChatModelSettings,
        messages: Sequence[Mapping[str, str]],
        *,
        options: Mapping[str, Any],
        agent_id: UUID | None = None,
        patience_seconds: float | None = None,
    ) -> AbstractAsyncContextManager[ModelReply]:
        """Ask a model; entering waits for the reply to begin, retrying where that is harmless.

        Raises:
            ModelFailed: The model gave no answer.
        """


class AnswerQueue(Protocol):
    """The `answers` stream, by which a question reaches a worker within a millisecond."""

    def put(
        self,
        question: AskedQuestion,
        text: str,
        *,
        traceparent: str | None,
        groups: Sequence[UUID] = (),
        early: bool = False,
    ) -> None:
        """Announce a queued answer, soon; never fails, since workers look into PostgreSQL too.

        Args:
            question: Whose answer.
            text: What is asked.
            traceparent: The trace that the answer continues.
            groups: Those of the one who asks.
            early: It is being stored only now: things may be looked up for it already.
        """


class Recent(Protocol):
    """What this process has just done in conversations: hints, never the truth."""

    def opened(self, person: Person, conversation_id: UUID, agent_id: UUID) -> None:
        """Note a conversation that this person may ask in."""

    def asking(self, person: Person, conversation_id: UUID) -> AbstractContextManager[UUID | None]:
        """Yield the agent that a question may be prepared for while it is being stored."""

    def asked(
        self, person: Person, question: AskedQuestion, kind: AnswerKind, *, alone: bool
    ) -> None:
        """Note a question that was just stored; `alone` if no other answer is pending there."""

    def just_asked(
        self, tenant_id: UUID, conversation_id: UUID, entity_id: UUID | None
    ) -> AnswerStatus | None:
        """Return the one answer that a conversation waits for, as it stood a moment ago."""

    def forget(self, tenant_id: UUID, conversation_id: UUID) -> None:
        """Forget what was known of a conversation."""


class AnswerFeed(Protocol):
    """Where one attempt at an answer tells its progress; a follower may be on any replica."""

    def in_progress(self) -> None:
        """Tell that this attempt begins; followers drop the text of earlier ones."""

    def delta(self, text: str) -> None:
        """Add to the answer's text."""

    def last_position(self) -> Position:
        """Return the position of the frame that ends the answer."""

    async def finish(self, frame: bytes, position: Position, *, others_pending: bool) -> None:
        """Send what is left and the frame that ends the answer.

        Followers look on if others are pending.
        """


class AnswerFeeds(Protocol):
    """The feeds of all answers."""

    def open(self, answer: TakenAnswer) -> AnswerFeed:
        """Begin the feed of a new attempt."""

    async def history(self, tenant_id: UUID, answer_id: UUID, *, after: Position) -> list[Frame]:
        """Return the frames after a position; empty when there are none, or they have expired."""

    async def end(self, tenant_id: UUID, answer_id: UUID, frame: Frame) -> None:
        """Tell those who follow an answer that nobody is making that it has ended."""


class Cancellations(Protocol):
    """How a worker hears at once that an answer is cancelled."""

    async def tell(self, answer_id: UUID) -> None:
        """Tell the workers; never fails, since they look into PostgreSQL too."""


class Subscription(Protocol):
    """Frames of one answer as they come in."""

    @property
    def live(self) -> bool:
        """False while the connection to Redis is down: look into PostgreSQL instead."""

    async def next(self, *, timeout_seconds: float) -> list[Frame] | None:
        """Wait for frames; an empty list on a time-out, None when some may have been missed."""


class AnswerWatch(Protocol):
    """Following answers over the process's one subscribing connection."""

    def follow(self, tenant_id: UUID, answer_id: UUID) -> AbstractAsyncContextManager[Subscription]:
        """Subscribe to an answer; from then on no frame is missed."""


class WidgetAgents(Protocol):
    """Agents as strangers name them."""

    async def find(self, agent_id: UUID) -> WidgetAgent:
        """Return an active agent, whoever's it is.

        Raises:
            AgentNotFound: There is none.
            Unavailable: The agents service is out of reach.
        """


class LeadVault(Protocol):
    """Encrypts what identifies leads."""

    async def index(self, tenant_id: UUID, email: str) -> bytes:
        """Return what an address is found by."""

    async def seal(self, tenant_id: UUID, lead_id: UUID, person: LeadPerson) -> bytes:
        """Encrypt a person for their row."""

    async def open(self, tenant_id: UUID, lead_id: UUID, sealed: bytes) -> LeadPerson:
        """Decrypt a person of a row."""


class LeadSessions(Protocol):
    """What auth does for leads."""

    async def keep(
        self, tenant_id: UUID, session_id: UUID, *, lead_id: UUID
    ) -> tuple[str, datetime]:
        """Begin a session or prolong it; return its token, and until when that is good.

        Raises:
            LeadNotFound: The session is over, or the company closed.
        """

    async def end_all(self, tenant_id: UUID, lead_id: UUID) -> None:
        """End all sessions of a lead."""

    async def mail_link(
        self, tenant_id: UUID, *, recipient: str, address: str, agent_name: str
    ) -> None:
        """Send the link to earlier chats; raises `Invalid` if no server will ever take it."""

"""Hand-off: who speaks in a conversation, the agent or a person of the company."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Handoff(StrEnum):
    """Where a conversation stands. The agent is silent in `human` alone."""

    BOT = "bot"
    WAITING = "waiting"
    """Somebody has asked for a person; the agent goes on until one comes."""
    HUMAN = "human"
    """A person has claimed it, or spoken."""
    CLOSED = "closed"
    """The person is done; who writes again talks to the agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoffState:
    """A conversation's state, and who has it since when."""

    conversation_id: UUID
    agent_id: UUID
    state: Handoff
    user_id: UUID | None
    since: datetime | None
    title: str = ""
    last_activity: datetime | None = None
    message_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenMessage:
    """What a person of the company has said."""

    id: UUID
    sequence: int
    created_at: datetime
    state: HandoffState

"""What conversations tells: questions, answers and what they cost."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from libs.common.events.envelope import Event

AnswerMode = Literal["generated", "extractive", "refused"]
WebhookChange = Literal["created", "updated", "deleted", "secret_rotated", "disabled"]


class ConversationStarted(Event, topic="conversations", name="conversation.started"):
    """A conversation with an agent was opened; it is the aggregate."""

    conversation_id: UUID
    agent_id: UUID


class ConversationDeleted(Event, topic="conversations", name="conversation.deleted"):
    """A conversation was deleted."""

    conversation_id: UUID
    agent_id: UUID


class ConversationRestored(Event, topic="conversations", name="conversation.restored"):
    """A deleted conversation is back."""

    conversation_id: UUID
    agent_id: UUID


class LeadRegistered(Event, topic="conversations", name="lead.registered"):
    """Somebody said who they are for the first time, or the company added them."""

    lead_id: UUID
    agent_id: UUID | None = Field(description="Whose visitor it was, where that is known.")


class LeadUpdated(Event, topic="conversations", name="lead.updated"):
    """The company changed a lead."""

    lead_id: UUID
    status: Literal["new", "contacted", "qualified", "converted", "lost"]


class LeadDeleted(Event, topic="conversations", name="lead.deleted"):
    """A lead was deleted, with all that identifies it."""

    lead_id: UUID


class HandoffChanged(Event, topic="handoffs", name="handoff.changed"):
    """A conversation waits for a person, has one, or is the agent's again; it is the aggregate.

    Of a topic of its own, so that auth, which mails the company and keeps the audit trail, need
    not read all messages.
    """

    conversation_id: UUID
    agent_id: UUID
    status: Literal["bot", "waiting", "human", "closed"]
    user_id: UUID = Field(description="Who has it then; the nil UUID for nobody.")


class WebhookChanged(Event, topic="handoffs", name="webhook.changed"):
    """Somebody changed a webhook, or it failed for so long that it was switched off.

    Beside the hand-offs, which are read for the same ends: the audit trail, and mail to admins.
    """

    webhook_id: UUID
    status: WebhookChange
    user_id: UUID = Field(description="Who did it; the nil UUID for a key of nobody, or for us.")


class MessagePosted(Event, topic="conversations", name="message.posted"):
    """Somebody wrote to an agent, and an answer is being made."""

    message_id: UUID
    conversation_id: UUID
    agent_id: UUID


class AnswerCompleted(Event, topic="conversations", name="answer.completed"):
    """An answer is stored with its citations.

    Sent once an answer, however many attempts it took; read by analytics, whose ledger has one
    row for it.
    """

    answer_id: UUID
    conversation_id: UUID
    agent_id: UUID
    mode: AnswerMode = Field(description="Who found the words: a model, quotes, or nobody.")
    prompt_tokens: int = Field(ge=0, description="Of the attempt that ended in the answer.")
    completion_tokens: int = Field(ge=0, description="Of the attempt that ended in the answer.")
    cost_micros: int = Field(
        ge=0, description="Millionths of a US dollar, abandoned attempts included."
    )
    duration_ms: int = Field(ge=0, description="From the question to the stored answer.")
    citation_count: int = Field(ge=0)
    agent_version: int | None = Field(default=None, description="Of the agent that answered.")


class BudgetExhausted(Event, topic="conversations", name="budget.exhausted"):
    """Too little was left of a budget for a question; told once a budget and period.

    For whoever alerts people.
    """

    agent_id: UUID = Field(description="Whose question it was.")
    whole_company: bool = Field(description="It is the budget of all agents together.")
    period: Literal["day", "month"]
    unit: Literal["tokens", "micros"]
    amount: int = Field(ge=0, description="What was allowed, in that unit.")


class AnswerFailed(Event, topic="conversations", name="answer.failed"):
    """No answer could be given, for good; the tokens spent on trying are recorded."""

    answer_id: UUID
    conversation_id: UUID
    agent_id: UUID
    code: str = Field(description="The error's stable code.")
    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)
    cost_micros: int = Field(default=0, ge=0, description="Millionths of a US dollar.")


class MessageRated(Event, topic="conversations", name="message.rated"):
    """Somebody has rated an answer, or rated it anew; it is the aggregate.

    Read by analytics, which keeps the newest rating of each answer, and by agents, which add up
    what came of their versions.
    """

    message_id: UUID
    conversation_id: UUID
    agent_id: UUID
    rating: int = Field(ge=1, le=5)
    previous_rating: int | None = Field(default=None, description="What this one replaces.")
    rating_version: int = Field(ge=1, description="Counts the ratings of the answer.")
    agent_version: int | None = Field(default=None, description="Of the agent that answered.")

"""Agents as clients send and read them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

from pydantic import AliasChoices, Field

from libs.common.http import Page
from services.agents.domain.agents import PublicAgent, Status
from services.agents.domain.changes import AgentChange, SettingsChange
from services.agents.models import Agent
from services.agents.repositories.agent_reader import AgentCard
from services.agents.schemas.behaviour import Behaviour
from services.agents.schemas.common import (
    Input,
    JsonList,
    JsonObject,
    LongText,
    Name,
    Output,
    WebAddress,
)
from services.agents.schemas.settings import LlmFields, SettingsOut
from services.agents.use_cases.agent_views import AgentView
from services.agents.use_cases.get_agent_stats import AgentUsage
from services.agents.use_cases.get_embed_code import EmbedCode

_OWN_FIELDS = frozenset(AgentChange.__annotations__)
_NULLABLE = frozenset({"description", "avatar_url", "instructions"})


class AgentFields(LlmFields):
    """What can be set on an agent; LLM fields at the top level or under `settings`."""

    description: LongText | None = None
    avatar_url: WebAddress | None = None
    status: Status | None = None
    instructions: LongText | None = Field(
        default=None,
        validation_alias=AliasChoices("instructions", "system_prompt"),
        description="What the agent is told about how to answer; never shown to strangers.",
    )
    llm_settings_id: UUID | None = None
    personality_traits: JsonObject | None = None
    capabilities: JsonList | None = None
    operating_hours: JsonObject | None = None
    languages: JsonList | None = Field(default=None, examples=[["en", "German"]])
    behaviour: Behaviour | None = None
    fallback_settings_ids: Annotated[list[UUID], Field(max_length=3)] | None = Field(
        default=None,
        description="LLM settings whose chat models are asked in turn when the first is down.",
    )
    company_id: UUID | None = None
    settings: LlmFields | None = None

    def agent_change(self, *, creating: bool = False) -> AgentChange:
        """Return what was given for the agent itself."""
        given = self.model_dump(include=set(_OWN_FIELDS), exclude_unset=True, mode="python")
        kept = {
            name: value.value if isinstance(value, Status) else value
            for name, value in given.items()
            if value is not None or (name in _NULLABLE and not creating)
        }
        if self.behaviour is not None:
            kept["behaviour"] = self.behaviour.change()
        return cast("AgentChange", kept)

    def settings_change(self, *, creating: bool = False) -> SettingsChange:
        """Return what was given for its LLM settings; `settings` wins over the top level."""
        change = self.change(creating=creating)
        if self.settings is not None:
            change.update(self.settings.change(creating=creating))
        return change


class AgentIn(AgentFields):
    """A new agent; only the name is needed."""

    name: Name


class AgentPatch(AgentFields):
    """Changes to an agent; what is left out stays."""

    name: Name | None = None


class CloneIn(Input):
    """How a copy differs from its original."""

    name: Name | None = None
    llm_settings_id: UUID | None = None


class AgentOut(Output):
    """An agent as its own company sees it."""

    id: UUID
    company_id: UUID
    name: str
    description: str | None
    avatar_url: str | None
    status: str
    instructions: str | None
    llm_settings_id: UUID | None
    model_name: str | None
    temperature: float | None
    max_tokens: int | None
    capabilities: list[Any]
    languages: list[Any]
    personality_traits: dict[str, Any]
    operating_hours: dict[str, Any]
    behaviour: dict[str, Any]
    fallback_settings_ids: list[UUID]
    version: int
    live_version: int | None = Field(description="The number that its answers carry.")
    total_conversations: int
    total_messages: int
    average_rating: float = Field(description="Of 5; 0 without ratings.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, card: AgentCard) -> "AgentOut":
        """Show an agent."""
        return cls(
            id=card.id,
            company_id=card.tenant_id,
            name=card.name,
            description=card.description,
            avatar_url=card.avatar_url,
            status=card.status,
            instructions=card.instructions,
            llm_settings_id=card.llm_settings_id,
            model_name=card.model_name,
            temperature=card.temperature,
            max_tokens=card.max_tokens,
            capabilities=card.capabilities,
            languages=card.languages,
            personality_traits=card.personality_traits,
            operating_hours=card.operating_hours,
            behaviour=card.behaviour,
            fallback_settings_ids=card.fallback_settings_ids,
            version=card.version,
            live_version=card.live_version,
            total_conversations=card.total_conversations,
            total_messages=card.total_messages,
            average_rating=0.0,
            created_at=card.created_at,
            updated_at=card.updated_at,
        )


class AgentDetail(Output):
    """One agent under its resource's name, and its main fields again at the top."""

    agent: AgentOut
    id: UUID
    company_id: UUID
    name: str
    description: str | None
    avatar_url: str | None
    status: str
    model_name: str | None

    @classmethod
    def of(cls, card: AgentCard) -> "AgentDetail":
        """Show one agent."""
        return cls(
            agent=AgentOut.of(card),
            id=card.id,
            company_id=card.tenant_id,
            name=card.name,
            description=card.description,
            avatar_url=card.avatar_url,
            status=card.status,
            model_name=card.model_name,
        )


class PublicAgentOut(Output):
    """All that strangers see; `libs.common.contract.public` lists these fields."""

    id: UUID
    name: str
    description: str | None
    avatar_url: str | None
    company_id: UUID
    opening_message: str | None
    suggested_questions: list[str]


class PublicAgentDetail(PublicAgentOut):
    """The same fields, and again under the resource's name."""

    agent: PublicAgentOut

    @classmethod
    def of(cls, agent: PublicAgent) -> "PublicAgentDetail":
        """Show an agent to strangers."""
        fields: dict[str, Any] = {
            "id": agent.id,
            "name": agent.name,
            "description": agent.description,
            "avatar_url": agent.avatar_url,
            "company_id": agent.tenant_id,
            "opening_message": agent.opening_message,
            "suggested_questions": agent.suggested_questions,
        }
        return cls(**fields, agent=PublicAgentOut(**fields))


class AgentReply(AgentDetail):
    """An agent after a change, with the settings it uses and what should be known about them."""

    message: str
    settings: SettingsOut | None
    warnings: list[str]
    initiated_by: str | None = None

    @classmethod
    def of_change(
        cls, view: AgentView, *, message: str, initiated_by: str | None = None
    ) -> "AgentReply":
        """Show an agent after a change."""
        shown = AgentDetail.of(view.card)
        return cls(
            **dict(shown),
            message=message,
            settings=None if view.settings is None else SettingsOut.of(view.settings),
            warnings=[] if view.settings is None else view.settings.warnings,
            initiated_by=initiated_by,
        )


class AgentRestored(AgentDetail):
    """An agent that is back."""

    message: str

    @classmethod
    def of_card(cls, card: AgentCard, *, message: str) -> "AgentRestored":
        """Show it."""
        return cls(**dict(AgentDetail.of(card)), message=message)


class AgentDeleted(Output):
    """That an agent is gone, until it is restored."""

    message: str
    id: UUID
    agent_id: UUID
    initiated_by: str | None = None

    @classmethod
    def of(cls, agent: Agent, *, initiated_by: str | None = None) -> "AgentDeleted":
        """Say so."""
        return cls(
            message=f"The agent {agent.name!r} was deleted.",
            id=agent.id,
            agent_id=agent.id,
            initiated_by=initiated_by,
        )


class AgentList(Output):
    """A page of agents, under both names that clients look for."""

    agents: list[AgentOut]
    data: list[AgentOut]
    pagination: Page

    @classmethod
    def of(cls, cards: Sequence[AgentCard], *, pagination: Page) -> "AgentList":
        """Show a page."""
        shown = [AgentOut.of(card) for card in cards]
        return cls(agents=shown, data=shown, pagination=pagination)


class AgentStatsOut(Output):
    """How an agent is used."""

    agent_id: UUID
    agent_name: str
    status: str
    total_conversations: int
    active_conversations: int
    total_messages: int
    total_answers: int
    average_response_time_ms: float
    average_rating: float
    documents_count: int
    databases_count: int
    llm_provider: str | None
    llm_model: str | None
    last_trained: Annotated[
        datetime | None, Field(description="When the newest document was indexed.")
    ]

    @classmethod
    def of(cls, usage: AgentUsage) -> "AgentStatsOut":
        """Show it."""
        card, view = usage.card, usage.settings
        answers = card.total_answers
        return cls(
            agent_id=card.id,
            agent_name=card.name,
            status=card.status,
            total_conversations=card.total_conversations,
            active_conversations=card.active_conversations,
            total_messages=card.total_messages,
            total_answers=answers,
            average_response_time_ms=round(card.total_answer_ms / answers, 1) if answers else 0.0,
            average_rating=0.0,
            documents_count=usage.documents_count,
            databases_count=0,
            llm_provider=None if view is None else view.llm_provider.label,
            llm_model=None if view is None else view.llm_model.name,
            last_trained=usage.last_indexed_at,
        )


class EmbedCodeOut(Output):
    """Snippets that put the widget on a page."""

    embed_code: str
    simple: str
    advanced: str
    config: dict[str, str]
    preview_url: str
    agent_id: UUID
    agent_name: str

    @classmethod
    def of(cls, code: EmbedCode) -> "EmbedCodeOut":
        """Show them."""
        return cls(
            embed_code=code.simple,
            simple=code.simple,
            advanced=code.advanced,
            config=dict(code.config),
            preview_url=code.preview_url,
            agent_id=code.agent_id,
            agent_name=code.agent_name,
        )

"""Versions of agents as clients send and read them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from libs.common.http import Page
from services.agents.domain.versions import Difference, without_settings
from services.agents.models import Agent, AgentVersionStats
from services.agents.schemas.agents import AgentFields
from services.agents.schemas.common import Input, Name, Output, ShortText
from services.agents.use_cases.browse_versions import VersionView


class DraftIn(AgentFields):
    """What a draft changes; what is left out is as in the version it starts from."""

    name: Name | None = None
    based_on: int | None = Field(
        default=None,
        ge=1,
        le=2**31 - 1,
        description="A version's number; the live one unless given.",
    )
    note: ShortText | None = Field(default=None, description="What the version is for.")


class SplitIn(Input):
    """Which version answers a share of the conversations."""

    version: int = Field(ge=1, le=2**31 - 1)
    percent: int = Field(ge=0, le=100, description="Of the conversations; the rest is live's.")


class ResultsOut(Output):
    """What came of the questions that a version answered; it may lag by a moment."""

    answers: int
    generated: int = Field(description="Written by a chat model.")
    extractive: int = Field(description="Quotes, for want of a chat model.")
    refused: int = Field(description="The documents did not hold the answer.")
    refusal_rate: float = Field(description="Of all answers, 0 to 1.")
    citations_per_answer: float
    average_duration_ms: float = Field(description="From the question to the stored answer.")
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    ratings: int
    average_rating: float | None = Field(description="None without ratings.")

    @classmethod
    def of(cls, stats: AgentVersionStats | None) -> "ResultsOut":
        """Show them; a version that was never asked has zeros."""
        row = stats or AgentVersionStats()
        answers = row.answers or 0
        ratings = row.ratings or 0
        per_answer = 1 / answers if answers else 0.0
        return cls(
            answers=answers,
            generated=row.generated or 0,
            extractive=row.extractive or 0,
            refused=row.refused or 0,
            refusal_rate=round((row.refused or 0) * per_answer, 4),
            citations_per_answer=round((row.citations or 0) * per_answer, 3),
            average_duration_ms=round((row.duration_ms or 0) * per_answer, 1),
            prompt_tokens=row.prompt_tokens or 0,
            completion_tokens=row.completion_tokens or 0,
            cost_usd=(row.cost_micros or 0) / 1_000_000,
            ratings=ratings,
            average_rating=round((row.rating_sum or 0) / ratings, 2) if ratings else None,
        )


class VersionOut(Output):
    """A version without what it holds."""

    number: int
    action: str
    note: str | None
    is_live: bool
    is_draft: bool = Field(description="It has never been live.")
    split_percent: int = Field(description="Of the conversations, beside the live version.")
    created_at: datetime
    created_by_kind: str
    created_by: UUID | None
    published_at: datetime | None
    results: ResultsOut

    @classmethod
    def of(cls, view: VersionView) -> "VersionOut":
        """Show one."""
        version = view.version
        return cls(
            number=version.number,
            action=version.action,
            note=version.note,
            is_live=view.is_live,
            is_draft=view.published_at is None,
            split_percent=view.split_percent,
            created_at=version.created_at,
            created_by_kind=version.created_by_kind,
            created_by=version.created_by,
            published_at=view.published_at,
            results=ResultsOut.of(view.stats),
        )


class VersionDetail(VersionOut):
    """A version with all it holds; `settings` only for who may read settings."""

    agent: dict[str, Any]
    settings: dict[str, Any] | None
    warnings: list[str]

    @classmethod
    def of_view(cls, view: VersionView, *, with_settings: bool) -> "VersionDetail":
        """Show one."""
        content = view.version.content
        shown = content if with_settings else without_settings(content)
        return cls(
            **dict(VersionOut.of(view)),
            agent=shown["agent"],
            settings=shown["settings"],
            warnings=list(view.notes),
        )


class VersionReply(VersionDetail):
    """A version after it was made or published."""

    message: str


class VersionList(Output):
    """A page of versions, newest first."""

    versions: list[VersionOut]
    data: list[VersionOut]
    pagination: Page

    @classmethod
    def of(cls, views: Sequence[VersionView], *, pagination: Page) -> "VersionList":
        """Show a page."""
        shown = [VersionOut.of(view) for view in views]
        return cls(versions=shown, data=shown, pagination=pagination)


class ChangeOut(Output):
    """One field that changed."""

    field: str
    before: Any
    after: Any


class DiffOut(Output):
    """What changes from one version to another."""

    before: int
    after: int
    changes: list[ChangeOut]

    @classmethod
    def of(
        cls, before: int, after: int, changes: Sequence[Difference], *, with_settings: bool
    ) -> "DiffOut":
        """Show it."""
        shown = [one for one in changes if with_settings or not one.field.startswith("settings.")]
        return cls(
            before=before,
            after=after,
            changes=[
                ChangeOut(field=one.field, before=one.before, after=one.after) for one in shown
            ],
        )


class ArmOut(Output):
    """One side of a split."""

    version: int
    percent: int
    results: ResultsOut


class SplitOut(Output):
    """Who answers an agent's conversations, and what came of it, side by side."""

    agent_id: UUID
    live: ArmOut
    candidate: ArmOut | None

    @classmethod
    def of(cls, agent: Agent, stats: Mapping[int, AgentVersionStats]) -> "SplitOut":
        """Show it."""
        live, candidate = agent.live_version or 1, agent.split_version
        return cls(
            agent_id=agent.id,
            live=ArmOut(
                version=live,
                percent=100 - agent.split_percent,
                results=ResultsOut.of(stats.get(live)),
            ),
            candidate=None
            if candidate is None
            else ArmOut(
                version=candidate,
                percent=agent.split_percent,
                results=ResultsOut.of(stats.get(candidate)),
            ),
        )

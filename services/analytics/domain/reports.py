"""Reports, as use cases return them: rows of sums, not yet in anybody's shape."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.analytics.domain.periods import Period

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """What a tenant has, and what happened lately."""

    totals: Row
    documents: Sequence[Row]
    answers: Row
    activity: Sequence[Row]
    uploads: Sequence[Row]
    top_agents: Sequence[Row]
    top_conversations: Sequence[Row]
    generated_at: datetime


@dataclass(frozen=True, kw_only=True)
class AgentReport:
    """One agent in one period."""

    agent: Row
    answers: Row
    activity: Sequence[Row]
    period: Period


@dataclass(frozen=True, kw_only=True)
class ConversationReport:
    """One conversation from its beginning."""

    conversation: Row
    answers: Row
    activity: Sequence[Row]


@dataclass(frozen=True, kw_only=True)
class UsageReport:
    """What a tenant used in one period."""

    totals: Row
    documents: Sequence[Row]
    answers: Row
    calls: Row
    endpoints: Sequence[Row]
    call_trend: Sequence[Row]
    activity: Sequence[Row]
    period: Period


@dataclass(frozen=True, kw_only=True)
class Export:
    """Records of one kind in one period; `complete` is False when there were too many."""

    kind: str
    records: Sequence[Row]
    complete: bool
    period: Period

"""The API's shapes of dashboards and reports, with the names that published clients read."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from services.analytics.domain.periods import Period
from services.analytics.domain.reports import AgentReport, ConversationReport, Dashboard, Row

Body = dict[str, Any]


class ExportIn(BaseModel):
    """What to export."""

    type: Literal["conversations", "leads", "agents", "usage"]
    format: Literal["json", "csv"]
    start_date: str | None = Field(default=None, description="ISO 8601; default 30 days ago.")
    end_date: str | None = Field(default=None, description="ISO 8601; default now.")


def dashboard_body(dashboard: Dashboard) -> Body:
    """Shape a dashboard. Nobody rates answers yet and leads are not kept: those count zero."""
    totals = dashboard.totals
    return {
        "core_metrics": {
            "scope": "company",
            "conversation_count": totals["conversations"],
            "document_count": sum(row["documents"] for row in dashboard.documents),
            "lead_count": 0,
            "agent_count": totals["agents"],
            "total_users": totals["users"],
            "connection_count": 0,
        },
        "conversation_analytics": {
            "conversation_status": {
                "active": totals["conversations"],
                "deleted": totals["deleted_conversations"],
            },
            "lead_engagement": {},
            "message_analytics": message_analytics(totals["questions"], dashboard.answers),
            "message_roles": message_roles(totals["questions"], dashboard.answers),
            "activity_timeline": timeline(dashboard.activity),
            "top_conversations": [
                {
                    "id": row["conversation_id"],
                    "agent_id": row["agent_id"],
                    "message_count": row["messages"],
                    "last_activity": row["last_activity"],
                }
                for row in dashboard.top_conversations
            ],
        },
        "agent_analytics": {
            "agent_status_distribution": {
                "active": totals["agents"],
                "deleted": totals["deleted_agents"],
            },
            "top_performing_agents": [
                {
                    "id": row["agent_id"],
                    "total_messages": row["answers"],
                    "average_processing_time": seconds(row["average_ms"]),
                    "total_tokens": row["tokens"],
                }
                for row in dashboard.top_agents
            ],
        },
        "lead_analytics": {"lead_status_distribution": {}, "lead_sources": {}},
        "document_analytics": {
            "storage_analytics": storage(dashboard.documents),
            "processing_status": {row["state"]: row["documents"] for row in dashboard.documents},
            "daily_uploads": [
                {"date": row["at"].date().isoformat(), "count": row["documents"]}
                for row in dashboard.uploads
            ],
        },
        "generated_at": dashboard.generated_at,
    }


def agent_report_body(report: AgentReport) -> Body:
    """Shape a report on an agent."""
    agent, answers = report.agent, report.answers
    answered = answers["answers"]
    return {
        "agent_info": {
            "id": agent["id"],
            "created_at": agent["created_at"],
            "status": "deleted" if agent["deleted_at"] else "active",
            "documents_count": agent["documents"],
        },
        "conversation_metrics": {"total_conversations": agent["conversations"]},
        "message_metrics": message_analytics(agent["questions"], answers),
        "performance_metrics": {
            "average_response_time": seconds(answers["average_ms"]),
            "failed_answers": answers["failed"],
        },
        "quality_metrics": {
            "average_rating": answers["average_rating"],
            "rated_messages": answers["rated"],
            "citations_per_answer": ratio(answers["citations"], answered),
            "refusal_rate_percent": 100 * ratio(answers["refused"], answered),
        },
        "conversion_metrics": {},
        "token_usage": token_usage(answers),
        "top_sources": [],
        "activity_trend": timeline(report.activity),
        "date_range": date_range(report.period),
    }


def conversation_report_body(report: ConversationReport) -> Body:
    """Shape a report on a conversation."""
    conversation = report.conversation
    return {
        "conversation_id": conversation["id"],
        "agent_id": conversation["agent_id"],
        "started_at": conversation["started_at"],
        "message_analytics": message_analytics(conversation["questions"], report.answers),
        "message_roles": message_roles(conversation["questions"], report.answers),
        "activity_timeline": timeline(report.activity),
        "lead_engagement": {},
    }


def message_analytics(questions: int, answers: Row) -> Body:
    """Shape what is known of messages."""
    tokens = answers["prompt_tokens"] + answers["completion_tokens"]
    return {
        "total_messages": questions + answers["answers"],
        "average_processing_time": seconds(answers["average_ms"]),
        "average_confidence_score": 0.0,
        "average_rating": answers["average_rating"],
        "rated_messages": answers["rated"],
        "average_tokens_per_message": ratio(tokens, answers["answers"]),
        "total_tokens": tokens,
    }


def message_roles(questions: int, answers: Row) -> Body:
    """Shape who wrote how much."""
    return {"user": questions, "assistant": answers["answers"]}


def token_usage(answers: Row) -> Body:
    """Shape tokens and cost."""
    return {
        "prompt_tokens": answers["prompt_tokens"],
        "completion_tokens": answers["completion_tokens"],
        "total_tokens": answers["prompt_tokens"] + answers["completion_tokens"],
        "cost_usd": answers["cost_micros"] / 1_000_000,
    }


def timeline(activity: Sequence[Row]) -> list[Body]:
    """Shape activity by hour or day."""
    return [
        {
            "date": row["at"].isoformat(),
            "message_count": row["questions"] + row["answers"],
            "questions": row["questions"],
            "answers": row["answers"],
            "tokens": row["tokens"],
        }
        for row in activity
    ]


def storage(documents: Sequence[Row]) -> Body:
    """Shape how much is stored."""
    return {
        "total_documents": sum(row["documents"] for row in documents),
        "total_size_bytes": sum(row["size_bytes"] for row in documents),
        "total_chunks": sum(row["passages"] for row in documents),
        "total_pages": sum(row["pages"] for row in documents),
        "embedding_tokens": sum(row["tokens"] for row in documents),
    }


def date_range(period: Period) -> Body:
    """Shape a period."""
    return {"start_date": period.start.isoformat(), "end_date": period.end.isoformat()}


def seconds(milliseconds: float) -> float:
    """Return milliseconds as seconds, to the millisecond."""
    return round(milliseconds / 1000, 3)


def ratio(part: int, whole: int) -> float:
    """Return a share; 0 of nothing."""
    return round(part / whole, 3) if whole else 0.0

"""Dashboards, reports on agents and conversations, and exports."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from libs.common.database.models import utc_now
from libs.common.http import errors
from services.analytics.domain.errors import (
    AgentNotFound,
    ConversationNotFound,
    InvalidDateRange,
    LeadsNotAvailable,
)
from services.analytics.domain.periods import Period
from services.analytics.endpoints.access import AskedPeriod, ReadAnalytics
from services.analytics.schemas.analytics import (
    ExportIn,
    agent_report_body,
    conversation_report_body,
    dashboard_body,
)
from services.analytics.schemas.exports import export_body, export_csv

router = APIRouter(prefix="/api/v1/analytic", tags=["analytics"])


@router.get("/dashboard")
async def show_dashboard(use: ReadAnalytics) -> dict[str, Any]:
    """Return what the company has, and its last thirty days."""
    return dashboard_body(await use.show_dashboard(now=utc_now()))


@router.get("/agent/{agent_id}", responses=errors(AgentNotFound, InvalidDateRange))
async def report_agent(agent_id: UUID, use: ReadAnalytics, period: AskedPeriod) -> dict[str, Any]:
    """Return how an agent did in a period."""
    return agent_report_body(await use.report_agent(agent_id, period=period))


@router.get("/conversation/{conversation_id}", responses=errors(ConversationNotFound))
async def report_conversation(conversation_id: UUID, use: ReadAnalytics) -> dict[str, Any]:
    """Return how a conversation went."""
    return conversation_report_body(await use.report_conversation(conversation_id, now=utc_now()))


@router.post("/export", response_model=None, responses=errors(InvalidDateRange, LeadsNotAvailable))
async def export_records(body: ExportIn, use: ReadAnalytics) -> dict[str, Any] | Response:
    """Return records as JSON, or as a CSV file; at most 50,000 of them."""
    period = Period.between(body.start_date, body.end_date, now=utc_now())
    if body.type == "leads":
        raise LeadsNotAvailable
    export = await use.export_records(body.type, period=period)
    if body.format == "csv":
        name = f"{body.type}-{period.start:%Y-%m-%d}-{period.end:%Y-%m-%d}.csv"
        return Response(
            export_csv(export),
            media_type="text/csv",
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )
    return export_body(export)

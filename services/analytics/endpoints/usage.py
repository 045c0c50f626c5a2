"""What a company used: calls of the API, tokens, storage."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from libs.common.database.models import utc_now
from libs.common.http import errors
from services.analytics.domain.errors import InvalidDateRange
from services.analytics.domain.periods import MAX_DAYS, Period
from services.analytics.endpoints.access import AskedPeriod, ReadAnalytics, ReadUsage
from services.analytics.schemas.usage import overview_body, trends_body, usage_body

router = APIRouter(prefix="/api/v1", tags=["usage"])

Days = Annotated[int, Query(ge=1, le=MAX_DAYS)]


@router.get("/analytic/usage", responses=errors(InvalidDateRange))
async def report_usage(use: ReadAnalytics, period: AskedPeriod) -> dict[str, Any]:
    """Return calls, tokens and storage in a period."""
    return usage_body(await use.report_usage(period=period))


@router.get("/overview")
async def show_overview(use: ReadUsage, days: Days = 30) -> dict[str, Any]:
    """Return the company's API keys and calls in the last days."""
    period = Period.last_days(days, now=utc_now())
    return overview_body(await use.report_usage(period=period), days=days)


@router.get("/usage-trends")
async def show_usage_trends(
    use: ReadUsage, days: Days = 30, granularity: Literal["daily", "hourly"] = "daily"
) -> dict[str, Any]:
    """Return calls and tokens by day or hour."""
    period = Period.last_days(days, now=utc_now())
    step: Literal["hour", "day"] = "hour" if granularity == "hourly" else "day"
    return trends_body(await use.report_usage(period=period, step=step))

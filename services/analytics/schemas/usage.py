"""The API's shapes of usage."""

from typing import Any

from services.analytics.domain.reports import UsageReport
from services.analytics.schemas.analytics import date_range, ratio, storage, timeline, token_usage

Body = dict[str, Any]


def usage_body(report: UsageReport) -> Body:
    """Shape a usage report."""
    return {
        "agent_usage": {
            "total_answers": report.answers["answers"],
            "generated": report.answers["generated"],
            "extractive": report.answers["extractive"],
            "refused": report.answers["refused"],
            "failed": report.answers["failed"],
            "active_agents": report.totals["agents"],
        },
        "api_usage": _api_usage(report),
        "storage_usage": storage(report.documents),
        "token_usage": token_usage(report.answers),
        "endpoint_usage": list(report.endpoints),
        "top_client_ips": [],
        "daily_usage_trend": [
            {
                "date": row["at"].date().isoformat(),
                "call_count": row["calls"],
                "error_count": row["errors"],
            }
            for row in report.call_trend
        ],
        "date_range": date_range(report.period),
    }


def overview_body(report: UsageReport, *, days: int) -> Body:
    """Shape an overview."""
    data = {
        "api_keys": {"active": report.totals["api_keys"]},
        "usage": _api_usage(report) | {"tokens": token_usage(report.answers)},
        "period_days": days,
    }
    return {"success": True, "data": data}


def trends_body(report: UsageReport) -> Body:
    """Shape trends of calls and answers."""
    trends = [
        {"date": row["at"].isoformat(), "call_count": row["calls"], "error_count": row["errors"]}
        for row in report.call_trend
    ]
    return {"success": True, "data": {"trends": trends, "activity": timeline(report.activity)}}


def _api_usage(report: UsageReport) -> Body:
    calls, failed = report.calls["calls"], report.calls["errors"]
    return {
        "total_api_calls": calls,
        "success_count": calls - failed,
        "error_count": failed,
        "error_rate_percent": round(100 * failed / calls, 2) if calls else 0.0,
        "active_api_keys": report.totals["api_keys"],
        "avg_response_time_ms": ratio(report.calls["duration_ms"], calls),
    }

"""The routes that analytics owns: dashboards, usage and system metrics."""

from typing import Final

from libs.common.contract.routes import BUILT, PLANNED, Auth, Route

OWNER: Final = "analytics"

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/api/v1/admin/metrics", OWNER, Auth.ADMIN, PLANNED),
    Route("GET", "/api/v1/admin/system-metric", OWNER, Auth.ADMIN, PLANNED),
    Route("GET", "/api/v1/analytic/agent/{agent_id}", OWNER, Auth.READ, BUILT),
    Route("GET", "/api/v1/analytic/agent/{agent_id}/company-comparison", OWNER, Auth.READ, PLANNED),
    Route(
        "GET", "/api/v1/analytic/agent/{agent_id}/performance-comparison", OWNER, Auth.READ, PLANNED
    ),
    Route("GET", "/api/v1/analytic/agent/{agent_id}/quality-metrics", OWNER, Auth.READ, PLANNED),
    Route("GET", "/api/v1/analytic/agent/{agent_id}/trending-topics", OWNER, Auth.READ, PLANNED),
    Route("GET", "/api/v1/analytic/agent/{agent_id}/usage", OWNER, Auth.READ, PLANNED),
    Route("GET", "/api/v1/analytic/conversation/{conversation_id}", OWNER, Auth.READ, BUILT),
    Route("GET", "/api/v1/analytic/dashboard", OWNER, Auth.READ, BUILT),
    Route("POST", "/api/v1/analytic/export", OWNER, Auth.READ, BUILT),
    Route("GET", "/api/v1/analytic/leads", OWNER, Auth.READ, PLANNED),
    Route("GET", "/api/v1/analytic/usage", OWNER, Auth.READ, BUILT),
    Route("GET", "/api/v1/api-key-performance", OWNER, Auth.USAGE, PLANNED),
    Route("GET", "/api/v1/detailed-usage/{key_id}", OWNER, Auth.USAGE, PLANNED),
    Route("GET", "/api/v1/error-analysis", OWNER, Auth.USAGE, PLANNED),
    Route("GET", "/api/v1/metrics", OWNER, Auth.ADMIN, PLANNED),
    Route("GET", "/api/v1/overview", OWNER, Auth.USAGE, BUILT),
    Route("GET", "/api/v1/rate-limit-analysis", OWNER, Auth.USAGE, PLANNED),
    Route("GET", "/api/v1/super-admin/analytics/activity-trends", OWNER, Auth.SUPER_ADMIN, PLANNED),
    Route(
        "GET",
        "/api/v1/super-admin/analytics/agent-performance-trends",
        OWNER,
        Auth.SUPER_ADMIN,
        PLANNED,
    ),
    Route("GET", "/api/v1/super-admin/analytics/change-tracking", OWNER, Auth.SUPER_ADMIN, PLANNED),
    Route(
        "GET", "/api/v1/super-admin/analytics/company-performance", OWNER, Auth.SUPER_ADMIN, PLANNED
    ),
    Route("GET", "/api/v1/super-admin/analytics/comparative", OWNER, Auth.SUPER_ADMIN, PLANNED),
    Route("GET", "/api/v1/super-admin/analytics/conversations", OWNER, Auth.SUPER_ADMIN, PLANNED),
    Route("GET", "/api/v1/super-admin/analytics/documents", OWNER, Auth.SUPER_ADMIN, PLANNED),
    Route("GET", "/api/v1/super-admin/analytics/retention", OWNER, Auth.SUPER_ADMIN, PLANNED),
    Route("GET", "/api/v1/super-admin/analytics/system-health", OWNER, Auth.SUPER_ADMIN, PLANNED),
    Route("GET", "/api/v1/super-admin/analytics/usage-metrics", OWNER, Auth.SUPER_ADMIN, PLANNED),
    Route("GET", "/api/v1/super-admin/analytics/user-engagement", OWNER, Auth.SUPER_ADMIN, PLANNED),
    Route("GET", "/api/v1/super-admin/analytics/user-growth", OWNER, Auth.SUPER_ADMIN, PLANNED),
    Route(
        "GET",
        "/api/v1/super-admin/companies/{company_id}/analytics",
        OWNER,
        Auth.SUPER_ADMIN,
        PLANNED,
    ),
    Route(
        "GET",
        "/api/v1/super-admin/company/{company_id}/system-metric",
        OWNER,
        Auth.SUPER_ADMIN,
        PLANNED,
    ),
    Route("GET", "/api/v1/super-admin/metrics/agents", OWNER, Auth.SUPER_ADMIN, PLANNED),
    Route("GET", "/api/v1/super-admin/metrics/companies", OWNER, Auth.SUPER_ADMIN, PLANNED),
    Route("GET", "/api/v1/super-admin/metrics/overview", OWNER, Auth.SUPER_ADMIN, PLANNED),
    Route("GET", "/api/v1/super-admin/metrics/storage", OWNER, Auth.SUPER_ADMIN, PLANNED),
    Route("GET", "/api/v1/system/metrics", OWNER, Auth.ADMIN, PLANNED),
    Route("POST", "/api/v1/system-metric", OWNER, Auth.WRITE, PLANNED),
    Route("GET", "/api/v1/tasks/{task_id}/status", OWNER, Auth.PUBLIC, BUILT),
    Route("GET", "/api/v1/top-endpoints", OWNER, Auth.USAGE, PLANNED),
    Route("GET", "/api/v1/usage-trends", OWNER, Auth.USAGE, BUILT),
)

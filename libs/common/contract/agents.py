"""The routes that agents owns: agents, LLM settings, providers and models, the widget."""

from typing import Final

from libs.common.contract.routes import BUILT, PLANNED, Auth, Route
from libs.common.permissions import Scope

OWNER: Final = "agents"

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/api/v1/agent", OWNER, Auth.READ, BUILT),
    Route("POST", "/api/v1/agent", OWNER, Auth.WRITE, BUILT),
    Route("GET", "/api/v1/agent/by-name/{name}", OWNER, Auth.READ, BUILT),
    Route("GET", "/api/v1/agent/{agent_id}", OWNER, Auth.PUBLIC, BUILT),
    Route("PUT", "/api/v1/agent/{agent_id}", OWNER, Auth.WRITE, BUILT),
    Route("DELETE", "/api/v1/agent/{agent_id}", OWNER, Auth.WRITE, BUILT),
    Route("POST", "/api/v1/agent/{agent_id}/clone", OWNER, Auth.WRITE, BUILT),
    Route("GET", "/api/v1/agent/{agent_id}/embed-code", OWNER, Auth.READ, BUILT),
    Route("PATCH", "/api/v1/agent/{agent_id}/restore", OWNER, Auth.WRITE, BUILT),
    Route("GET", "/api/v1/agent/{agent_id}/sites", OWNER, Auth.READ, BUILT),
    Route("PUT", "/api/v1/agent/{agent_id}/sites", OWNER, Auth.WRITE, BUILT),
    Route("GET", "/api/v1/agent/{agent_id}/split", OWNER, Auth.READ, BUILT),
    Route("PUT", "/api/v1/agent/{agent_id}/split", OWNER, Auth.WRITE, BUILT),
    Route(
        "DELETE",
        "/api/v1/agent/{agent_id}/split",
        OWNER,
        Auth.WRITE,
        BUILT,
        asks=Scope.AGENTS_UPDATE,
    ),
    Route("GET", "/api/v1/agent/{agent_id}/stats", OWNER, Auth.READ, BUILT),
    Route("GET", "/api/v1/agent/{agent_id}/version", OWNER, Auth.READ, BUILT),
    Route("POST", "/api/v1/agent/{agent_id}/version", OWNER, Auth.WRITE, BUILT),
    Route("GET", "/api/v1/agent/{agent_id}/version/{number}", OWNER, Auth.READ, BUILT),
    Route("GET", "/api/v1/agent/{agent_id}/version/{number}/diff", OWNER, Auth.READ, BUILT),
    Route(
        "POST",
        "/api/v1/agent/{agent_id}/version/{number}/publish",
        OWNER,
        Auth.WRITE,
        BUILT,
        asks=Scope.AGENTS_UPDATE,
    ),
    Route("GET", "/api/v1/providers", OWNER, Auth.READ, BUILT),
    Route("POST", "/api/v1/providers", OWNER, Auth.WRITE, BUILT),
    Route("POST", "/api/v1/providers/bulk-import", OWNER, Auth.WRITE, BUILT),
    Route("GET", "/api/v1/providers/{provider_id}", OWNER, Auth.READ, BUILT),
    Route("PUT", "/api/v1/providers/{provider_id}", OWNER, Auth.WRITE, BUILT),
    Route("DELETE", "/api/v1/providers/{provider_id}", OWNER, Auth.WRITE, BUILT),
    Route("GET", "/api/v1/providers/{provider_id}/models", OWNER, Auth.READ, BUILT),
    Route("POST", "/api/v1/providers/{provider_id}/models", OWNER, Auth.WRITE, BUILT),
    Route("GET", "/api/v1/providers/{provider_id}/models/{model_id}", OWNER, Auth.READ, BUILT),
    Route("PUT", "/api/v1/providers/{provider_id}/models/{model_id}", OWNER, Auth.WRITE, BUILT),
    Route("DELETE", "/api/v1/providers/{provider_id}/models/{model_id}", OWNER, Auth.WRITE, BUILT),
    Route("POST", "/api/v1/sdk/agent", OWNER, Auth.WRITE, BUILT),
    Route("PUT", "/api/v1/sdk/agent/{agent_id}", OWNER, Auth.WRITE, BUILT),
    Route("DELETE", "/api/v1/sdk/agent/{agent_id}", OWNER, Auth.WRITE, BUILT),
    Route("POST", "/api/v1/sdk/settings", OWNER, Auth.WRITE, BUILT),
    Route("POST", "/api/v1/settings", OWNER, Auth.WRITE, BUILT),
    Route("GET", "/api/v1/settings/agent/{agent_id}", OWNER, Auth.READ, BUILT),
    Route("GET", "/api/v1/settings/company/{company_id}", OWNER, Auth.READ, BUILT),
    Route("GET", "/api/v1/settings/providers", OWNER, Auth.READ, BUILT),
    Route("POST", "/api/v1/settings/providers/seed", OWNER, Auth.WRITE, BUILT),
    Route("POST", "/api/v1/settings/test/{settings_id}", OWNER, Auth.WRITE, BUILT),
    Route("GET", "/api/v1/settings/{settings_id}", OWNER, Auth.READ, BUILT),
    Route("PUT", "/api/v1/settings/{settings_id}", OWNER, Auth.WRITE, BUILT),
    Route("DELETE", "/api/v1/settings/{settings_id}", OWNER, Auth.WRITE, BUILT),
    Route("PATCH", "/api/v1/super-admin/agents/{agent_id}", OWNER, Auth.SUPER_ADMIN, PLANNED),
    Route(
        "GET", "/api/v1/super-admin/companies/{company_id}/agents", OWNER, Auth.SUPER_ADMIN, PLANNED
    ),
    Route("GET", "/api/v1/tasks/{task_id}/status", OWNER, Auth.PUBLIC, BUILT),
    Route("GET", "/api/v1/test", OWNER, Auth.PUBLIC, BUILT),
    Route("POST", "/api/v1/test", OWNER, Auth.PUBLIC, BUILT),
    Route("GET", "/api/v1/widget.js", OWNER, Auth.PUBLIC, BUILT),
)

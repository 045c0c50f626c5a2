"""The route table: every path of the API, who owns it, who may call it, and whether it stands.

One table, read by all who must agree on it: services (501 for what is planned), the gateway and
the manifests (which path goes where), the docs, and the tests that walk every route.
"""

from typing import Final

from libs.common.contract import agents, analytics, auth, conversations, documents
from libs.common.contract.public import PUBLIC_ROUTES
from libs.common.contract.routes import (
    API_PREFIX,
    BUILT,
    MIRROR_PREFIX,
    PLANNED,
    Alias,
    Auth,
    Route,
    State,
    is_parameter,
    shape_of,
)

OWNERS: Final = ("auth", "agents", "conversations", "documents", "analytics")

# In the order in which a gateway should try them: literal segments before parameters.
ALL_ROUTES: Final[tuple[Route, ...]] = tuple(
    sorted(
        (
            *auth.ROUTES,
            *agents.ROUTES,
            *conversations.ROUTES,
            *documents.ROUTES,
            *analytics.ROUTES,
        ),
        key=lambda route: route.sort_key,
    )
)

# Each service answers for its own tasks; the first hex digit of the id names the service
# (`libs.common.ids.service_of_task`), so this is the one path with several owners.
TASK_STATUS_PATH: Final = f"{API_PREFIX}/tasks/{{task_id}}/status"

# The exact ones win over the mirror, and routes that are served under /v1 as they are
# (/v1/chat/completions, /v1/models) win over both.
ALIASES: Final[tuple[Alias, ...]] = (
    Alias("/health", f"{API_PREFIX}/health"),
    Alias("/api/health", f"{API_PREFIX}/health"),
    Alias("/widget.js", f"{API_PREFIX}/widget.js"),
    Alias("/api/widget.js", f"{API_PREFIX}/widget.js"),
    Alias("/test", f"{API_PREFIX}/test"),
    Alias("/tasks/", f"{API_PREFIX}/tasks/"),
    Alias(f"{MIRROR_PREFIX}/", f"{API_PREFIX}/"),
)

__all__ = [
    "ALIASES",
    "ALL_ROUTES",
    "API_PREFIX",
    "BUILT",
    "MIRROR_PREFIX",
    "OWNERS",
    "PLANNED",
    "PUBLIC_ROUTES",
    "TASK_STATUS_PATH",
    "Alias",
    "Auth",
    "Route",
    "State",
    "find_route",
    "is_parameter",
    "routes_of",
    "shape_of",
]


def routes_of(owner: str) -> tuple[Route, ...]:
    """Return the routes of one service, literal paths before those with parameters."""
    return tuple(route for route in ALL_ROUTES if route.owner == owner)


def find_route(method: str, path: str, *, owner: str | None = None) -> Route | None:
    """Return the route that serves a concrete path, the most literal one first."""
    for route in ALL_ROUTES:
        if route.method == method and owner in (None, route.owner) and route.matches(path):
            return route
    return None

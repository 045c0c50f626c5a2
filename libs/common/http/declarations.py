"""An application's routes held against the route table before it serves any of them.

The table's row says who may call a route and what for; the endpoint gets its use cases through a
dependency that enforces just that. Where the two do not fit together, the process does not start.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute

from libs.common.contract import OWNERS, Auth, Route, routes_of, shape_of
from libs.common.http.access import Anonymous, CallerWith, InternalCaller, access_of
from libs.common.permissions import Scope
from libs.common.security import CallerKind

if TYPE_CHECKING:
    from libs.common.http.access import Access

# What an installation brings along rather than the API: the description and the page to read it on.
_FILES: Final = ("/api/openapi.json", "/api/docs")
_LEADS: Final = frozenset({Auth.READ_OR_LEAD, Auth.WRITE_OR_LEAD})
_SILENT: Final = "it does not declare who may call it (libs.common.http.access)"
_PEOPLE_ONLY: Final = frozenset({Auth.USER, Auth.ADMIN_USER})


class UndeclaredRoute(RuntimeError):
    """A route says nothing about who may call it, or not what its row in the table says."""


def check_declarations(service: str, routes: Sequence[BaseRoute]) -> None:
    """Make sure that every route of a service is declared once, in its row of the route table.

    Raises:
        UndeclaredRoute: Some are not; names all of them.
    """
    problems = list(_problems(service, routes))
    if problems:
        raise UndeclaredRoute(f"{service} does not start:\n  " + "\n  ".join(problems))


def permissions_of(service: str) -> dict[tuple[str, str], Scope]:
    """Return what a service's rows ask of callers, by method and shape of the path."""
    return {
        (row.method, row.shape): row.permission
        for row in routes_of(service)
        if row.permission is not None
    }


def _problems(service: str, routes: Sequence[BaseRoute]) -> Iterator[str]:
    rows = {(row.method, row.shape): row for row in routes_of(service)}
    for context in iter_route_contexts(routes):
        if not isinstance(context.original_route, APIRoute) or context.path is None:
            continue
        access = access_of(context.dependant)
        for method in sorted(context.methods or ()):
            if service not in OWNERS or context.path.startswith(_FILES):
                problem = None if access is not None else _SILENT
            else:
                problem = _problem(access, rows.get((method, shape_of(context.path))))
            if problem is not None:
                yield f"{method} {context.path}: {problem}"


def _problem(access: "Access | None", row: Route | None) -> str | None:
    if access is None:
        return _SILENT
    if isinstance(access, InternalCaller):
        return None
    if row is None:
        return "it has no row in libs/common/contract"
    if isinstance(access, Anonymous):
        return None if row.permission is None or not row.is_built else "its row wants a caller"
    return _disagreement(access, row)


def _disagreement(access: CallerWith, row: Route) -> str | None:
    if row.permission is None:
        return "its row lets in everybody"
    if access.scope.resource != row.permission.resource:
        return f"its row asks for {row.permission}, the endpoint for {access.scope}"
    if (CallerKind.LEAD in access.kinds) != (row.auth in _LEADS):
        return "its row and the endpoint do not agree on leads"
    if CallerKind.API_KEY in access.kinds and row.auth in _PEOPLE_ONLY:
        return "its row is for people, the endpoint lets API keys in"
    return None

"""Finding a request's route by its path's segments.

FastAPI tries the routes one after another, and included routers twice: 0.25 ms for the sixtieth
of them. The index finds it in microseconds, before the middleware that needs to know the route
(its template, its body limit, its rate classes). It stands first among the app's routes and hands
requests to FastAPI's own handlers; what it does not know (mounts, `{path:path}`) is left to the
router as usual.

Where a literal and a parameter both fit, the literal wins, whatever the order of declaration.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from libs.common.contract import shape_of
from libs.common.permissions import Scope as Permission

FOUND_KEY: Final = "knowrithm.route"


@dataclass(frozen=True, slots=True)
class IndexedRoute:
    """One route and one method of it."""

    template: str
    parameters: tuple[str, ...]
    app: ASGIApp
    original: BaseRoute
    dependant: Dependant
    max_body_bytes: int | None
    rate_classes: tuple[str, ...]
    permission: Permission | None
    """What the route table says that the caller must be allowed to do."""


@dataclass(slots=True)
class _Node:
    literals: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    methods: dict[str, IndexedRoute] = field(default_factory=dict)


class RouteIndex(BaseRoute):
    """Finds routes by path, and serves what was found."""

    def __init__(self) -> None:
        self._root = _Node()

    def build(
        self,
        routes: Sequence[BaseRoute],
        *,
        permissions: Mapping[tuple[str, str], Permission],
        rate_classes_of: Callable[[Dependant], tuple[str, ...]],
    ) -> None:
        """Index all plain routes of an app, those of included routers too.

        Args:
            routes: The app's.
            permissions: What the route table asks for, by method and shape of the path.
            rate_classes_of: Tells which rate classes a route has declared.
        """
        self._root = _Node()
        for context in iter_route_contexts(routes):
            if not isinstance(context.original_route, APIRoute) or context.path is None:
                continue
            segments = context.path.split("/")
            if not all(_is_plain(segment) for segment in segments):
                continue
            node = self._root
            parameters = []
            for segment in segments:
                if segment.startswith("{"):
                    parameters.append(segment[1:-1])
                    node.parameter = node.parameter or _Node()
                    node = node.parameter
                else:
                    node = node.literals.setdefault(segment, _Node())
            shape = shape_of(context.path)
            for method in context.methods or ():
                indexed = IndexedRoute(
                    template=context.path,
                    parameters=tuple(parameters),
                    app=context.app,
                    original=context.original_route,
                    dependant=context.dependant,
                    max_body_bytes=context.max_body_size,
                    rate_classes=rate_classes_of(context.dependant),
                    permission=permissions.get((method, shape)),
                )
                node.methods.setdefault(method, indexed)

    def find(self, method: str, path: str) -> tuple[IndexedRoute, dict[str, str]] | None:
        """Return the route for a path, and the values of its parameters."""
        segments = path.split("/")
        if len(segments) > 2 and not segments[-1]:
            segments.pop()
        values: list[str] = []
        found = _find(self._root, segments, 0, method, values)
        if found is None:
            return None
        return found, dict(zip(found.parameters, values, strict=True))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match what the middleware has found."""
        found: IndexedRoute | None = scope.get(FOUND_KEY)
        if found is None or scope["type"] != "http":
            return Match.NONE, {}
        return Match.FULL, {"route": found.original}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request with the route's own handler."""
        found: IndexedRoute = scope[FOUND_KEY]
        await found.app(scope, receive, send)


def _find(
    node: _Node, segments: list[str], position: int, method: str, values: list[str]
) -> IndexedRoute | None:
    if position == len(segments):
        return node.methods.get(method)
    segment = segments[position]
    literal = node.literals.get(segment)
    if literal is not None:
        found = _find(literal, segments, position + 1, method, values)
        if found is not None:
            return found
    if node.parameter is not None and segment:
        values.append(segment)
        found = _find(node.parameter, segments, position + 1, method, values)
        if found is not None:
            return found
        values.pop()
    return None


def _is_plain(segment: str) -> bool:
    """Say whether a segment is a literal or one parameter of any text."""
    if "{" not in segment and "}" not in segment:
        return True
    return (
        segment.startswith("{")
        and segment.endswith("}")
        and ":" not in segment
        and (segment.count("{") == 1)
    )

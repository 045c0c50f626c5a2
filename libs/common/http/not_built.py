"""Routes of the contract that are not built yet: they answer 501 `not_available`.

They stand in no router, so that a route that is built always wins, whatever the table says.
"""

from collections.abc import Sequence

from fastapi import APIRouter, Depends
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute

from libs.common.contract import routes_of, shape_of
from libs.common.errors import NotAvailable
from libs.common.http.access import anonymous
from libs.common.http.responses import errors


async def not_available() -> None:
    """Say that the API describes this route and this version does not have it."""
    raise NotAvailable


def not_built_router(service: str, built: Sequence[BaseRoute]) -> APIRouter:
    """Return a router with the routes of `service` that none of its own routers serves."""
    standing = {
        (method, shape_of(context.path))
        for context in iter_route_contexts(built)
        if context.path is not None
        for method in context.methods or ()
    }
    router = APIRouter(tags=["not available yet"], dependencies=[Depends(anonymous())])
    for route in routes_of(service):
        if (route.method, route.shape) not in standing:
            router.add_api_route(
                route.path,
                not_available,
                methods=[route.method],
                responses=errors(NotAvailable),
                status_code=501,
                name=f"{route.method} {route.path}",
                include_in_schema=False,
            )
    return router

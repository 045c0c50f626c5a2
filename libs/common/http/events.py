"""The route by which a service shows its outbox: to fill a gap, or to rebuild who reads its events.

Streams are trimmed below what every group has acknowledged; the outbox keeps seven days.
"""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from libs.common.events.outbox import MAX_PAGE, SETTLED_SECONDS, read_outbox
from libs.common.http.access import internal_caller
from libs.common.http.responses import JsonResponse
from libs.common.security import Caller

if TYPE_CHECKING:
    from libs.common.resources import Resources


def router_of_events(*, settled_seconds: float = SETTLED_SECONDS) -> APIRouter:
    """Return the router of `GET /internal/events`; see `read_outbox` for `settled_seconds`."""
    router = APIRouter(prefix="/internal/events", tags=["internal"], include_in_schema=False)

    @router.get("")
    async def list_events(
        request: Request,
        caller: Annotated[Caller, Depends(internal_caller())],
        after: Annotated[UUID | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = MAX_PAGE,
    ) -> JsonResponse:
        """Return a tenant's events in order; go on with `after` until `next` is null."""
        resources: Resources = request.app.state.resources
        async with resources.database.session(caller.tenant_id) as session:
            events = await read_outbox(
                session,
                caller.tenant_id,
                after=after,
                limit=limit,
                settled_seconds=settled_seconds,
            )
        return JsonResponse(
            {"events": events, "next": events[-1].id if len(events) == limit else None}
        )

    return router

"""The task route of services that have no tasks: they are done when they have answered."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from libs.common.errors import NotFound
from libs.common.http.access import anonymous
from libs.common.http.responses import errors
from libs.common.security import Caller


class TaskNotFound(NotFound):
    """There is no such task, or it was finished more than a day ago."""

    code = "task_not_found"
    message = "There is no such task."


def router_without_tasks() -> APIRouter:
    """Return the router that answers for task ids which the gateway sends to this service."""
    router = APIRouter(prefix="/api/v1/tasks", tags=["tasks"])

    @router.get("/{task_id}/status", status_code=404, responses=errors(TaskNotFound))
    async def get_task(
        task_id: UUID, _caller: Annotated[Caller | None, Depends(anonymous())]
    ) -> None:
        """Say that there is no such task."""
        del task_id
        raise TaskNotFound

    return router

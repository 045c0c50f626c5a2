"""Tasks of this service: none, since everything agents do is done when it is answered."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path

from libs.common.errors import NotFound
from libs.common.http import anonymous, errors
from libs.common.security import Caller

router = APIRouter(prefix="/api/v1/tasks", tags=["tasks"])


class TaskNotFound(NotFound):
    """There is no such task, or it was finished more than a day ago."""

    code = "task_not_found"
    message = "There is no such task."


@router.get("/{task_id}/status", responses=errors(TaskNotFound))
async def get_task(
    _task_id: Annotated[UUID, Path(alias="task_id")],
    _caller: Annotated[Caller | None, Depends(anonymous())],
) -> None:
    """Say that there is none; the gateway sends every id that begins like ours here."""
    raise TaskNotFound

"""Tasks, of which auth has none: it answers everything at once."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from libs.common.http import anonymous, errors
from libs.common.security import Caller
from services.auth.domain.errors import TaskNotFound

router = APIRouter(prefix="/api/v1/tasks", tags=["tasks"])


@router.get("/{task_id}/status", responses=errors(TaskNotFound))
async def task_status(
    task_id: UUID, _caller: Annotated[Caller | None, Depends(anonymous())]
) -> None:
    """Say that there is no such task: ids that no service makes end here, too."""
    del task_id
    raise TaskNotFound

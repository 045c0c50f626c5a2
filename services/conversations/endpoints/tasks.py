"""Tasks: how an answer stands, for whoever holds the task's id."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import Response

from libs.common.http import JsonResponse, anonymous, errors
from libs.common.security import Caller
from services.conversations.domain.errors import TaskNotFound
from services.conversations.endpoints.access import use_cases_for_anybody
from services.conversations.schemas.chat import task_shape
from services.conversations.wiring import UseCases

router = APIRouter(prefix="/api/v1/tasks", tags=["tasks"])


@router.get("/{task_id}/status", responses=errors(TaskNotFound))
async def get_task_status(
    task_id: UUID,
    use: Annotated[UseCases, Depends(use_cases_for_anybody)],
    caller: Annotated[Caller | None, Depends(anonymous())],
) -> Response:
    """Tell how a task stands; the id is the permission, and valid for a day."""
    outcome = await use.read_task(task_id, tenant_id=caller.tenant_id if caller else None)
    return JsonResponse(task_shape(outcome), headers={"cache-control": "no-store"})

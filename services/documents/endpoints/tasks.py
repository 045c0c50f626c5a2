"""The state of tasks. Clients poll without credentials: the id is the capability."""

from uuid import UUID

from fastapi import APIRouter

from libs.common.http import JsonResponse, errors
from services.documents.domain.errors import TaskNotFound
from services.documents.endpoints.access import Public
from services.documents.schemas.tasks import task_status

router = APIRouter(prefix="/api/v1/tasks", tags=["tasks"])


@router.get("/{task_id}/status", responses=errors(TaskNotFound))
async def get_task_status(task_id: UUID, use: Public) -> JsonResponse:
    """Tell how far a task is; valid credentials of another company see none."""
    document, job = await use.get_task(task_id)
    return JsonResponse(task_status(document, job), headers={"cache-control": "no-store"})

"""The state of tasks. Clients poll without credentials: the id is the capability."""

from uuid import UUID

from fastapi import APIRouter

from libs.common.http import JsonResponse, errors
from services.documents.domain.errors import TaskNotFound
from services.documents.endpoints.access import Public
from services.documents.schemas.tasks import task_status
from services.documents.schemas.websites import crawl_status
from services.documents.use_cases.get_task import CrawlTask

router = APIRouter(prefix="/api/v1/tasks", tags=["tasks"])


@router.get("/{task_id}/status", responses=errors(TaskNotFound))
async def get_task_status(task_id: UUID, use: Public) -> JsonResponse:
    """Tell how far a task is; valid credentials of another company see none."""
    task = await use.get_task(task_id)
    if isinstance(task, CrawlTask):
        payload = crawl_status(task.crawl, waiting=task.waiting, pages=task.pages)
    else:
        payload = task_status(task.document, task.job)
    return JsonResponse(payload, headers={"cache-control": "no-store"})

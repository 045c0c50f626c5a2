"""What has become of an upload, for whoever holds the task's id."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.database import Database
from libs.common.jobs import JobStatus
from services.documents.domain.errors import TaskNotFound
from services.documents.models import Document
from services.documents.repositories.tasks import TaskLookup
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork


@dataclass(frozen=True, kw_only=True)
class GetTask:
    """Return the document that a task is about. The id alone gives access to it."""

    database: Database
    tasks: TaskLookup
    caller_tenant_id: UUID | None

    async def __call__(self, task_id: UUID) -> tuple[Document, JobStatus | None]:
        """Return the task's document, which may be deleted, and its job while one is known.

        Raises:
            TaskNotFound: There is no such task, or it ended more than a day ago, or the
                credentials are another tenant's.
        """
        found = await self.tasks.find(task_id)
        if found is None or self.caller_tenant_id not in (None, found.tenant_id):
            raise TaskNotFound
        async with DocumentsUnitOfWork(self.database, found.tenant_id) as uow:
            document = await uow.documents.get(found.document_id)
            job = await uow.jobs.status(task_id)
        if document is None or document.task_id != task_id:
            raise TaskNotFound
        return document, job

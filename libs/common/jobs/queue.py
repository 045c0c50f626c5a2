"""The queue of a service: rows of its `jobs` table, added in the transaction that calls for them.

PostgreSQL owns their state; Redis only wakes workers, and when it is away they look every second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.database.connection import Connection
from libs.common.events.outbox import driver_connection
from libs.common.ids import new_id
from libs.common.jobs.job import Job
from libs.common.telemetry.tracing import current_traceparent

State = Literal["queued", "running", "done", "failed", "cancelled"]

_INSERT: Final = """
INSERT INTO jobs (tenant_id, id, kind, payload, max_attempts, run_at, traceparent)
SELECT $1, j.id, j.kind, j.payload::jsonb, j.max_attempts,
       coalesce(j.run_at, now() + (j.position - 1) * interval '1 microsecond'), $2
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::int[], $7::timestamptz[])
     WITH ORDINALITY AS j(id, kind, payload, max_attempts, run_at, position)
"""

_STATUS: Final = text("""
SELECT id, kind, state, attempts, max_attempts, progress, stage, error, created_at, updated_at,
       finished_at,
       CASE WHEN state = 'queued' THEN (
           SELECT count(*) FROM jobs ahead
           WHERE ahead.tenant_id = jobs.tenant_id AND ahead.state = 'queued'
             AND (ahead.run_at, ahead.id) < (jobs.run_at, jobs.id)
       ) END AS jobs_ahead
FROM jobs
WHERE tenant_id = :tenant_id AND id = :id
""")

_CANCEL: Final = text("""
UPDATE jobs
SET state = 'cancelled', finished_at = now(), updated_at = now(), lease_owner = NULL,
    lease_until = NULL
WHERE tenant_id = :tenant_id AND id = ANY(:ids) AND state IN ('queued', 'running')
RETURNING id
""")


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job with its id and its time."""

    job: Job
    id: UUID
    run_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """How far a job has come.

    Attributes:
        progress: 0 to 1.
        stage: What is being done, in the handler's words.
        error: Why it failed, or why the last attempt did; for people.
        jobs_ahead: The tenant's own jobs that come before it; None once it has begun.
    """

    id: UUID
    kind: str
    state: State
    attempts: int
    max_attempts: int
    progress: float
    stage: str | None
    error: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    jobs_ahead: int | None


class JobQueue:
    """A tenant's jobs, as its unit of work sees them; new ones are written when it commits."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self._session = session
        self._tenant_id = tenant_id
        self._added: list[QueuedJob] = []

    def add(self, job: Job, *, run_at: datetime | None = None, id: UUID | None = None) -> UUID:  # noqa: A002 - the column's name
        """Queue work, to begin once this transaction is committed.

        Args:
            job: What is to be done.
            run_at: Not before then; at once when left out.
            id: The job's id where it is also a task's, which is public (`new_task_id`).

        Returns:
            The job's id.
        """
        queued = QueuedJob(job, id or new_id(), run_at)
        self._added.append(queued)
        return queued.id

    async def write(self) -> bool:
        """Insert what was added; the unit of work calls it before it commits.

        Returns:
            Whether there was anything to write.
        """
        if not self._added:
            return False
        added, self._added = self._added, []
        await add_jobs(await driver_connection(self._session), self._tenant_id, added)
        return True

    async def status(self, id: UUID) -> JobStatus | None:  # noqa: A002 - the column's name
        """Tell how far a job has come; None when the tenant has no such job."""
        arguments = {"tenant_id": self._tenant_id, "id": id}
        row = (await self._session.execute(_STATUS, arguments)).mappings().one_or_none()
        return None if row is None else JobStatus(**row)

    async def cancel(self, *ids: UUID) -> list[UUID]:
        """Take jobs back; one that is running is stopped within seconds.

        Returns:
            The ids of those that had not ended yet.
        """
        arguments = {"tenant_id": self._tenant_id, "ids": list(ids)}
        return list((await self._session.scalars(_CANCEL, arguments)).all())


async def add_jobs(connection: Connection, tenant_id: UUID, jobs: Sequence[QueuedJob]) -> None:
    """Insert jobs in a lean transaction; afterwards `Wake.jobs()` makes the workers look."""
    await connection.execute(
        _INSERT,
        tenant_id,
        current_traceparent(),
        [queued.id for queued in jobs],
        [queued.job.kind for queued in jobs],
        [queued.job.model_dump_json() for queued in jobs],
        [queued.job.max_attempts for queued in jobs],
        [queued.run_at for queued in jobs],
    )

"""The runner: does a service's jobs, a few at a time, by tenants in turn.

PostgreSQL owns what is to be done. A claimed job has a lease by the database's clock, renewed while
its handler runs; a worker that dies is replaced once the lease has run out. When the process is
told to stop, jobs go back unharmed: their attempt does not count.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections import Counter as Count
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from prometheus_client import Counter, Histogram
from pydantic import ValidationError
from redis.asyncio import Redis
from structlog.contextvars import bound_contextvars

from libs.common.database import Database, DatabaseUnavailable
from libs.common.database.connection import Record
from libs.common.errors import AppError, Unavailable
from libs.common.jobs.arq_worker import WakeWorker
from libs.common.jobs.claims import claim_jobs, give_back, renew_leases
from libs.common.jobs.context import JobContext
from libs.common.jobs.job import HandOver, Job, JobFailed, LeaseLost
from libs.common.periodic import jittered
from libs.common.telemetry.logging import get_logger
from libs.common.telemetry.tracing import continue_trace
from libs.common.wake import wait_for_nudge

log = get_logger(__name__)

CONCURRENCY: Final = 4
LEASE_SECONDS: Final = 20.0
POLL_SECONDS: Final = 1.0
CLAIM_INTERVAL_SECONDS: Final = 0.01
FIRST_RETRY_SECONDS: Final = 2.0
MAX_RETRY_SECONDS: Final = 300.0
OUTAGE_SECONDS: Final = 6 * 3600.0
MAX_OUTAGE_WAIT_SECONDS: Final = 60.0
# A job that still comes up after so many attempts more than it has cannot even be failed properly.
FAILING_ATTEMPTS: Final = 3

Handler = Callable[[Any, JobContext], Awaitable[None]]
"""Does a job, which may be done twice and must end the same."""

OnFailed = Callable[[Any, JobContext, str], Awaitable[None]]
"""Notes in the service's own tables that a job has failed for good; gets the reason."""

_DONE: Final = Counter("jobs_total", "Attempts at jobs, by how they ended.", ("kind", "outcome"))
_TIME: Final = Histogram(
    "job_duration_seconds",
    "How long attempts at jobs took.",
    ("kind",),
    buckets=(0.01, 0.05, 0.25, 1, 5, 30, 120, 600),
)

_END: Final = """
UPDATE jobs
SET state = $4, error = $5, finished_at = now(), updated_at = now(), lease_owner = NULL,
    lease_until = NULL, progress = CASE WHEN $4 = 'done' THEN 1 ELSE progress END
WHERE tenant_id = $1 AND id = $2 AND lease_owner = $3 AND state = 'running'
"""

_RETRY: Final = """
UPDATE jobs
SET state = 'queued', error = $4, run_at = now() + make_interval(secs => $5), updated_at = now(),
    lease_owner = NULL, lease_until = NULL, attempts = attempts - $6
WHERE tenant_id = $1 AND id = $2 AND lease_owner = $3 AND state = 'running'
"""

_HAND_OVER: Final = """
UPDATE jobs
SET state = 'queued', kind = $4, error = NULL, run_at = now(), updated_at = now(),
    lease_owner = NULL, lease_until = NULL, attempts = attempts - 1
WHERE tenant_id = $1 AND id = $2 AND lease_owner = $3 AND state = 'running'
"""


@dataclass(frozen=True, slots=True)
class _Running:
    tenant_id: UUID
    task: asyncio.Task[None]


class JobRunner:
    """Does the jobs of one service in this process.

    Args:
        database: With both roles.
        redis: For wake-ups; without it jobs are found within a second.
        service: Whose jobs.
        handlers: By job class.
        on_failed: By job class: called before a job is marked as failed, also when its last
            worker died. May be called twice.
        concurrency: How many jobs at a time.
        tenant_concurrency: How many of them may be one tenant's; one less than `concurrency` when
            left out, so that a hand is free for the others.
        nudge: Set by `Nudges` when there may be work.
        lease_seconds: How soon the jobs of a worker that died are taken over.
    """

    def __init__(
        self,
        database: Database,
        redis: Redis,
        service: str,
        handlers: Mapping[type[Job], Handler],
        *,
        on_failed: Mapping[type[Job], OnFailed] | None = None,
        concurrency: int = CONCURRENCY,
        tenant_concurrency: int | None = None,
        nudge: asyncio.Event | None = None,
        lease_seconds: float = LEASE_SECONDS,
        first_retry_seconds: float = FIRST_RETRY_SECONDS,
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._kinds = {kind.kind: kind for kind in handlers}
        self._on_failed = on_failed or {}
        self._concurrency = concurrency
        self._tenant_concurrency = tenant_concurrency or max(1, concurrency - 1)
        self._lease_seconds = lease_seconds
        self._first_retry_seconds = first_retry_seconds
        self._owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._running: dict[UUID, _Running] = {}
        self._look = asyncio.Event()
        self._wakes = WakeWorker(
            redis,
            service,
            on_wake=self._look.set,
            has_room=lambda: len(self._running) < concurrency,
            nudge=nudge or asyncio.Event(),
        )

    async def run(self) -> None:
        """Do jobs for ever; when cancelled, give back those that are not finished."""
        helpers = [
            asyncio.create_task(self._wakes.main()),
            asyncio.create_task(self._keep_leases()),
        ]
        try:
            while True:
                try:
                    await self.start_due()
                except DatabaseUnavailable:
                    log.warning("jobs_wait", reason="DatabaseUnavailable")
                    await asyncio.sleep(POLL_SECONDS)
                    continue
                if self._running:
                    # Hands that fall free within a moment are filled by one claim.
                    await asyncio.sleep(CLAIM_INTERVAL_SECONDS)
                await wait_for_nudge(self._look, POLL_SECONDS)
        finally:
            await self._stop([*helpers, *(one.task for one in self._running.values())])

    async def start_due(self) -> int:
        """Begin as many due jobs as there are hands free; return how many."""
        started = 0
        while (free := self._concurrency - len(self._running)) > 0:
            async with self._database.lean_cross_tenant() as connection:
                rows = await claim_jobs(
                    connection,
                    owner=self._owner,
                    kinds=list(self._kinds),
                    limit=free,
                    busy=Count(one.tenant_id for one in self._running.values()),
                    tenant_limit=self._tenant_concurrency,
                    lease_seconds=self._lease_seconds,
                )
            for row in rows:
                task = asyncio.create_task(self._do(row), name=f"job {row['kind']}")
                self._running[row["id"]] = _Running(row["tenant_id"], task)
            started += len(rows)
            if len(rows) < free:
                break
        return started

    async def drain(self) -> int:
        """Do what is due until nothing is, and return how many attempts that took: for tests."""
        done = 0
        while True:
            done += await self.start_due()
            if not self._running:
                return done
            tasks = [one.task for one in self._running.values()]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)

    async def _do(self, row: Record) -> None:
        job_id: UUID = row["id"]
        context = JobContext(
            self._database,
            tenant_id=row["tenant_id"],
            job_id=job_id,
            attempt=row["attempts"],
            max_attempts=row["max_attempts"],
            owner=self._owner,
            lease_seconds=self._lease_seconds,
        )
        started = time.perf_counter()
        try:
            with (
                bound_contextvars(tenant_id=str(context.tenant_id), job_id=str(job_id)),
                continue_trace(row["traceparent"], f"job {row['kind']}"),
            ):
                outcome = await self._attempt(row, context)
        except Exception:
            # How it ended cannot be noted; the lease runs out and somebody tries again.
            log.exception("job_interrupted", kind=row["kind"], job_id=str(job_id))
            outcome = "interrupted"
        finally:
            self._running.pop(job_id, None)
            self._look.set()
        _DONE.labels(row["kind"], outcome).inc()
        _TIME.labels(row["kind"]).observe(time.perf_counter() - started)

    async def _attempt(self, row: Record, context: JobContext) -> str:
        """Do a job once, note how that ended, and return it in a word."""
        kind = self._kinds[row["kind"]]
        try:
            job = kind.model_validate_json(row["payload"])
        except ValidationError:
            log.exception("job_unreadable", kind=row["kind"])
            return await self._end(context, "failed", "The job cannot be read.")
        try:
            if context.attempt > context.max_attempts:
                # Workers that died have used up the attempts; only the failure is to be noted.
                raise JobFailed(row["error"] or "It was tried too often.")
            async with asyncio.timeout(kind.max_seconds):
                await self._handlers[kind](job, context)
        except JobFailed as failure:
            return await self._fail(job, context, failure.reason)
        except HandOver as over:
            await self._note(_HAND_OVER, context, over.kind)
            return "handed_over"
        except LeaseLost:
            log.info("job_taken_away", kind=row["kind"])
            return "taken_away"
        except Exception as error:  # noqa: BLE001 - whatever it is, the job is tried again
            return await self._recover(job, context, error, age_seconds=row["age_seconds"])
        return await self._end(context, "done", None)

    async def _recover(
        self, job: Job, context: JobContext, error: Exception, *, age_seconds: float
    ) -> str:
        """Try again later, unless that was the last attempt."""
        reason = error.message if isinstance(error, AppError) else "An unexpected error."
        log.warning("job_attempt_failed", kind=job.kind, attempt=context.attempt, exc_info=error)
        if isinstance(error, Unavailable) and age_seconds < OUTAGE_SECONDS:
            # Somebody else's outage: the job waits for its end, asking ever less often.
            doubled = max(self._first_retry_seconds, age_seconds)
            wait_seconds = _with_jitter(min(doubled, MAX_OUTAGE_WAIT_SECONDS), error)
            return await self._retry(context, reason, wait_seconds=wait_seconds, counts=False)
        if context.is_last_attempt:
            return await self._fail(job, context, reason)
        return await self._retry(context, reason, wait_seconds=self._wait(context, error))

    async def _fail(self, job: Job, context: JobContext, reason: str) -> str:
        on_failed = self._on_failed.get(type(job))
        if on_failed is not None:
            try:
                await on_failed(job, context, reason)
            except Exception:
                log.exception("job_failure_not_noted", kind=job.kind)
                if context.attempt < context.max_attempts + FAILING_ATTEMPTS:
                    wait_seconds = self._wait(context, None)
                    return await self._retry(context, reason, wait_seconds=wait_seconds)
        log.warning("job_failed", kind=job.kind, attempts=context.attempt, reason=reason)
        return await self._end(context, "failed", reason)

    async def _end(self, context: JobContext, state: str, reason: str | None) -> str:
        await self._note(_END, context, state, reason)
        return state

    async def _retry(
        self, context: JobContext, reason: str, *, wait_seconds: float, counts: bool = True
    ) -> str:
        await self._note(_RETRY, context, reason, wait_seconds, 0 if counts else 1)
        return "retried"

    async def _note(self, statement: str, context: JobContext, *values: object) -> None:
        """Write down how an attempt ended, unless the job is somebody else's by now.

        Raises:
            DatabaseUnavailable: It was out of reach for as long as a lease lasts.
        """
        give_up_at = time.monotonic() + self._lease_seconds
        while True:
            try:
                async with self._database.lean(context.tenant_id) as connection:
                    await connection.execute(
                        statement, context.tenant_id, context.job_id, self._owner, *values
                    )
                return
            except DatabaseUnavailable:
                # What was done would be done again, and only once the lease has run out.
                if time.monotonic() > give_up_at:
                    raise
                await asyncio.sleep(POLL_SECONDS)

    def _wait(self, context: JobContext, error: Exception | None) -> float:
        """Return how long to wait before the next attempt: doubling, with jitter."""
        doubled = self._first_retry_seconds * 2.0 ** min(context.attempt - 1, 20)
        return _with_jitter(min(doubled, MAX_RETRY_SECONDS), error)

    async def _keep_leases(self) -> None:
        """Renew the leases; stop the handlers whose jobs were taken away or cancelled."""
        while True:
            await asyncio.sleep(self._lease_seconds / 4)
            if not self._running:
                continue
            before = dict(self._running)
            try:
                async with self._database.lean_cross_tenant() as connection:
                    kept = await renew_leases(
                        connection,
                        {job_id: one.tenant_id for job_id, one in before.items()},
                        owner=self._owner,
                        lease_seconds=self._lease_seconds,
                    )
            except Exception as error:  # noqa: BLE001 - without renewals every job is done twice
                log.warning("leases_not_renewed", reason=type(error).__name__)
                continue
            for job_id, one in before.items():
                if job_id not in kept and job_id in self._running:
                    log.info("job_taken_away", job_id=str(job_id))
                    one.task.cancel()

    async def _stop(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            async with self._database.lean_cross_tenant() as connection:
                await give_back(connection, owner=self._owner)
        except DatabaseUnavailable:
            log.warning("jobs_not_given_back", reason="DatabaseUnavailable")


def _with_jitter(seconds: float, error: Exception | None) -> float:
    """Shorten a wait by up to a half, but not below what the other side asked for."""
    asked = error.retry_after_seconds if isinstance(error, AppError) else None
    return max(jittered(seconds, high=1), float(asked or 0))

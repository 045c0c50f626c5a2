"""The cast of the job tests: jobs of their own, and a runner for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from libs.common.database import Database
from libs.common.jobs import Job, JobContext, JobStatus
from libs.common.jobs.runner import JobRunner
from libs.common.unit_of_work import UnitOfWork
from tests.conftest import OpenDatabase


class Paint(Job, kind="test.paint", max_attempts=3):
    """Paint a fence."""

    fence: int


class Sweep(Job, kind="test.sweep"):
    """Sweep a yard."""


MakeRunner = Callable[..., JobRunner]


@pytest.fixture
async def database(open_fresh_database: OpenDatabase) -> Database:
    """A database of this test alone."""
    return await open_fresh_database("sample", pool_size=8)


@pytest.fixture
def make_runner(database: Database, redis: Redis) -> MakeRunner:
    """Give runners of painters; retries come at once."""

    def make(handler: Any, **options: Any) -> JobRunner:
        options.setdefault("first_retry_seconds", 0)
        return JobRunner(database, redis, "sample", {Paint: handler}, **options)

    return make


async def add(database: Database, tenant_id: UUID, *jobs: Job) -> list[UUID]:
    """Queue jobs as a service does."""
    async with UnitOfWork(database, tenant_id) as uow:
        return [uow.jobs.add(job) for job in jobs]


async def status(database: Database, tenant_id: UUID, job_id: UUID) -> JobStatus:
    """Return a job's status, which must exist."""
    async with UnitOfWork(database, tenant_id) as uow:
        found = await uow.jobs.status(job_id)
    assert found is not None
    return found


async def ignore(job: Paint, context: JobContext) -> None:
    """Do nothing."""

"""Adding jobs, asking after them, and taking them back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from libs.common.database import Database
from libs.common.ids import new_task_id
from libs.common.jobs import QueuedJob, add_jobs
from libs.common.unit_of_work import UnitOfWork
from tests.common.jobs.conftest import MakeRunner, Paint, add, ignore, status


class TestAdd:
    async def test_a_failed_transaction_queues_nothing(
        self, database: Database, make_tenant: Callable[[], UUID]
    ) -> None:
        acme = make_tenant()
        with pytest.raises(RuntimeError, match="no"):
            async with UnitOfWork(database, acme) as uow:
                job_id = uow.jobs.add(Paint(fence=1))
                raise RuntimeError("no")

        async with UnitOfWork(database, acme) as uow:
            assert await uow.jobs.status(job_id) is None

    async def test_waits_for_its_time(
        self, database: Database, make_tenant: Callable[[], UUID], make_runner: MakeRunner
    ) -> None:
        acme = make_tenant()
        async with UnitOfWork(database, acme) as uow:
            later = datetime.now(UTC) + timedelta(hours=1)
            job_id = uow.jobs.add(Paint(fence=1), run_at=later)

        assert await make_runner(ignore).drain() == 0
        assert (await status(database, acme, job_id)).state == "queued"

    async def test_may_have_the_id_of_a_task(
        self, database: Database, make_tenant: Callable[[], UUID], make_runner: MakeRunner
    ) -> None:
        acme, task_id = make_tenant(), new_task_id("documents")
        async with database.lean(acme) as connection:
            await add_jobs(connection, acme, [QueuedJob(Paint(fence=1), task_id)])

        await make_runner(ignore).drain()
        done = await status(database, acme, task_id)
        assert (done.state, done.progress, done.attempts) == ("done", 1.0, 1)


class TestStatus:
    async def test_tells_the_place_in_the_tenants_own_queue(
        self, database: Database, make_tenant: Callable[[], UUID]
    ) -> None:
        acme, globex = make_tenant(), make_tenant()
        await add(database, globex, *(Paint(fence=number) for number in range(5)))
        ids = await add(database, acme, *(Paint(fence=number) for number in range(3)))

        places = [(await status(database, acme, job_id)).jobs_ahead for job_id in ids]

        assert places == [0, 1, 2]

    async def test_knows_nothing_of_another_tenants_job(
        self, database: Database, make_tenant: Callable[[], UUID]
    ) -> None:
        (job_id,) = await add(database, make_tenant(), Paint(fence=1))

        async with UnitOfWork(database, make_tenant()) as uow:
            assert await uow.jobs.status(job_id) is None
            assert await uow.jobs.status(uuid4()) is None
            assert await uow.jobs.cancel(job_id) == []


class TestCancel:
    async def test_takes_a_waiting_job_back(
        self, database: Database, make_tenant: Callable[[], UUID], make_runner: MakeRunner
    ) -> None:
        acme = make_tenant()
        (job_id,) = await add(database, acme, Paint(fence=1))
        async with UnitOfWork(database, acme) as uow:
            assert await uow.jobs.cancel(job_id) == [job_id]

        assert await make_runner(ignore).drain() == 0
        assert (await status(database, acme, job_id)).state == "cancelled"

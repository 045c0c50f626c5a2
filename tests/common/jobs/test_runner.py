"""Doing jobs: retries, endings, deaths of workers, turns."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from libs.common.database import Database, DatabaseUnavailable
from libs.common.database.connection import Connection
from libs.common.errors import Unavailable
from libs.common.jobs import HandOver, Job, JobContext, JobFailed, LeaseLost
from libs.common.jobs.claims import renew_leases
from libs.common.jobs.runner import JobRunner
from libs.common.jobs.sweeper import Sweeper
from libs.common.telemetry.tracing import continue_trace, current_trace_id
from libs.common.unit_of_work import UnitOfWork
from libs.common.wake import Nudges, Wake
from tests.common.jobs.conftest import MakeRunner, Paint, Sweep, add, ignore, status
from tests.conftest import DatabaseUrls

ROOT = Path(__file__).parents[3]
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


class Boom(Exception):
    pass


class Varnish(Job, kind="test.varnish"):
    fence: int


class TestEndings:
    async def test_a_job_is_done_in_its_tenant_and_trace(
        self, database: Database, make_tenant: Callable[[], UUID], make_runner: MakeRunner
    ) -> None:
        acme = make_tenant()
        seen: list[tuple[int, UUID, str | None]] = []

        async def paint(job: Paint, context: JobContext) -> None:
            seen.append((job.fence, context.tenant_id, current_trace_id()))

        with continue_trace(f"00-{TRACE_ID}-b7ad6b7169203331-01"):
            (job_id,) = await add(database, acme, Paint(fence=7))
        await make_runner(paint).drain()

        assert seen == [(7, acme, TRACE_ID)]
        done = await status(database, acme, job_id)
        assert (done.state, done.progress, done.jobs_ahead) == ("done", 1.0, None)
        assert done.finished_at is not None

    async def test_one_is_handed_over_to_the_runner_of_another_kind(
        self,
        database: Database,
        make_tenant: Callable[[], UUID],
        make_runner: MakeRunner,
        redis: Redis,
    ) -> None:
        acme = make_tenant()
        seen: list[tuple[int, int]] = []

        async def paint(job: Paint, context: JobContext) -> None:
            raise HandOver(Varnish)

        async def varnish(job: Varnish, context: JobContext) -> None:
            seen.append((job.fence, context.attempt))

        (job_id,) = await add(database, acme, Paint(fence=7))
        assert await make_runner(paint).drain() == 1
        assert (await status(database, acme, job_id)).state == "queued"
        await JobRunner(database, redis, "sample-slow", {Varnish: varnish}).drain()

        assert seen == [(7, 1)]
        assert (await status(database, acme, job_id)).state == "done"

    async def test_an_error_is_tried_again_and_then_final(
        self, database: Database, make_tenant: Callable[[], UUID], make_runner: MakeRunner
    ) -> None:
        acme = make_tenant()
        attempts: list[tuple[int, bool]] = []
        noted: list[str] = []

        async def paint(job: Paint, context: JobContext) -> None:
            attempts.append((context.attempt, context.is_last_attempt))
            raise Boom("with a password in it")

        async def note(job: Paint, context: JobContext, reason: str) -> None:
            noted.append(reason)

        (job_id,) = await add(database, acme, Paint(fence=1))
        runner = make_runner(paint, on_failed={Paint: note})
        for _ in range(5):
            await runner.drain()

        assert attempts == [(1, False), (2, False), (3, True)]
        failed = await status(database, acme, job_id)
        assert (failed.state, failed.error) == ("failed", "An unexpected error.")
        assert noted == ["An unexpected error."]

    async def test_a_failure_can_be_final_at_once(
        self, database: Database, make_tenant: Callable[[], UUID], make_runner: MakeRunner
    ) -> None:
        acme = make_tenant()

        async def paint(job: Paint, context: JobContext) -> None:
            raise JobFailed("The fence is gone.")

        (job_id,) = await add(database, acme, Paint(fence=1))
        assert await make_runner(paint).drain() == 1

        failed = await status(database, acme, job_id)
        assert (failed.state, failed.error, failed.attempts) == (
            "failed",
            "The fence is gone.",
            1,
        )

    async def test_anothers_outage_does_not_count(
        self, database: Database, make_tenant: Callable[[], UUID], make_runner: MakeRunner
    ) -> None:
        acme, outages = make_tenant(), iter(range(6))

        async def paint(job: Paint, context: JobContext) -> None:
            if next(outages, None) is not None:
                raise Unavailable("The paint shop is closed.")

        (job_id,) = await add(database, acme, Paint(fence=1))
        runner = make_runner(paint)
        deadline = time.monotonic() + 20
        while (await status(database, acme, job_id)).state != "done":
            await runner.drain()
            async with database.lean_cross_tenant() as connection:
                await connection.execute("UPDATE jobs SET run_at = now() WHERE state = 'queued'")
            assert time.monotonic() < deadline

        assert (await status(database, acme, job_id)).attempts == 1

    async def test_waits_longer_each_time(
        self, database: Database, make_tenant: Callable[[], UUID], make_runner: MakeRunner
    ) -> None:
        acme = make_tenant()

        async def paint(job: Paint, context: JobContext) -> None:
            raise Boom

        await add(database, acme, Paint(fence=1))
        runner = make_runner(paint, first_retry_seconds=100)
        waits = []
        for _ in range(2):
            await runner.drain()
            async with database.lean_cross_tenant() as connection:
                wait = await connection.fetchval("SELECT run_at - now() FROM jobs")
                await connection.execute("UPDATE jobs SET run_at = now()")
            waits.append(wait.total_seconds())

        assert 49 <= waits[0] <= 100
        assert 99 <= waits[1] <= 200

    async def test_jobs_of_a_kind_it_does_not_know_are_left_for_others(
        self, database: Database, make_tenant: Callable[[], UUID], make_runner: MakeRunner
    ) -> None:
        acme = make_tenant()
        (job_id,) = await add(database, acme, Sweep())

        assert await make_runner(ignore).drain() == 0
        assert (await status(database, acme, job_id)).state == "queued"


class TestProgress:
    async def test_is_told_while_the_job_runs(
        self, database: Database, make_tenant: Callable[[], UUID], make_runner: MakeRunner
    ) -> None:
        acme = make_tenant()
        half, go_on = asyncio.Event(), asyncio.Event()

        async def paint(job: Paint, context: JobContext) -> None:
            await context.progress(0.5, "painting")
            half.set()
            await go_on.wait()

        (job_id,) = await add(database, acme, Paint(fence=1))
        draining = asyncio.create_task(make_runner(paint).drain())
        await half.wait()
        running = await status(database, acme, job_id)
        go_on.set()
        await draining

        assert (running.state, running.progress, running.stage) == ("running", 0.5, "painting")

    async def test_says_when_the_job_was_cancelled(
        self, database: Database, make_tenant: Callable[[], UUID], make_runner: MakeRunner
    ) -> None:
        acme, stopped = make_tenant(), []

        async def paint(job: Paint, context: JobContext) -> None:
            async with UnitOfWork(database, acme) as uow:
                await uow.jobs.cancel(context.job_id)
            try:
                await context.progress(0.5, "painting")
            except LeaseLost:
                stopped.append(True)
                raise

        (job_id,) = await add(database, acme, Paint(fence=1))
        await make_runner(paint).drain()

        assert stopped
        assert (await status(database, acme, job_id)).state == "cancelled"

    async def test_a_silent_handler_is_stopped_too(
        self, database: Database, make_tenant: Callable[[], UUID], make_runner: MakeRunner
    ) -> None:
        acme, begun, stopped = make_tenant(), asyncio.Event(), asyncio.Event()

        async def paint(job: Paint, context: JobContext) -> None:
            begun.set()
            try:
                await asyncio.sleep(60)
            finally:
                stopped.set()

        (job_id,) = await add(database, acme, Paint(fence=1))
        running = asyncio.create_task(make_runner(paint, lease_seconds=1).run())
        await begun.wait()
        async with UnitOfWork(database, acme) as uow:
            await uow.jobs.cancel(job_id)
        async with asyncio.timeout(3):
            await stopped.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

        assert (await status(database, acme, job_id)).state == "cancelled"


class TestDeaths:
    async def test_a_deploy_gives_jobs_back_without_counting(
        self, database: Database, make_tenant: Callable[[], UUID], make_runner: MakeRunner
    ) -> None:
        acme = make_tenant()
        (job_id,) = await add(database, acme, Paint(fence=1))
        for _ in range(5):
            begun = asyncio.Event()

            async def paint(job: Paint, context: JobContext, begun: asyncio.Event = begun) -> None:
                begun.set()
                await asyncio.sleep(60)

            running = asyncio.create_task(make_runner(paint).run())
            await begun.wait()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            waiting = await status(database, acme, job_id)
            assert (waiting.state, waiting.attempts) == ("queued", 0)

        await make_runner(ignore).drain()
        assert (await status(database, acme, job_id)).state == "done"

    async def test_leases_are_kept_while_the_handler_runs(
        self, database: Database, make_tenant: Callable[[], UUID], make_runner: MakeRunner
    ) -> None:
        begun = []

        async def paint(job: Paint, context: JobContext) -> None:
            begun.append(context.attempt)
            await asyncio.sleep(2.5)

        await add(database, make_tenant(), Paint(fence=1))
        running = asyncio.create_task(make_runner(paint, lease_seconds=1).run())
        sweeper = Sweeper(database)
        for _ in range(14):
            await asyncio.sleep(0.2)
            assert await sweeper.sweep() == 0
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

        assert begun == [1]

    async def test_the_end_of_a_job_waits_for_the_database(
        self,
        database: Database,
        make_tenant: Callable[[], UUID],
        make_runner: MakeRunner,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        acme = make_tenant()
        begun: list[int] = []
        (job_id,) = await add(database, acme, Paint(fence=1))
        reach, outages = database.lean, iter([DatabaseUnavailable(), DatabaseUnavailable()])

        def reach_at_last(tenant_id: UUID) -> AbstractAsyncContextManager[Connection]:
            if begun and (outage := next(outages, None)) is not None:
                raise outage
            return reach(tenant_id)

        async def paint(job: Paint, context: JobContext) -> None:
            begun.append(context.attempt)

        monkeypatch.setattr(database, "lean", reach_at_last)
        monkeypatch.setattr("libs.common.jobs.runner.POLL_SECONDS", 0.05)
        await make_runner(paint).drain()

        assert begun == [1]
        assert (await status(database, acme, job_id)).state == "done"

    async def test_leases_are_kept_after_a_renewal_that_failed(
        self,
        database: Database,
        make_tenant: Callable[[], UUID],
        make_runner: MakeRunner,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        failures = iter([asyncpg.DeadlockDetectedError("it was us")])

        async def renew_unless(*args: Any, **kwargs: Any) -> set[UUID]:
            if failure := next(failures, None):
                raise failure
            return await renew_leases(*args, **kwargs)

        monkeypatch.setattr("libs.common.jobs.runner.renew_leases", renew_unless)

        async def paint(job: Paint, context: JobContext) -> None:
            await asyncio.sleep(2.5)

        await add(database, make_tenant(), Paint(fence=1))
        running = asyncio.create_task(make_runner(paint, lease_seconds=1).run())
        sweeper = Sweeper(database)
        for _ in range(14):
            await asyncio.sleep(0.2)
            assert await sweeper.sweep() == 0
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    async def test_a_job_whose_end_could_not_be_noted_is_done_again(
        self,
        database: Database,
        make_tenant: Callable[[], UUID],
        make_runner: MakeRunner,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        acme, begun = make_tenant(), []

        async def paint(job: Paint, context: JobContext) -> None:
            begun.append(context.attempt)

        (job_id,) = await add(database, acme, Paint(fence=1))
        runner = make_runner(paint, lease_seconds=1)
        note, outages = runner._note, iter([DatabaseUnavailable(), RuntimeError("out of order")])

        async def note_at_last(*arguments: object) -> None:
            if (outage := next(outages, None)) is not None:
                raise outage
            await note(*arguments)  # type: ignore[arg-type]  # passed through

        monkeypatch.setattr(runner, "_note", note_at_last)
        running = asyncio.create_task(runner.run())
        sweeper = Sweeper(database)
        async with asyncio.timeout(10):
            while (await status(database, acme, job_id)).state != "done":
                await sweeper.sweep()
                await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

        assert begun == [1, 2, 3]

    async def test_a_killed_worker_is_replaced(
        self,
        database: Database,
        make_tenant: Callable[[], UUID],
        make_runner: MakeRunner,
        fresh_database_urls: DatabaseUrls,
        redis_url: str,
    ) -> None:
        acme = make_tenant()
        (job_id,) = await add(database, acme, Paint(fence=1))
        urls = fresh_database_urls("sample")
        environment = {
            **os.environ,
            "URLS": json.dumps([urls.primary, urls.worker, redis_url]),
            "PYTHONPATH": str(ROOT),
        }
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER_THAT_HANGS],
            env=environment,
            stdout=subprocess.PIPE,
        )
        assert worker.stdout is not None
        assert await asyncio.to_thread(worker.stdout.readline) == b"begun\n"
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        worker.stdout.close()
        assert (await status(database, acme, job_id)).state == "running"

        runner, sweeper = make_runner(ignore), Sweeper(database)
        async with asyncio.timeout(10):
            while (await status(database, acme, job_id)).state != "done":
                await sweeper.sweep()
                await runner.drain()
                await asyncio.sleep(0.05)

        assert (await status(database, acme, job_id)).attempts == 2

    async def test_a_job_that_kills_its_workers_comes_to_an_end(
        self, database: Database, make_tenant: Callable[[], UUID], make_runner: MakeRunner
    ) -> None:
        acme, noted = make_tenant(), []

        async def note(job: Paint, context: JobContext, reason: str) -> None:
            noted.append(reason)

        async def forbidden(job: Paint, context: JobContext) -> None:
            raise AssertionError("must not be tried again")

        (job_id,) = await add(database, acme, Paint(fence=1))
        sweeper = Sweeper(database)
        for _ in range(Paint.max_attempts):
            async with database.lean_cross_tenant() as connection:
                await connection.execute(
                    "UPDATE jobs SET state = 'running', attempts = attempts + 1,"
                    " lease_owner = 'dead', lease_until = now() - interval '1 second'"
                )
            assert await sweeper.sweep() == 1
        await make_runner(forbidden, on_failed={Paint: note}).drain()

        failed = await status(database, acme, job_id)
        assert failed.state == "failed"
        assert noted == ["The worker stopped in the middle of this."]

    async def test_two_runners_never_do_the_same_job(
        self, database: Database, make_tenant: Callable[[], UUID], make_runner: MakeRunner
    ) -> None:
        done: list[int] = []

        async def paint(job: Paint, context: JobContext) -> None:
            await asyncio.sleep(0)
            done.append(job.fence)

        await add(database, make_tenant(), *(Paint(fence=number) for number in range(120)))
        runners = [make_runner(paint) for _ in range(3)]
        while sum(await asyncio.gather(*(runner.drain() for runner in runners))):
            pass

        assert sorted(done) == list(range(120))


class TestTurns:
    async def test_one_job_does_not_wait_behind_anothers_two_thousand(
        self, database: Database, make_tenant: Callable[[], UUID], make_runner: MakeRunner
    ) -> None:
        acme, globex = make_tenant(), make_tenant()
        order: list[UUID] = []

        async def paint(job: Paint, context: JobContext) -> None:
            order.append(context.tenant_id)

        await add(database, globex, *(Paint(fence=number) for number in range(2000)))
        runner = make_runner(paint)
        for _ in range(5):
            await do_some(runner)
        await add(database, acme, Paint(fence=1))
        while acme not in order:
            await do_some(runner)

        assert order.index(acme) < 25

    async def test_tenants_take_turns_by_weight_and_save_up_none(
        self, database: Database, make_tenant: Callable[[], UUID], make_runner: MakeRunner
    ) -> None:
        acme, globex, late = make_tenant(), make_tenant(), make_tenant()
        order: list[UUID] = []

        async def paint(job: Paint, context: JobContext) -> None:
            order.append(context.tenant_id)

        async with database.lean_cross_tenant() as connection:
            await connection.execute("INSERT INTO job_turns VALUES ($1, 3, 0)", acme)
        for tenant in (acme, globex):
            await add(database, tenant, *(Paint(fence=number) for number in range(60)))
        runner = make_runner(paint, concurrency=1)
        for _ in range(40):
            await do_some(runner)
        assert order.count(acme) == pytest.approx(30, abs=2)

        # Who comes late gets its share from then on, and nothing for the time before.
        await add(database, late, *(Paint(fence=number) for number in range(20)))
        del order[:]
        for _ in range(20):
            await do_some(runner)
        assert order.count(late) == pytest.approx(4, abs=1)
        assert order.count(globex) == pytest.approx(4, abs=1)

    async def test_one_hand_stays_free_for_the_others(
        self, database: Database, make_tenant: Callable[[], UUID], make_runner: MakeRunner
    ) -> None:
        acme, globex = make_tenant(), make_tenant()
        running: list[UUID] = []
        go_on = asyncio.Event()

        async def paint(job: Paint, context: JobContext) -> None:
            running.append(context.tenant_id)
            await go_on.wait()

        await add(database, globex, *(Paint(fence=number) for number in range(10)))
        runner = make_runner(paint, concurrency=4)
        await runner.start_due()
        await asyncio.sleep(0.05)
        assert running == [globex] * 3

        await add(database, acme, Paint(fence=1))
        await runner.start_due()
        await asyncio.sleep(0.05)
        assert running[3:] == [acme]
        go_on.set()
        await runner.drain()


class TestRun:
    async def test_is_woken_by_a_commit(
        self, database: Database, make_tenant: Callable[[], UUID], redis: Redis
    ) -> None:
        begun = asyncio.Event()

        async def paint(job: Paint, context: JobContext) -> None:
            begun.set()

        nudges, wake = Nudges(redis, "sample"), Wake(redis, "sample")
        handlers: dict[type[Job], object] = {Paint: paint}
        runner = JobRunner(database, redis, "sample", handlers, nudge=nudges.jobs)  # type: ignore[arg-type]
        loops = [asyncio.create_task(nudges.run()), asyncio.create_task(runner.run())]
        await asyncio.sleep(0.5)
        try:
            started = time.monotonic()
            async with UnitOfWork(database, make_tenant(), wake=wake) as uow:
                uow.jobs.add(Paint(fence=1))
            async with asyncio.timeout(2):
                await begun.wait()
            # Sooner than it would have looked by itself.
            assert time.monotonic() - started < 0.9
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await wake.aclose()

    async def test_finds_jobs_while_redis_is_away(
        self, database: Database, make_tenant: Callable[[], UUID]
    ) -> None:
        begun = asyncio.Event()

        async def paint(job: Paint, context: JobContext) -> None:
            begun.set()

        nowhere: Redis = Redis.from_url("redis://127.0.0.1:1/0")
        wake, runner = (
            Wake(nowhere, "sample"),
            JobRunner(database, nowhere, "sample", {Paint: paint}),
        )
        running = asyncio.create_task(runner.run())
        await asyncio.sleep(0.2)
        async with UnitOfWork(database, make_tenant(), wake=wake) as uow:
            uow.jobs.add(Paint(fence=1))
        async with asyncio.timeout(3):
            await begun.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await wake.aclose()
        await nowhere.aclose()


class TestMeasure:
    async def test_tells_what_is_waiting(
        self, database: Database, make_tenant: Callable[[], UUID]
    ) -> None:
        await add(database, make_tenant(), Paint(fence=1), Paint(fence=2))

        await Sweeper(database).measure()

        assert REGISTRY.get_sample_value("jobs_waiting") == 2
        assert REGISTRY.get_sample_value("outbox_waiting") == 0


class TestPurge:
    async def test_forgets_what_is_old_and_no_more(
        self, database: Database, make_tenant: Callable[[], UUID], make_runner: MakeRunner
    ) -> None:
        acme = make_tenant()
        old, young = await add(database, acme, Paint(fence=1), Paint(fence=2))
        await make_runner(ignore).drain()
        async with database.lean_cross_tenant() as connection:
            await connection.execute(
                "UPDATE jobs SET finished_at = now() - interval '25 hours' WHERE id = $1", old
            )
            for age_hours in (25, 23):
                await connection.execute(
                    "INSERT INTO idempotency_keys"
                    " (tenant_id, key_hash, state, created_at, locked_until)"
                    " VALUES ($1, $2, 'done', now() - make_interval(hours => $3), now())",
                    acme,
                    bytes([age_hours]),
                    age_hours,
                )

        await Sweeper(database).purge()

        async with UnitOfWork(database, acme) as uow:
            assert await uow.jobs.status(old) is None
            assert await uow.jobs.status(young) is not None
        async with database.lean(acme) as connection:
            left = await connection.fetch("SELECT key_hash FROM idempotency_keys")
        assert [row["key_hash"] for row in left] == [bytes([23])]


async def do_some(runner: JobRunner) -> None:
    """Do as many jobs as the runner has hands."""
    await runner.start_due()
    await asyncio.gather(*(one.task for one in list(runner._running.values())))


WORKER_THAT_HANGS = """
import asyncio, json, os
from redis.asyncio import Redis
from libs.common.database import Database, DatabaseUnavailable
from libs.common.jobs.runner import JobRunner
from tests.common.jobs.conftest import Paint

async def paint(job, context):
    print("begun", flush=True)
    await asyncio.sleep(600)

async def main():
    primary, worker, redis_url = json.loads(os.environ["URLS"])
    database = Database(primary, service="sample", worker_url=worker, pool_size=2)
    await database.open()
    redis = Redis.from_url(redis_url)
    await JobRunner(database, redis, "sample", {Paint: paint}, lease_seconds=1).run()

asyncio.run(main())
"""

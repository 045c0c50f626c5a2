"""What a process says about itself and its dependencies."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from libs.common.database import DatabaseUnavailable
from libs.common.health import Check, Status, examine
from libs.common.readiness import Readiness, revisions_behind_head
from libs.common.resources import Resources


async def fine() -> Mapping[str, object]:
    """A dependency that is well."""
    return {"connections": 3}


async def broken() -> None:
    """A dependency that is out of reach."""
    raise ConnectionRefusedError("db.internal:5432")


class TestExamine:
    @pytest.mark.parametrize(
        ("checks", "status", "http_status"),
        [
            ([], Status.HEALTHY, 200),
            ([Check("a", fine)], Status.HEALTHY, 200),
            ([Check("a", fine), Check("b", broken, critical=False)], Status.DEGRADED, 200),
            ([Check("a", broken), Check("b", broken, critical=False)], Status.UNHEALTHY, 503),
        ],
    )
    async def test_the_worst_that_matters_counts(
        self, checks: list[Check], status: Status, http_status: int
    ) -> None:
        report = await examine("sample", checks)

        assert (report.status, report.http_status) == (status, http_status)

    async def test_numbers_are_shown_and_addresses_are_not(self) -> None:
        report = (await examine("sample", [Check("a", fine), Check("b", broken)])).as_json()

        components: Any = report["components"]
        assert components["a"]["metadata"] == {"connections": 3}
        assert components["a"]["response_time_ms"] >= 0
        assert components["b"]["metadata"] == {"error": "ConnectionRefusedError"}

    async def test_a_check_that_hangs_is_cut(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("libs.common.health.CHECK_TIMEOUT_SECONDS", 0.05)

        async def hang() -> None:
            await asyncio.Event().wait()

        report = await examine("sample", [Check("a", hang)])

        assert report.components["a"].metadata == {"error": "TimeoutError"}


class Database:
    """Stands in for the database; a test sets its revision, or takes it away."""

    def __init__(self) -> None:
        self.revision: str | None = "0002"
        self.away = False
        self.asked = 0

    @asynccontextmanager
    async def platform(self) -> AsyncIterator["Database"]:
        if self.away:
            raise DatabaseUnavailable
        yield self

    async def fetchval(self, query: str) -> str | None:
        self.asked += 1
        return self.revision

    async def ping(self) -> None:
        if self.away:
            raise DatabaseUnavailable


@pytest.fixture
def database() -> Database:
    """The database."""
    return Database()


@pytest.fixture
def readiness(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Readiness:
    """The readiness of a service with two revisions."""
    make_history(tmp_path)
    monkeypatch.setattr(
        "libs.common.readiness.revisions_behind_head",
        lambda service: revisions_behind_head(service, tmp_path),
    )
    settings = SimpleNamespace(service="sample")
    resources = SimpleNamespace(not_ready=False, database=database, settings=settings)
    return Readiness(cast("Resources", resources))


def make_history(root: Path) -> None:
    """Write the heads of two migrations."""
    folder = root / "sample" / "migrations" / "versions"
    folder.mkdir(parents=True)
    for revision, down in (("0001", "None"), ("0002", '"0001"')):
        lines = [f'revision: str = "{revision}"', f"down_revision: str | None = {down}"]
        (folder / f"{revision}_x.py").write_text("\n".join(lines))


class TestReadiness:
    @pytest.mark.parametrize(
        ("revision", "reason"),
        [
            (None, "migrations_pending"),
            ("0001", "migrations_pending"),
            ("0002", None),
            # The next version's migrations run while we still serve.
            ("0003", None),
        ],
    )
    async def test_needs_the_migrations(
        self, readiness: Readiness, database: Database, revision: str | None, reason: str | None
    ) -> None:
        database.revision = revision

        assert await readiness.reason_against() == reason

    async def test_needs_the_database(self, readiness: Readiness, database: Database) -> None:
        first = await readiness.reason_against()
        database.away = True

        assert (first, await readiness.reason_against()) == (None, "database_unavailable")

    async def test_looks_at_the_migrations_once(
        self, readiness: Readiness, database: Database
    ) -> None:
        await readiness.reason_against()
        asked = database.asked
        await readiness.reason_against()

        assert database.asked == asked


def test_a_merge_has_two_predecessors(tmp_path: Path) -> None:
    make_history(tmp_path)
    folder = tmp_path / "sample" / "migrations" / "versions"
    (folder / "0003_merge.py").write_text('revision = "0003"\ndown_revision = ("0002", "0002b")')

    assert revisions_behind_head("sample", tmp_path) == {"0001", "0002", "0002b"}


async def test_the_report_of_a_real_service(
    open_database: Callable[..., Any],
) -> None:
    database = await open_database("sample")

    async def probe() -> None:
        await database.ping()

    assert (await examine("sample", [Check("database", probe)])).status is Status.HEALTHY

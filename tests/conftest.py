"""The fixtures of all tests: real PostgreSQL and Redis, and a service's environment.

`TEST_POSTGRES_URL` (an owner who may create databases and roles) and `TEST_REDIS_URL` name servers
to use instead of those that a run starts for itself.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from libs.common.database import Database
from libs.common.database.roles import SERVICES
from libs.common.testing.databases import (
    ServiceUrls,
    clone,
    create_template,
    drop,
    drop_all,
    service_urls,
)
from libs.common.testing.keys import make_service_keys
from tests.servers import RUN_VARIABLE, TestRun

if TYPE_CHECKING:
    from tests.observers import ChatModel, Collector
    from tests.platform import Platform

COMMON_MIGRATIONS = Path(__file__).parent / "common" / "migrations"
"""The history of "sample", a service that has the common tables and nothing else."""

USE_THE_PLATFORM = ("flows", "tenancy")
"""The folders whose tests share one running platform."""

ROOT_KEY = bytes(range(32))
"""Of whoever encrypts in a database that tests share: two would not read each other's."""

_began: list[TestRun] = []

DatabaseUrls = Callable[[str], ServiceUrls]
ServiceEnvironment = Callable[[str], dict[str, str]]


class OpenDatabase(Protocol):
    """Opens a service's database; it is closed when the test ends."""

    async def __call__(self, service: str, *, pool_size: int = 4) -> Database: ...


def pytest_configure(config: pytest.Config) -> None:
    """Begin a run, unless this is one of its xdist workers."""
    if RUN_VARIABLE not in os.environ:
        _began.append(TestRun.begin())
        os.environ[RUN_VARIABLE] = str(_began[0].folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the run's servers, and leave nothing behind on those that were given."""
    for run in _began:
        given = os.environ.get("TEST_POSTGRES_URL")
        if given and any(run.folder.glob("*.template")):
            drop_all(given, prefix=_prefix(run))
        run.end()
        os.environ.pop(RUN_VARIABLE, None)
    _began.clear()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep together, in one process of `--dist loadfile`, also those who share the platform.

    The `loadgroup` of pytest-xdist 3.8 does not group anything with pytest 9.
    """
    if config.getoption("dist") != "loadfile":
        return None
    # It has no types, and is there only with its plugin.
    scheduler: Any = import_module("xdist.scheduler").LoadFileScheduling(config, log)
    by_file: Callable[[str], str] = scheduler._split_scope

    def by_what_is_shared(nodeid: str) -> str:
        uses_platform = any(f"tests/{folder}/" in nodeid for folder in USE_THE_PLATFORM)
        return "the platform" if uses_platform else by_file(nodeid)

    scheduler._split_scope = by_what_is_shared
    return scheduler


@pytest.fixture(scope="session")
def test_run() -> TestRun:
    """The run that this process takes part in."""
    return TestRun(Path(os.environ[RUN_VARIABLE]))


@pytest.fixture(scope="session")
def postgres(test_run: TestRun) -> str:
    """The owner's URL of a PostgreSQL server."""
    return os.environ.get("TEST_POSTGRES_URL") or test_run.postgres()


@pytest.fixture(scope="session")
def redis_url(test_run: TestRun, worker_number: int) -> str:
    """The URL of a Redis database that no other test process uses."""
    given = os.environ.get("TEST_REDIS_URL")
    if given:
        return given if worker_number == 0 else re.sub(r"(/\d+)?$", f"/{worker_number}", given)
    return f"{test_run.valkey()}/{worker_number}"


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of the empty Redis database of this test."""
    client: Redis = Redis.from_url(redis_url)
    await client.flushdb()
    yield client
    await client.aclose()


@pytest.fixture(scope="session")
def worker_number() -> int:
    """The number of this xdist worker; 0 without xdist."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


@pytest.fixture(scope="session")
def role_prefix(test_run: TestRun) -> str:
    """What the names of this run's databases and roles begin with."""
    return _prefix(test_run)


@pytest.fixture(scope="session")
def clone_database(
    postgres: str, test_run: TestRun, role_prefix: str
) -> Callable[..., dict[str, ServiceUrls]]:
    """Give new databases with the schemas of some services; see `database_urls`."""

    def make(*services: str) -> dict[str, ServiceUrls]:
        template = f"{role_prefix}_{'_'.join(sorted(services)) if len(services) < 5 else 'all'}"
        ready = test_run.folder / f"{template}.template"
        with test_run.lock("templates"):
            if not ready.exists():
                drop(postgres, template)
                folders = {"sample": COMMON_MIGRATIONS}
                create_template(postgres, template, services, prefix=role_prefix, folders=folders)
                ready.touch()
            name = f"{template}_{secrets.token_hex(4)}"
            owner_url = clone(postgres, template, name)
        return service_urls(owner_url, services, prefix=role_prefix)

    return make


@pytest.fixture(scope="session")
def database_urls(clone_database: Callable[..., dict[str, ServiceUrls]]) -> DatabaseUrls:
    """Give a service's migrated database, which all tests of this process share.

    Tests stay out of each other's way by using tenants of their own. Those that work across
    tenants (relay, runner, sweeper) take `fresh_database_urls`.
    """
    known: dict[str, ServiceUrls] = {}

    def urls(service: str) -> ServiceUrls:
        if service not in known:
            known.update(clone_database(service))
        return known[service]

    return urls


@pytest.fixture
def fresh_database_urls(
    clone_database: Callable[..., dict[str, ServiceUrls]],
) -> DatabaseUrls:
    """Give a service's migrated database that only this test uses."""
    known: dict[str, ServiceUrls] = {}

    def urls(service: str) -> ServiceUrls:
        if service not in known:
            known.update(clone_database(service))
        return known[service]

    return urls


@pytest.fixture(scope="session")
def platform_urls(
    clone_database: Callable[..., dict[str, ServiceUrls]],
) -> dict[str, ServiceUrls]:
    """One database with the schemas of all five services, by service."""
    return clone_database(*SERVICES)


@pytest.fixture
async def open_database(database_urls: DatabaseUrls) -> AsyncIterator[OpenDatabase]:
    """Open a service's shared database, with both of its roles."""
    async with AsyncExitStack() as stack:

        async def open_one(service: str, *, pool_size: int = 4) -> Database:
            return await _open(stack, database_urls(service), pool_size)

        yield open_one


@pytest.fixture
async def open_fresh_database(fresh_database_urls: DatabaseUrls) -> AsyncIterator[OpenDatabase]:
    """Open a service's database that only this test uses."""
    async with AsyncExitStack() as stack:

        async def open_one(service: str, *, pool_size: int = 4) -> Database:
            return await _open(stack, fresh_database_urls(service), pool_size)

        yield open_one


@pytest.fixture(scope="session")
def service_environment(database_urls: DatabaseUrls, redis_url: str) -> ServiceEnvironment:
    """Give the environment variables with which a service's settings can be made."""
    keys = make_service_keys(SERVICES)

    def environment(service: str) -> dict[str, str]:
        urls = database_urls(service)
        return {
            "ENVIRONMENT": "local",
            "PRIMARY_DB_URL": urls.primary,
            "WORKER_DB_URL": urls.worker,
            "REDIS_URL": redis_url,
            "MASTER_ENCRYPTION_KEY": base64.b64encode(ROOT_KEY).decode(),
            "SERVICE_KEY": keys.private_pems[service],
            "SERVICE_JWKS": json.dumps(keys.jwks),
        }

    return environment


@pytest.fixture
def make_tenant() -> Callable[[], UUID]:
    """Give ids of tenants that nobody else has."""
    return uuid4


def _prefix(run: TestRun) -> str:
    return "kt_" + run.folder.name.replace("-", "_")


async def _open(stack: AsyncExitStack, urls: ServiceUrls, pool_size: int) -> Database:
    database = Database(
        urls.primary, service=urls.service, worker_url=urls.worker, pool_size=pool_size
    )
    await database.open()
    stack.push_async_callback(database.close)
    return database


# Imports stay inside: the SDK and what else the platform's users need cost a second.


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Where the platform sends its traces."""
    from tests.observers import running_collector  # noqa: PLC0415

    with running_collector() as running:
        yield running


@pytest.fixture(scope="session")
def chat_model() -> Iterator[ChatModel]:
    """A chat model that agents may name."""
    from tests.observers import running_chat_model  # noqa: PLC0415

    with running_chat_model() as running:
        yield running


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Platform]:
    """A platform on embedded parts only, as `make up` starts it, but watched.

    One for all: it takes twenty seconds to start.
    """
    from tests.platform import MAX_UPLOAD_BYTES, running_platform  # noqa: PLC0415

    with running_platform(
        tmp_path_factory.mktemp("platform") / "home",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_BSP_SCHEDULE_DELAY="200",
        MAX_UPLOAD_BYTES=str(MAX_UPLOAD_BYTES),
    ) as started:
        yield started

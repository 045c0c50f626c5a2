"""The fixtures of all tests: real PostgreSQL and Redis, and a service's environment.

`TEST_POSTGRES_URL` (an owner who may create databases and roles) and `TEST_REDIS_URL` name servers
to use instead of those that a run starts for itself.
"""

from __future__ import annotations

import base64
import gc
import inspect
import json
import os
import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from types import ModuleType
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

THE_PLATFORM = "the platform"
TAKE_LONGEST = (
    THE_PLATFORM,
    "tests/ops/test_stack.py",
    "tests/conversations/workers/test_answering.py",
    "tests/conversations/endpoints/test_dialogue.py",
    "tests/auth/endpoints/test_scim.py",
    "tests/auth/endpoints/test_administration.py",
    "tests/documents/adapters/parsing/test_hostile.py",
    "tests/documents/use_cases/test_crawl_website.py",
    "tests/ops/test_locks.py",
    "tests/common/test_process.py",
    "tests/common/jobs/test_runner.py",
    "tests/auth/endpoints/test_config_values.py",
)
"""What takes longest for the number of its tests, the longest first."""

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
    # The order is that of the collection; xdist knows only how many tests a file has.
    config.option.loadscopereorder = False
    # It has no types, and is there only with its plugin.
    scheduler: Any = import_module("xdist.scheduler").LoadFileScheduling(config, log)
    scheduler._split_scope = _kept_together
    return scheduler


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect with a quarter less effort.

    Before Python 3.13, pydantic looks for a model's docstrings in each frame of the stack, and for
    the module of a frozen one, which has none, `inspect` goes through all modules there are.
    """
    find = inspect.getmodule

    def getmodule(thing: Any, _filename: str | None = None) -> ModuleType | None:
        if inspect.isframe(thing) and thing.f_code.co_filename.startswith("<frozen "):
            return None
        return find(thing, _filename)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspect, "getmodule", getmodule)
        yield
    # What is there now stays: the collector of garbage need not look at it again and again.
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, where several processes share the tests.

    A long file that comes last is waited for by one process while the others are idle.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    sizes = Counter(_kept_together(item.nodeid) for item in items)

    def place(item: pytest.Item) -> tuple[int, int, str]:
        together = _kept_together(item.nodeid)
        long = TAKE_LONGEST.index(together) if together in TAKE_LONGEST else len(TAKE_LONGEST)
        return long, -sizes[together], together

    items.sort(key=place)


def _kept_together(nodeid: str) -> str:
    """Return what the tests have in common that one process must run."""
    uses_platform = any(nodeid.startswith(f"tests/{folder}/") for folder in USE_THE_PLATFORM)
    return THE_PLATFORM if uses_platform else nodeid.partition("::")[0]


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

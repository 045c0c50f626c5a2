"""Migrated databases for tests, cloned from templates: 40 ms instead of a second.

A template is made once for a set of services; each test process clones it for itself. Roles and
policies are those of production, so tests meet row-level security as callers do.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from libs.common.database.migrations import run_migrations
from libs.common.database.roles import ServiceRoles, prepare_database, prepare_service

ROLE_PASSWORD = "only-for-tests"
CONNECT_ATTEMPTS = 100

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ServiceUrls:
    """How a service reaches its migrated database, and how its owner does."""

    service: str
    primary: str
    worker: str
    owner: str


def service_urls(owner_url: str, services: Iterable[str], *, prefix: str) -> dict[str, ServiceUrls]:
    """Return the URLs of `services` in the database that `owner_url` names."""
    urls = {}
    for service in services:
        roles = ServiceRoles.named(service, prefix=prefix)
        urls[service] = ServiceUrls(
            service=service,
            primary=_with_login(owner_url, roles.service),
            worker=_with_login(owner_url, roles.worker),
            owner=owner_url,
        )
    return urls


def create_template(
    owner_url: str,
    name: str,
    services: Sequence[str],
    *,
    prefix: str,
    folders: Mapping[str, Path] | None = None,
) -> None:
    """Create the database `name` with the migrated schemas of `services`.

    Args:
        owner_url: The owner's, for any database of the server.
        name: Of the new database.
        services: Whose roles, schemas and tables it gets.
        prefix: Of the role names.
        folders: Migration folders that are not where a service's stand.
    """
    template_url = with_database(owner_url, name)

    async def prepare() -> None:
        server = await _connect(owner_url)
        await server.execute(f'CREATE DATABASE "{name}"')
        await server.close()
        database = await _connect(template_url)
        await prepare_database(database)
        for service in services:
            await prepare_service(
                database,
                service,
                roles=ServiceRoles.named(service, prefix=prefix),
                service_password=ROLE_PASSWORD,
                worker_password=ROLE_PASSWORD,
            )
        await database.close()

    run_apart(prepare())
    for service in services:
        _migrate(service, template_url, prefix=prefix, folder=(folders or {}).get(service))


def clone(owner_url: str, template: str, name: str) -> str:
    """Create the database `name` from a template and return its owner's URL."""
    execute(owner_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return with_database(owner_url, name)


def drop(owner_url: str, name: str) -> None:
    """Drop a database, cutting the connections that are left."""
    execute(owner_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def drop_all(owner_url: str, *, prefix: str) -> None:
    """Drop the databases and roles whose names begin with `prefix`."""

    async def run() -> None:
        connection = await _connect(owner_url)
        try:
            for kind, names in (
                ("DATABASE", "SELECT datname FROM pg_database WHERE starts_with(datname, $1)"),
                ("ROLE", "SELECT rolname FROM pg_roles WHERE starts_with(rolname, $1)"),
            ):
                for row in await connection.fetch(names, prefix):
                    await connection.execute(f'DROP {kind} "{row[0]}"')
        finally:
            await connection.close()

    run_apart(run())


def execute(url: str, *statements: str) -> None:
    """Run statements outside a transaction, from code that is not asynchronous."""

    async def run() -> None:
        connection = await _connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    run_apart(run())


def with_database(url: str, name: str) -> str:
    """Return `url` for another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a thread of its own, since the test's loop may be this thread's."""
    results: list[T] = []
    errors: list[BaseException] = []

    def target() -> None:
        try:
            results.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            errors.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _migrate(service: str, owner_url: str, *, prefix: str, folder: Path | None) -> None:
    roles = ServiceRoles.named(service, prefix=prefix)

    async def migrate() -> None:
        await asyncio.to_thread(run_migrations, service, owner_url, roles=roles, folder=folder)

    run_apart(migrate())


async def _connect(url: str) -> asyncpg.Connection:
    for _ in range(CONNECT_ATTEMPTS):
        try:
            return await asyncpg.connect(url)
        except asyncpg.CannotConnectNowError:
            # The port is open a moment before the server has found its feet.
            await asyncio.sleep(0.05)
    return await asyncpg.connect(url)


def _with_login(url: str, role: str) -> str:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{ROLE_PASSWORD}@{place}"))

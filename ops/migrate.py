"""Bring the database to the newest schema: database, extension, schemas, roles, histories.

The local launcher, compose's one-shot service and the Kubernetes Job all run this. It is safe to
run twice and at once; when nothing is to be done it returns in a tenth of a second.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

import asyncpg

from ops.errors import OpsError
from ops.paths import ROOT
from ops.services import SERVICES

# Any number will do, as long as every migration takes the same one.
ADVISORY_LOCK: Final = 0x6B6E6F77
CONNECT_SECONDS: Final = 5.0
SECRETS_FOLDER: Final = Path("/run/secrets")


def mounted_secrets(folder: Path = SECRETS_FOLDER) -> dict[str, str]:
    """Return the variables that a container engine has mounted, a file for each."""
    if not folder.is_dir():
        return {}
    return {
        path.name.upper(): path.read_text(encoding="utf-8").strip()
        for path in folder.iterdir()
        if path.is_file()
    }


@dataclass(frozen=True, kw_only=True)
class Target:
    """The database, and the passwords of the roles that are to be in it.

    Attributes:
        owner_url: May create the database, or owns it, and may create roles.
        passwords: By role name without prefix, such as `documents` and `documents_worker`.
    """

    owner_url: str
    passwords: Mapping[str, str]
    prefix: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Target":
        """Read POSTGRES_URL, DB_ROLE_PREFIX and `<SERVICE>[_WORKER]_DB_PASSWORD`.

        Raises:
            OpsError: one of them is missing; names it.
        """
        url = environment.get("POSTGRES_URL")
        if not url:
            raise OpsError("POSTGRES_URL is not set: give the URL of the database's owner.")
        passwords = {}
        for service in SERVICES:
            for role in (service, f"{service}_worker"):
                variable = f"{role.upper()}_DB_PASSWORD"
                if not environment.get(variable):
                    raise OpsError(f"{variable} is not set: each service logs in as its own role.")
                passwords[role] = environment[variable]
        prefix = environment.get("DB_ROLE_PREFIX") or role_prefix(url)
        return cls(owner_url=url, passwords=passwords, prefix=prefix)

    def role(self, name: str) -> str:
        """Return the full name of a role."""
        return f"{self.prefix}_{name}"


def database_of(url: str) -> str:
    """Return the name of the database in a URL, PostgreSQL's default being the user's name."""
    parts = urlsplit(url)
    return unquote(parts.path.lstrip("/")) or unquote(parts.username or "") or "postgres"


def role_prefix(url: str) -> str:
    """Return what role names begin with: the database's name, made fit for SQL."""
    return re.sub(r"[^a-z0-9_]", "_", database_of(url).lower()).lstrip("0123456789") or "knowrithm"


def login_url(url: str, *, role: str, password: str) -> str:
    """Return `url` with another login."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(role, safe='')}:{quote(password, safe='')}@{host}"
    path = parts.path if parts.path.strip("/") else f"/{quote(database_of(url), safe='')}"
    return SplitResult("postgresql", netloc, path, parts.query, "").geturl()


def heads_of(service: str) -> str | None:
    """Return the newest revision of a service, read from its files; None if none."""
    revisions: set[str] = set()
    parents: set[str] = set()
    folder = ROOT / "services" / service / "migrations" / "versions"
    for file in sorted(folder.glob("[0-9]*.py")):
        text = file.read_text()
        if found := re.search(r"^revision\b[^=\n]*=\s*[\"']([^\"']+)", text, re.MULTILINE):
            revisions.add(found[1])
        if found := re.search(r"^down_revision\b[^=\n]*=\s*[\"']([^\"']+)", text, re.MULTILINE):
            parents.add(found[1])
    newest = revisions - parents
    if len(newest) > 1:
        raise OpsError(f"{folder} has two newest revisions: {', '.join(sorted(newest))}.")
    return newest.pop() if newest else None


async def migrate(target: Target, *, wait_seconds: float = 0.0) -> list[str]:
    """Bring everything up to date.

    Args:
        wait_seconds: How long to wait for a server that is not there yet.

    Returns:
        The services whose schema changed; empty when there was nothing to do.

    Raises:
        OpsError: the server is out of reach, or the owner lacks a right; says which.
    """
    owner = await _connect_owner(target.owner_url, wait_seconds=wait_seconds)
    try:
        if await _up_to_date(owner, target):
            return []
        # Two migrations at once: the second waits here and then finds nothing to do.
        await owner.execute("SELECT pg_advisory_lock($1)", ADVISORY_LOCK)
        behind = [service for service in SERVICES if not await _at_head(owner, service)]
        await _prepare(owner, target)
        for service in behind:
            await asyncio.to_thread(_run_history, service, target)
        return behind
    except asyncpg.InsufficientPrivilegeError as error:
        # The launcher shows one line of it, and a hint would be the last.
        refused = str(error).splitlines()[0]
        if "extension" in refused:
            raise OpsError(
                f"The owner in POSTGRES_URL may not make the extension pgvector ({refused}): let a "
                "superuser run `CREATE EXTENSION vector` in that database, once."
            ) from error
        raise OpsError(
            f"The owner in POSTGRES_URL lacks a right ({refused}): it needs to own the database "
            "and to have CREATEROLE."
        ) from error
    except asyncpg.UndefinedFileError as error:
        raise OpsError(
            "The server of POSTGRES_URL has no pgvector: install it there (extension `vector`)."
        ) from error
    finally:
        await owner.close()


async def _connect_owner(url: str, *, wait_seconds: float) -> asyncpg.Connection:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            return await _connect_or_create(url)
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError) as error:
            if time.monotonic() > deadline:
                host = urlsplit(url).netloc.rpartition("@")[2]
                raise OpsError(f"PostgreSQL at {host} is out of reach: {error}.") from error
            await asyncio.sleep(0.3)
        except (
            asyncpg.InvalidPasswordError,
            asyncpg.InvalidAuthorizationSpecificationError,
        ) as error:
            raise OpsError(f"PostgreSQL refuses the login in POSTGRES_URL: {error}.") from error
        except (ValueError, asyncpg.InterfaceError) as error:
            raise OpsError(f"POSTGRES_URL cannot be used: {error}.") from error


async def _connect_or_create(url: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(url, timeout=CONNECT_SECONDS)
    except asyncpg.InvalidCatalogNameError:
        maintenance = await asyncpg.connect(url, database="postgres", timeout=CONNECT_SECONDS)
        try:
            name = database_of(url).replace('"', '""')
            await maintenance.execute(f'CREATE DATABASE "{name}"')
        except asyncpg.DuplicateDatabaseError:
            pass  # somebody else was faster
        finally:
            await maintenance.close()
        return await asyncpg.connect(url, timeout=CONNECT_SECONDS)


async def _at_head(owner: asyncpg.Connection, service: str) -> bool:
    head = heads_of(service)
    if head is None:
        return True  # a service without tables
    if await owner.fetchval("SELECT to_regclass($1)", f"{service}.alembic_version") is None:
        return False
    await owner.execute("SELECT set_config('search_path', $1, false)", service)
    return bool(await owner.fetchval("SELECT version_num FROM alembic_version") == head)


async def _up_to_date(owner: asyncpg.Connection, target: Target) -> bool:
    for service in SERVICES:
        if not await _at_head(owner, service):
            return False
    # Only a login tells whether a role is there with the password that its service will use.
    logins = [_can_log_in(target, name, password) for name, password in target.passwords.items()]
    return all(await asyncio.gather(*logins))


async def _can_log_in(target: Target, name: str, password: str) -> bool:
    url = login_url(target.owner_url, role=target.role(name), password=password)
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
    except (asyncpg.PostgresError, OSError, TimeoutError):
        return False
    await connection.close()
    return True


async def _prepare(owner: asyncpg.Connection, target: Target) -> None:
    from libs.common.database.roles import (  # noqa: PLC0415 - half a second, only when needed
        ServiceRoles,
        prepare_database,
        prepare_service,
    )

    await prepare_database(owner)
    for service in SERVICES:
        await prepare_service(
            owner,
            service,
            roles=ServiceRoles.named(service, prefix=target.prefix),
            service_password=target.passwords[service],
            worker_password=target.passwords[f"{service}_worker"],
        )


def _run_history(service: str, target: Target) -> None:
    from libs.common.database.migrations import run_migrations  # noqa: PLC0415 - as above
    from libs.common.database.roles import ServiceRoles  # noqa: PLC0415 - as above

    roles = ServiceRoles.named(service, prefix=target.prefix)
    run_migrations(service, target.owner_url, roles=roles)


async def create_owner(superuser_url: str, *, owner: str, password: str, database: str) -> str:
    """Make the owner role and its database in an embedded server; repeatable.

    The owner is no superuser, as with a managed database, so that nothing comes to rely on one.

    Returns:
        The owner's URL, for `Target`.
    """
    connection = await asyncpg.connect(superuser_url, timeout=CONNECT_SECONDS)
    try:
        exists = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", owner)
        literal = await connection.fetchval("SELECT quote_literal($1)", password)
        verb = "ALTER" if exists else "CREATE"
        await connection.execute(f'{verb} ROLE "{owner}" LOGIN CREATEROLE PASSWORD {literal}')
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            await connection.execute(f'CREATE DATABASE "{database}" OWNER "{owner}"')
    finally:
        await connection.close()
    inside = urlsplit(superuser_url)._replace(path=f"/{database}").geturl()
    connection = await asyncpg.connect(inside, timeout=CONNECT_SECONDS)
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
    finally:
        await connection.close()
    url = login_url(superuser_url, role=owner, password=password)
    return urlsplit(url)._replace(path=f"/{database}").geturl()

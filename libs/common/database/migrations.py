"""Helpers for migrations, and the way to run a service's own.

A migration file reads like a list: create the table, `protect` it. What stands behind that word
(row-level security enabled and forced, the tenant policy for reading and writing, the grants) is
here, once.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NoReturn

from alembic import command, context, op
from alembic.config import Config
from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from libs.common.database.common_tables import COMMON_TABLES, common_tables_ddl
from libs.common.database.models import PLATFORM_TENANT
from libs.common.database.roles import ServiceRoles

# The sub-select is evaluated once a statement instead of once a row; after its first use in a
# connection the setting reads as an empty string rather than null.
_TENANT = "(SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"
_OWN = f"tenant_id = {_TENANT}"
_SHARED = f"tenant_id = '{PLATFORM_TENANT}'"
_CROSS_TENANT = "(SELECT current_setting('app.cross_tenant', true)) = 'on'"
_LOOKUP = "(SELECT current_setting('app.lookup', true)) = 'on'"

ALL_WRITES = "SELECT, INSERT, UPDATE, DELETE"
_TIMEOUTS = "SET lock_timeout = '10s'"


def create_common_tables(service: str) -> None:
    """Create what every service has: outbox, inbox, jobs, tenant keys, idempotency keys."""
    if service != _schema():
        raise ValueError(f"the migrations of {_schema()} create the tables of {service}")
    for statement in common_tables_ddl():
        op.execute(statement)
    for table in COMMON_TABLES:
        protect(table, cross_tenant=True)


def protect(table: str, *, cross_tenant: bool = False, writes: str = ALL_WRITES) -> None:
    """Put a tenant table behind row-level security and grant it to the service's role.

    Args:
        table: Has a `tenant_id`, first in its primary key.
        cross_tenant: The worker's role may see all rows, in transactions that say so.
        writes: What the service's role may do; append-only tables leave out UPDATE and DELETE.
    """
    _force(table)
    _policy(table, "tenant", using=_OWN, check=_OWN)
    op.execute(f'GRANT {writes} ON "{table}" TO "{_roles().service}"')
    if cross_tenant:
        _policy(table, "cross_tenant", to=_roles().worker, using=_CROSS_TENANT, check=_CROSS_TENANT)
        op.execute(f'GRANT {writes} ON "{table}" TO "{_roles().worker}"')


def protect_shared(table: str) -> None:
    """Protect a table whose platform rows all may read: "own or shared", writing own only."""
    _force(table)
    _policy(table, "readable", command="SELECT", using=f"{_OWN} OR {_SHARED}")
    own = f"{_OWN} AND NOT {_SHARED}"
    _policy(table, "insertable", command="INSERT", check=own)
    _policy(table, "updatable", command="UPDATE", using=own, check=own)
    _policy(table, "deletable", command="DELETE", using=own)
    op.execute(f'GRANT {ALL_WRITES} ON "{table}" TO "{_roles().service}"')
    # Migrations seed the shared rows.
    owner = op.get_bind().scalar(text("SELECT current_user"))
    _policy(table, "seed", to=str(owner), using=_LOOKUP, check=_LOOKUP)


@contextmanager
def seeding() -> Iterator[None]:
    """Let the migration's own role write shared rows of tables under `protect_shared`."""
    op.execute("SET LOCAL app.lookup = 'on'")
    yield
    op.execute("SET LOCAL app.lookup = ''")


def define_lookup(
    name: str, arguments: str, *, returns: str, body: str, worker_only: bool = False
) -> None:
    """Define a narrow SECURITY DEFINER function, for use before a tenant is known.

    It runs as the owner and returns ids, not rows: `returns` should be as little as will do.

    Args:
        name: The function's name.
        arguments: As in `p_email text`.
        returns: As in `TABLE (tenant_id uuid, user_id uuid)`; a set in any case.
        body: One SQL query.
        worker_only: The service's own role may not call it.
    """
    # The setting opens the owner's own read policy while the query runs. It cannot be a SET
    # clause of the function: only superusers may attach settings the server does not know.
    service = _schema()
    types = ", ".join(part.split()[-1] for part in arguments.split(",")) if arguments else ""
    op.execute(
        f'CREATE OR REPLACE FUNCTION "{name}"({arguments}) RETURNS {returns} '
        f"LANGUAGE plpgsql SECURITY DEFINER SET search_path = {service}, public, pg_temp "
        "AS $lookup$\n#variable_conflict use_column\nBEGIN\n"
        "PERFORM set_config('app.lookup', 'on', true);\n"
        f"RETURN QUERY {body};\n"
        "PERFORM set_config('app.lookup', '', true);\n"
        "END $lookup$"
    )
    op.execute(f'REVOKE ALL ON FUNCTION "{name}"({types}) FROM PUBLIC')
    roles = (_roles().worker,) if worker_only else (_roles().service, _roles().worker)
    for role in roles:
        op.execute(f'GRANT EXECUTE ON FUNCTION "{name}"({types}) TO "{role}"')


def define_tenant_function(
    name: str, arguments: str, *, returns: str, body: str, declare: str = ""
) -> None:
    """Define a function that does a tenant's work in one round trip, for `Database.call`.

    Its first argument is `p_tenant`, which it makes the tenant of its transaction. It runs with
    the caller's rights, so row-level security holds in it.

    Args:
        name: The function's name.
        arguments: Those after `p_tenant`, as in `p_agent uuid, p_limit integer`.
        returns: A type, or `TABLE (…)`.
        body: Statements of PL/pgSQL; a bare name that could be a column's is the column's.
        declare: Variables of the body.
    """
    op.execute(
        f'CREATE OR REPLACE FUNCTION "{name}"(p_tenant uuid, {arguments}) RETURNS {returns} '
        # Planned once: its arguments say little about the best plan, and planning anew for each
        # call costs as much as the call.
        "LANGUAGE plpgsql SECURITY INVOKER SET plan_cache_mode = force_generic_plan "
        "AS $tenant$\n#variable_conflict use_column\n"
        # An assignment of a plain expression costs a tenth of what PERFORM does.
        f"DECLARE v_tenant text := set_config('app.tenant_id', p_tenant::text, true); {declare}\n"
        f"BEGIN\n{body}\nEND $tenant$"
    )
    op.execute(f'REVOKE ALL ON FUNCTION "{name}" FROM PUBLIC')
    op.execute(f'GRANT EXECUTE ON FUNCTION "{name}" TO "{_roles().service}"')


def refuse_downgrade(*, loses: str) -> NoReturn:
    """End a downgrade that would lose what people have stored.

    Raises:
        RuntimeError: Always; names what would be lost.
    """
    raise RuntimeError(f"a downgrade would lose {loses}: restore a backup instead")


def _force(table: str) -> None:
    op.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    op.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
    owner = op.get_bind().scalar(text("SELECT current_user"))
    _policy(table, "lookup", to=str(owner), command="SELECT", using=_LOOKUP)


def _policy(
    table: str,
    name: str,
    *,
    to: str | None = None,
    command: Literal["ALL", "SELECT", "INSERT", "UPDATE", "DELETE"] = "ALL",
    using: str | None = None,
    check: str | None = None,
) -> None:
    parts = [f'CREATE POLICY "{name}" ON "{table}" FOR {command}']
    if to is not None:
        parts.append(f'TO "{to}"')
    if using is not None:
        parts.append(f"USING ({using})")
    if check is not None:
        parts.append(f"WITH CHECK ({check})")
    op.execute(" ".join(parts))


def _roles() -> ServiceRoles:
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through run_migrations()")
    roles: ServiceRoles = config.attributes["roles"]
    return roles


def _schema() -> str:
    config = op.get_context().config
    if config is None:
        raise RuntimeError("migrations run through run_migrations()")
    return str(config.attributes["service"])


def run_migrations(
    service: str, owner_url: str, *, roles: ServiceRoles, folder: Path | None = None
) -> None:
    """Bring a service's schema to its newest revision. Blocking; no event loop may be running.

    Args:
        service: `services/<service>/migrations` holds the history, which stands in the
            service's own schema.
        owner_url: The database's owner.
        roles: Whom the tables are granted to.
        folder: The history, where it is not the service's own (tests).
    """
    config = Config()
    if folder is None:
        folder = Path(__file__).resolve().parents[3] / "services" / service / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes.update(service=service, owner_url=owner_url, roles=roles)
    command.upgrade(config, "head")


def run_environment() -> None:
    """What each service's `migrations/env.py` calls."""
    asyncio.run(_run_environment())


async def _run_environment() -> None:
    attributes = context.config.attributes
    service: str = attributes["service"]
    url = make_url(attributes["owner_url"]).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(
        url,
        poolclass=NullPool,
        connect_args={"server_settings": {"search_path": f"{service},public"}},
    )
    async with engine.connect() as connection:
        await connection.run_sync(_upgrade, service, attributes["roles"])
        await connection.commit()
    await engine.dispose()


def _upgrade(connection: Connection, service: str, roles: ServiceRoles) -> None:
    connection.execute(text(_TIMEOUTS))
    context.configure(connection=connection, version_table_schema=service)
    with context.begin_transaction():
        context.run_migrations()
        # A service's readiness compares the schema's version with what its code expects.
        for role in (roles.service, roles.worker):
            connection.execute(text(f'GRANT SELECT ON "{service}".alembic_version TO "{role}"'))

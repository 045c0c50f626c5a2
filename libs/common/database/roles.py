"""The login roles of a service, and the preparation that only the database's owner can do.

Each service has two roles, which own nothing and cannot bypass row-level security: one for its
tenants' work, one for work across tenants (relay, sweeper). Their names begin with a prefix, the
database's name unless told otherwise, since roles are shared by all databases of a server.
"""

import re
from dataclasses import dataclass

import asyncpg

SERVICES = ("auth", "agents", "conversations", "documents", "analytics")

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,40}\Z")


@dataclass(frozen=True, kw_only=True)
class ServiceRoles:
    """The names of a service's two login roles."""

    service: str
    worker: str

    @classmethod
    def named(cls, service: str, *, prefix: str) -> "ServiceRoles":
        """Name the roles of `service`.

        Raises:
            ValueError: The prefix is not a plain lower-case SQL name.
        """
        if not _NAME.match(prefix):
            raise ValueError(f"not usable as a prefix of role names: {prefix!r}")
        return cls(service=f"{prefix}_{service}", worker=f"{prefix}_{service}_worker")


async def prepare_service(
    owner: asyncpg.Connection,
    service: str,
    *,
    roles: ServiceRoles,
    service_password: str,
    worker_password: str,
) -> None:
    """Make a service's schema and roles, or bring their passwords up to date; repeatable.

    Args:
        owner: A connection as the database's owner (who may create roles).
        service: Names the schema.
        roles: The names of the two roles.
        service_password: For `roles.service`.
        worker_password: For `roles.worker`.
    """
    await owner.execute(f'CREATE SCHEMA IF NOT EXISTS "{service}"')
    for role, password in ((roles.service, service_password), (roles.worker, worker_password)):
        exists = await owner.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
        # Only superusers may name the other attributes again, and new roles start without them.
        verb = f'ALTER ROLE "{role}"' if exists else f'CREATE ROLE "{role}" NOINHERIT'
        # Utility statements take no parameters; quote_literal is the server's own quoting.
        literal = await owner.fetchval("SELECT quote_literal($1)", password)
        await owner.execute(f"{verb} LOGIN PASSWORD {literal}")
        await owner.execute(f'GRANT USAGE ON SCHEMA "{service}" TO "{role}"')


async def prepare_database(owner: asyncpg.Connection) -> None:
    """Add the vector extension and take from PUBLIC what nobody needs; repeatable."""
    if not await owner.fetchval("SELECT 1 FROM pg_extension WHERE extname = 'vector'"):
        await owner.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
    await owner.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")

"""The local stack's step between "PostgreSQL is up" and "services may start".

In an embedded server the owner and its database are made first; from there on it is the migration
that compose and Kubernetes run.
"""

import asyncio
import os
import sys
from urllib.parse import unquote, urlsplit

import asyncpg

from ops.errors import OpsError
from ops.migrate import Target, create_owner, database_of, migrate

SUPERUSER_URL = "EMBEDDED_SUPERUSER_URL"


async def prepare() -> None:
    """Make what is missing; quick when nothing is."""
    target = Target.from_environment(os.environ)
    superuser_url = os.environ.get(SUPERUSER_URL)
    if superuser_url and not await _exists(target.owner_url):
        parts = urlsplit(target.owner_url)
        await create_owner(
            superuser_url,
            owner=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=database_of(target.owner_url),
        )
    changed = await migrate(target, wait_seconds=20.0)
    print(f"migrated: {', '.join(changed) or 'nothing to do'}")


async def _exists(owner_url: str) -> bool:
    try:
        connection = await asyncpg.connect(owner_url, timeout=5)
    except (asyncpg.PostgresError, OSError, TimeoutError):
        return False
    await connection.close()
    return True


if __name__ == "__main__":
    try:
        asyncio.run(prepare())
    except OpsError as error:
        sys.exit(str(error))

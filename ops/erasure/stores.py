"""Every store of the platform, opened for erasing.

On one machine they are those of the running local stack. In a cluster the command runs in the
`ops` image with auth's environment and, beside it, the owner's `POSTGRES_URL`, `OBJECT_STORE_URL`
and, where there is one, `QDRANT_URL`.
"""

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from libs.common.database import Database, DatabaseUnavailable
from libs.common.objects import open_store
from libs.common.security import SigningKey
from ops.erasure.caches import Caches
from ops.erasure.erase import SETTLE_SECONDS, Erasure, Vectors
from ops.erasure.ledger import Ledger
from ops.erasure.objects import Objects
from ops.erasure.rows import Rows
from ops.errors import OpsError
from ops.migrate import mounted_secrets
from ops.service_environment import in_a_service, running_stack, settings_of

NEEDED = ("POSTGRES_URL", "REDIS_URL", "OBJECT_STORE_URL")


def public_keys() -> Mapping[str, Any]:
    """Return the platform's public keys, by which receipts are believed."""
    jwks: Mapping[str, Any] = json.loads(settings_of("auth").service_jwks_json)
    return jwks


def addresses() -> dict[str, str]:
    """Return the URLs of the stores, by variable.

    Raises:
        OpsError: One is missing, or no local stack is running; says which.
    """
    if not in_a_service():
        wiring = running_stack()
        own = {
            "POSTGRES_URL": wiring.owner_url,
            "ERASURE_LEDGER_URL": wiring.settings.erasure_ledger_url or "",
        }
        return wiring.environment_of("documents") | own
    found = {**mounted_secrets(), **os.environ}
    for name in NEEDED:
        if not found.get(name):
            raise OpsError(f"{name} is not set: a tenant is erased from every store, or not.")
    return found


@asynccontextmanager
async def opened(
    *, settle_seconds: float = SETTLE_SECONDS, vacuum: bool = True
) -> AsyncIterator[Erasure]:
    """Open everything; close it at the end.

    Raises:
        OpsError: A store is out of reach.
    """
    urls, auth = addresses(), settings_of("auth")
    async with AsyncExitStack() as stack:
        try:
            owner = await asyncpg.connect(urls["POSTGRES_URL"], timeout=5)
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            host = urlsplit(urls["POSTGRES_URL"]).netloc.rpartition("@")[2]
            raise OpsError(f"PostgreSQL at {host} is out of reach: {error}.") from error
        stack.push_async_callback(owner.close)
        redis: Redis = Redis.from_url(
            urls["REDIS_URL"], socket_connect_timeout=5, socket_timeout=30
        )
        stack.push_async_callback(redis.aclose)
        trail = Database(auth.primary_db_url.get_secret_value(), service="auth", pool_size=2)
        stack.push_async_callback(trail.close)
        try:
            await trail.open()
            objects = open_store(urls["OBJECT_STORE_URL"])
            places = [objects]
            if second := urls.get("ERASURE_LEDGER_URL"):
                places.append(open_store(second))
            yield Erasure(
                rows=Rows(owner),
                objects=Objects(objects),
                caches=Caches(redis),
                vectors=await _vectors(urls, stack),
                ledger=Ledger(
                    places,
                    key=SigningKey("auth", auth.service_key_pem),
                    jwks=json.loads(auth.service_jwks_json),
                ),
                trail=trail,
                settle_seconds=settle_seconds,
                vacuum=vacuum,
            )
        except RedisError as error:
            raise OpsError(f"Redis did not do it: {error}. Start again; it goes on.") from error
        except (DatabaseUnavailable, asyncpg.PostgresConnectionError, OSError) as error:
            raise OpsError(f"A store is out of reach: {error}. Start again; it goes on.") from error


async def _vectors(urls: Mapping[str, str], stack: AsyncExitStack) -> Vectors | None:
    url = urls.get("QDRANT_URL")
    if not url:
        return None
    from services.documents.adapters.vectors.qdrant import (  # noqa: PLC0415 - half a second
        QdrantStore,
        open_client,
    )

    client = open_client(url, api_key=urls.get("QDRANT_API_KEY"))
    stack.push_async_callback(client.close)
    return QdrantStore(client)

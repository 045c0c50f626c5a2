"""The rows of `Idempotency-Key`s: claimed, kept locked, finished with a reply, or freed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import orjson

from libs.common.background import running
from libs.common.errors import Conflict, Invalid, Unavailable
from libs.common.telemetry.logging import get_logger

if TYPE_CHECKING:
    from libs.common.crypto import KeyRing
    from libs.common.database import Database

log = get_logger(__name__)

KEEP_HOURS: Final = 24
LOCK_SECONDS: Final = 60
RENEW_SECONDS: Final = 20.0
WAIT_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.1

_CLAIM: Final = """
INSERT INTO idempotency_keys AS known
    (tenant_id, key_hash, request_hash, state, locked_until)
VALUES ($1, $2, $3, 'running', now() + make_interval(secs => $4))
ON CONFLICT (tenant_id, key_hash) DO UPDATE
    SET request_hash = excluded.request_hash, state = 'running', created_at = now(),
        locked_until = excluded.locked_until, status = NULL, headers = NULL, body = NULL
    WHERE known.created_at < now() - make_interval(hours => $5)
       OR (known.state = 'running' AND known.locked_until < now()
           AND known.request_hash = excluded.request_hash)
RETURNING locked_until
"""
_READ: Final = """
SELECT request_hash, state, status, headers, body FROM idempotency_keys
WHERE tenant_id = $1 AND key_hash = $2
"""
# The lock's end is the fencing token: whoever lost the key to another cannot write any more.
_RENEW: Final = """
UPDATE idempotency_keys SET locked_until = now() + make_interval(secs => $4)
WHERE tenant_id = $1 AND key_hash = $2 AND state = 'running' AND locked_until = $3
RETURNING locked_until
"""
_FINISH: Final = """
UPDATE idempotency_keys SET state = 'done', status = $4, headers = $5, body = $6
WHERE tenant_id = $1 AND key_hash = $2 AND state = 'running' AND locked_until = $3
"""
_RELEASE: Final = """
DELETE FROM idempotency_keys
WHERE tenant_id = $1 AND key_hash = $2 AND state = 'running' AND locked_until = $3
"""


class KeyReused(Invalid):
    """The idempotency key was sent before, with another request."""

    http_status = 422
    code = "idempotency_key_reused"
    message = "This Idempotency-Key was used with a different request. Use a new key."


class TwinRunning(Conflict):
    """A request with the same idempotency key is still running."""

    code = "idempotency_key_in_use"
    message = "A request with this Idempotency-Key is still running. Try again shortly."


@dataclass(frozen=True, slots=True)
class StoredReply:
    """A reply as it is kept."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class KeyRecord:
    """One key's row in `idempotency_keys`.

    Args:
        database: Of the service.
        key_ring: Encrypts the stored body.
        tenant_id: The caller's, or the platform's for callers nobody knows.
        key_hash: Of the key and the caller's identity.
        request_hash: Of everything that makes the request what it is.
    """

    def __init__(
        self,
        database: "Database",
        key_ring: "KeyRing",
        *,
        tenant_id: UUID,
        key_hash: bytes,
        request_hash: bytes,
    ) -> None:
        self._database = database
        self._key_ring = key_ring
        self._tenant_id = tenant_id
        self._key_hash = key_hash
        self._request_hash = request_hash
        self._locked_until: datetime | None = None

    async def claim(self) -> StoredReply | None:
        """Claim the key, or wait for the twin that holds it and return its reply.

        Raises:
            KeyReused: The key was used with another request.
            TwinRunning: The twin is still running.
        """
        gives_up_at = asyncio.get_running_loop().time() + WAIT_SECONDS
        while True:
            async with self._database.lean(self._tenant_id) as connection:
                self._locked_until = await connection.fetchval(
                    _CLAIM,
                    self._tenant_id,
                    self._key_hash,
                    self._request_hash,
                    LOCK_SECONDS,
                    KEEP_HOURS,
                )
                if self._locked_until is not None:
                    return None
                row = await connection.fetchrow(_READ, self._tenant_id, self._key_hash)
            if row is not None:
                if row["request_hash"] != self._request_hash:
                    raise KeyReused
                if row["state"] == "done":
                    return await self._opened(row["status"], row["headers"], row["body"])
            if asyncio.get_running_loop().time() >= gives_up_at:
                raise TwinRunning(retry_after_seconds=2)
            await asyncio.sleep(POLL_SECONDS)

    @contextlib.asynccontextmanager
    async def kept_locked(self) -> AsyncIterator[None]:
        """Hold the claim for as long as the block takes."""
        async with running(self._renew(), name="idempotency-renewal"):
            yield

    async def finish(self, reply: StoredReply) -> None:
        """Keep the reply. What was done is done: a failure to keep it is logged, not raised."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reply.headers}
        try:
            cipher = await self._key_ring.cipher(self._tenant_id, "idempotency")
            body = cipher.encrypt(
                reply.body, table="idempotency_keys", column="body", row=self._key_hash.hex()
            )
            await self._execute(_FINISH, reply.status, orjson.dumps(headers).decode(), body)
        except Exception:
            log.exception("idempotent_reply_not_kept")

    async def release(self) -> None:
        """Free the key, so that the request may be repeated."""
        try:
            await self._execute(_RELEASE)
        except Exception:
            log.exception("idempotency_key_not_released")

    async def _execute(self, statement: str, *arguments: object) -> None:
        async with self._database.lean(self._tenant_id) as connection:
            await connection.execute(
                statement, self._tenant_id, self._key_hash, self._locked_until, *arguments
            )

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                async with self._database.lean(self._tenant_id) as connection:
                    renewed: datetime | None = await connection.fetchval(
                        _RENEW, self._tenant_id, self._key_hash, self._locked_until, LOCK_SECONDS
                    )
            except Unavailable:
                # The request goes on, and the lock lasts for two more attempts.
                log.warning("idempotency_lock_not_renewed")
                continue
            if renewed is not None:
                self._locked_until = renewed

    async def _opened(self, status: int, headers: str, body: bytes) -> StoredReply:
        cipher = await self._key_ring.cipher(self._tenant_id, "idempotency")
        return StoredReply(
            status,
            [
                (name.encode("latin-1"), value.encode("latin-1"))
                for name, value in orjson.loads(headers).items()
            ],
            cipher.decrypt(body, table="idempotency_keys", column="body", row=self._key_hash.hex()),
        )

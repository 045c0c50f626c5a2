"""Replacing keys while everything runs: root keys, tenant keys, and what is encrypted under them.

Nothing here holds more than a row at a time, every step is a conditional UPDATE, and a step that
was done is found done: whoever is stopped starts again, and two at once do no harm.
"""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from libs.common.crypto import Cipher, KeyRing
from libs.common.database import Database
from libs.common.root_keys import KEY_BYTES, DecryptionFailed

BATCH: Final = 200

_WRAPPED = "SELECT tenant_id, version, wrapped_key FROM tenant_keys ORDER BY tenant_id, version"
_REWRAP = """
UPDATE tenant_keys SET wrapped_key = $4
WHERE tenant_id = $1 AND version = $2 AND wrapped_key = $3
"""
# A version that has not begun to encrypt is new enough.
_ADD = """
INSERT INTO tenant_keys (tenant_id, version, wrapped_key)
SELECT $1, $2, $3 WHERE NOT EXISTS (
    SELECT FROM tenant_keys WHERE tenant_id = $1 AND version >= $2
)
"""
_TENANTS = "SELECT tenant_id, max(version) AS version FROM tenant_keys GROUP BY tenant_id"


@dataclass(frozen=True, kw_only=True)
class EncryptedColumn:
    """A column of encrypted fields, as `Cipher.encrypt` was told about it.

    Attributes:
        table: Has a `tenant_id`.
        column: Of type bytea.
        purpose: Of the cipher.
        row: The SQL of the row's name, text; as unique in the tenant as the row itself.
    """

    table: str
    column: str
    purpose: str
    row: str = "id::text"


# What every service has.
COMMON_COLUMNS: Final = (
    EncryptedColumn(
        table="idempotency_keys",
        column="body",
        purpose="idempotency",
        row="encode(key_hash, 'hex')",
    ),
)


@dataclass
class Progress:
    """How far a rotation is.

    Attributes:
        unreadable: Fields that no key of the tenant opens; they are left as they are.
    """

    total: int = 0
    done: int = 0
    unreadable: int = 0
    told: Callable[["Progress"], None] = field(default=lambda _progress: None, repr=False)

    def advance(self) -> None:
        """Count one more, and tell."""
        self.done += 1
        self.told(self)


class Rekey:
    """Replaces the keys of one service.

    Args:
        database: With the worker's role, which sees all tenants' keys.
        key_ring: Of the service, with the root key that is to wrap from now on.
        columns: Everything that is encrypted, beside what all services have.
    """

    def __init__(
        self, database: Database, key_ring: KeyRing, columns: Sequence[EncryptedColumn]
    ) -> None:
        self._database = database
        self._key_ring = key_ring
        self._columns = (*COMMON_COLUMNS, *columns)

    async def rewrap(self, progress: Progress) -> int:
        """Put all tenants' keys under the root key; return how many were not.

        Raises:
            DecryptionFailed: A key opens under none of the root keys.
        """
        async with self._database.lean_cross_tenant() as connection:
            rows = await connection.fetch(_WRAPPED)
        progress.total += len(rows)
        changed = 0
        for row in rows:
            tenant_id = UUID(int=row["tenant_id"].int)
            old: bytes = row["wrapped_key"]
            new = await self._key_ring.wrapped_anew(old, tenant_id, version=row["version"])
            if new is not None:
                async with self._database.lean(tenant_id) as connection:
                    await connection.execute(_REWRAP, tenant_id, row["version"], old, new)
                changed += 1
            progress.advance()
        return changed

    async def add_versions(self) -> int:
        """Give each tenant another key; it encrypts once every process has heard of it.

        Returns:
            How many tenants got one.
        """
        added = 0
        for tenant_id, version in await self._tenants():
            wrapped = await self._key_ring.wrap(
                os.urandom(KEY_BYTES), tenant_id, version=version + 1
            )
            async with self._database.lean(tenant_id) as connection:
                status = await connection.execute(_ADD, tenant_id, version + 1, wrapped)
            added += status.endswith("1")
        return added

    async def reencrypt(self, progress: Progress) -> None:
        """Put all fields under the newest key of their tenant that encrypts."""
        tenants = [tenant_id for tenant_id, _ in await self._tenants()]
        for tenant_id in tenants:
            for column in self._columns:
                progress.total += await self._count(tenant_id, column)
        for tenant_id in tenants:
            for column in self._columns:
                await self._reencrypt(tenant_id, column, progress)

    async def _reencrypt(
        self, tenant_id: UUID, column: EncryptedColumn, progress: Progress
    ) -> None:
        cipher = await self._key_ring.cipher(tenant_id, column.purpose)
        async for row, old in self._outdated(tenant_id, column, cipher.version):
            try:
                new = _under(cipher, column, row, old)
            except DecryptionFailed:
                progress.unreadable += 1
            else:
                async with self._database.lean(tenant_id) as connection:
                    await connection.execute(_update(column), tenant_id, row, old, new)
            progress.advance()

    async def _count(self, tenant_id: UUID, column: EncryptedColumn) -> int:
        cipher = await self._key_ring.cipher(tenant_id, column.purpose)
        newest = Cipher.prefix_of(cipher.version)
        async with self._database.lean(tenant_id) as connection:
            return int(await connection.fetchval(_count(column), tenant_id, newest))

    async def _outdated(
        self, tenant_id: UUID, column: EncryptedColumn, version: int
    ) -> AsyncIterator[tuple[str, bytes]]:
        newest, after = Cipher.prefix_of(version), ""
        while True:
            async with self._database.lean(tenant_id) as connection:
                rows = await connection.fetch(_page(column), tenant_id, newest, after, BATCH)
            for name, old in rows:
                yield name, old
            if len(rows) < BATCH:
                return
            after = rows[-1][0]

    async def _tenants(self) -> list[tuple[UUID, int]]:
        async with self._database.lean_cross_tenant() as connection:
            rows = await connection.fetch(_TENANTS)
        return [(UUID(int=row["tenant_id"].int), row["version"]) for row in rows]


def _under(cipher: Cipher, column: EncryptedColumn, row: str, old: bytes) -> bytes:
    plaintext = cipher.decrypt(old, table=column.table, column=column.column, row=row)
    return cipher.encrypt(plaintext, table=column.table, column=column.column, row=row)


# Names of tables and columns come from the code, never from a request. A field begins with its
# key's version, big-endian, so older ones compare as less.
def _older(column: EncryptedColumn) -> str:
    return (
        f'"{column.table}" WHERE tenant_id = $1 AND "{column.column}" IS NOT NULL'
        f' AND substring("{column.column}" FROM 1 FOR 7) < $2'
    )


def _count(column: EncryptedColumn) -> str:
    return f"SELECT count(*) FROM {_older(column)}"  # noqa: S608 - as said above


def _page(column: EncryptedColumn) -> str:
    return (
        f'SELECT {column.row} AS name, "{column.column}" FROM {_older(column)}'  # noqa: S608 - as said above
        f" AND {column.row} > $3 ORDER BY name LIMIT $4"
    )


def _update(column: EncryptedColumn) -> str:
    return (
        f'UPDATE "{column.table}" SET "{column.column}" = $4'  # noqa: S608 - as said above
        f' WHERE tenant_id = $1 AND {column.row} = $2 AND "{column.column}" = $3'
    )

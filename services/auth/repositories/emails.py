"""Sealing addresses as rows are written, and opening them as they are read."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, cast
from uuid import UUID

from sqlalchemy import ColumnElement, event, or_
from sqlalchemy.orm import QueryContext, Session
from sqlalchemy.orm.unitofwork import UOWTransaction

from libs.common.crypto import Cipher, KeyRing
from libs.common.database import PLATFORM_TENANT, Database
from services.auth.domain.accounts import email_key
from services.auth.domain.emails import PLAIN_KEPT, EmailIndex
from services.auth.models.sealed_emails import SEALED, SealedEmail

PURPOSE: Final = "people"
SECRETS_PURPOSE: Final = "platform-secrets"
_NAME: Final = "email-index"
_INFO: Final = "emails"
_KEY_BYTES: Final = 32
_READ = "SELECT sealed, plain_until FROM platform_secrets WHERE tenant_id = $1 AND name = $2"
# Where nobody is registered yet, no version before has ever run.
_ADD = """
INSERT INTO platform_secrets (tenant_id, name, sealed, plain_until)
SELECT $1, $2, $3, CASE WHEN EXISTS (SELECT FROM somebody_registered())
                   THEN now() + $4 ELSE now() END
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, kw_only=True)
class Sealing:
    """One tenant's cipher for addresses, and the platform's index."""

    cipher: Cipher
    index: EmailIndex

    def seal(self, row: SealedEmail) -> None:
        """Put the sealed form in place of the plain one."""
        email = row.email
        row.email_sealed = self.sealed(email, table=_table(row), row=row.id)
        row.email_index = self.index.of(email)
        if datetime.now(UTC) >= self.index.plain_until:
            row.plain_email = row.plain_email_key = None

    def sealed(self, email: str, *, table: str, row: UUID) -> bytes:
        """Return an address sealed for its row."""
        return self.cipher.encrypt(email.encode(), table=table, column=SEALED, row=row)

    def open(self, row: SealedEmail) -> None:
        """Tell a row its address."""
        if row.plain_email is not None:
            row.show_email(row.plain_email)
        elif row.email_sealed is not None:
            row.show_email(self.opened(row.email_sealed, table=_table(row), row=row.id))

    def opened(self, sealed: bytes, *, table: str, row: UUID) -> str:
        """Return the address that was sealed for a row."""
        return self.cipher.decrypt(sealed, table=table, column=SEALED, row=row).decode()

    def is_of(self, kind: type[SealedEmail], email: str) -> ColumnElement[bool]:
        """Return the condition that a row has this address, sealed or not yet."""
        return or_(
            kind.email_index == self.index.of(email),
            kind.plain_email_key == email_key(email),
        )


class Emails:
    """The keys for addresses, of a process."""

    def __init__(self, database: Database, key_ring: KeyRing) -> None:
        self._database = database
        self._key_ring = key_ring
        self._index: EmailIndex | None = None

    async def index(self) -> EmailIndex:
        """Return the platform's index; the first process to need it makes its key.

        Raises:
            DatabaseUnavailable: It is not known yet, and PostgreSQL is out of reach.
        """
        if self._index is None:
            self._index = await self._load()
        return self._index

    async def sealing(self, tenant_id: UUID) -> Sealing:
        """Return what a tenant's addresses are sealed with; raises what `index` does."""
        cipher = await self._key_ring.cipher(tenant_id, PURPOSE)
        return Sealing(cipher=cipher, index=await self.index())

    async def _load(self) -> EmailIndex:
        cipher = await self._key_ring.cipher(PLATFORM_TENANT, SECRETS_PURPOSE)
        place = {"table": "platform_secrets", "column": "sealed", "row": _NAME}
        async with self._database.lean(PLATFORM_TENANT) as connection:
            found = await connection.fetchrow(_READ, PLATFORM_TENANT, _NAME)
            if found is None:
                sealed = cipher.encrypt(os.urandom(_KEY_BYTES), **place)
                # Of two who are first at once both read what the faster one has stored.
                await connection.execute(_ADD, PLATFORM_TENANT, _NAME, sealed, _kept())
                found = await connection.fetchrow(_READ, PLATFORM_TENANT, _NAME)
        assert found is not None  # noqa: S101 - stored above
        return EmailIndex(
            key=cipher.decrypt(bytes(found["sealed"]), **place), plain_until=found["plain_until"]
        )


def equip(session: Session, sealing: Sealing) -> None:
    """Let a session read and write rows with addresses of one tenant."""
    session.info[_INFO] = sealing


def sealing_of(session: Session) -> Sealing:
    """Return what a session seals with."""
    return cast("Sealing", session.info[_INFO])


def _table(row: SealedEmail) -> str:
    return str(getattr(row, "__tablename__"))  # noqa: B009 - of the mapped class


def _kept() -> timedelta:
    return PLAIN_KEPT


@event.listens_for(SealedEmail, "load", propagate=True)
def _on_load(row: SealedEmail, context: QueryContext) -> None:
    sealing_of(context.session).open(row)


@event.listens_for(SealedEmail, "refresh", propagate=True)
def _on_refresh(row: SealedEmail, context: QueryContext, names: set[str] | None) -> None:
    if names is None or SEALED in names:
        sealing_of(context.session).open(row)


@event.listens_for(Session, "before_flush")
def _on_flush(session: Session, _context: UOWTransaction, _rows: object) -> None:
    for row in (*session.new, *session.dirty):
        if isinstance(row, SealedEmail) and row.email_sealed is None:
            sealing_of(session).seal(row)

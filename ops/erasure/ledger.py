"""Which tenants were erased: a signed record each, outside the database.

A record is written before anything is deleted and again when nothing is left, to the object store
and, where the operator names one, to a second place. A restore of the database brings rows back;
the record does not go back with it, and says what has to be erased once more. It is signed, since
what it says is destroyed on its word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from libs.common.security import SigningKey
from libs.common.security.statements import StatementRefused, sign_statement, verify_statement
from ops.errors import OpsError

FOLDER: Final = "platform/erasures"
TYP: Final = "erasure+jws"
SIGNER: Final = "auth"

Counts = dict[str, int]
"""By place: `documents.passages`, `objects`, `redis`, `qdrant`."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One erasing: when, by whom, why, and what there was.

    Attributes:
        found: What there was before anything was deleted.
        finished_at: None while it is under way.
    """

    begun_at: datetime
    by: str
    reason: str
    found: Counts
    finished_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as it stands in the record."""
        return {
            "begun_at": self.begun_at.isoformat(),
            "finished_at": self.finished_at.isoformat() if self.finished_at else None,
            "by": self.by,
            "reason": self.reason,
            "found": self.found,
        }

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> "Run":
        """Return what a record says."""
        finished = said["finished_at"]
        return cls(
            begun_at=datetime.fromisoformat(said["begun_at"]),
            finished_at=datetime.fromisoformat(finished) if finished else None,
            by=str(said["by"]),
            reason=str(said["reason"]),
            found={str(place): int(count) for place, count in said["found"].items()},
        )


@dataclass(frozen=True, kw_only=True)
class Record:
    """All that was done to erase one tenant; with the last run finished, its receipt.

    Attributes:
        runs: The first, and one for each restore that brought something back.
    """

    tenant_id: UUID
    runs: list[Run] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        """Whether nothing was left."""
        return bool(self.runs) and self.runs[-1].finished_at is not None

    def as_json(self) -> dict[str, Any]:
        """Return what is signed."""
        return {
            "tenant_id": str(self.tenant_id),
            "erased": self.finished,
            "left": 0 if self.finished else None,
            "runs": [run.as_json() for run in self.runs],
        }

    def signed(self, key: SigningKey) -> str:
        """Return the record as a statement."""
        return sign_statement(self.as_json(), key=key, typ=TYP)

    @classmethod
    def verified(cls, text: str, *, jwks: Mapping[str, Any]) -> "Record":
        """Return what a signed record says.

        Raises:
            StatementRefused: It is none of ours, or was altered.
        """
        said = verify_statement(text.strip(), jwks=jwks, signer=SIGNER, typ=TYP)
        try:
            return cls(
                tenant_id=UUID(said["tenant_id"]), runs=[Run.read(run) for run in said["runs"]]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise StatementRefused("It says nothing that can be understood.") from error


class Ledger:
    """The records, in every place where they are kept.

    Args:
        stores: The object store, and a second place where there is one.
        key: Signs.
        jwks: Who is believed.
    """

    def __init__(
        self, stores: Sequence[ObjectStore], *, key: SigningKey, jwks: Mapping[str, Any]
    ) -> None:
        self._stores = stores
        self._key = key
        self._jwks = jwks

    async def write(self, record: Record) -> str:
        """Keep a record in all places; return it as it was signed.

        Raises:
            OpsError: A place is out of reach.
        """
        text = record.signed(self._key)
        try:
            for store in self._stores:
                await obstore.put_async(store, _path(record.tenant_id), text.encode())
        except (BaseError, OSError) as error:
            raise OpsError(f"The erasure ledger cannot be written: {error}.") from error
        return text

    async def read(self, tenant_id: UUID) -> Record | None:
        """Return a tenant's record, of several the one that knows most; None if there is none.

        Raises:
            OpsError: A place is out of reach, or a record was altered.
        """
        found = [
            record
            for store in self._stores
            if (record := await self._read(store, _path(tenant_id))) is not None
        ]
        return max(found, key=_knowledge, default=None)

    async def all(self) -> list[Record]:
        """Return all tenants' records; raises what `read` does."""
        tenants = set()
        try:
            for store in self._stores:
                async for batch in obstore.list(store, prefix=FOLDER):
                    tenants |= {entry["path"].rpartition("/")[2] for entry in batch}
        except (BaseError, OSError) as error:
            raise OpsError(f"The erasure ledger cannot be read: {error}.") from error
        records = [await self.read(UUID(name.removesuffix(".jws"))) for name in sorted(tenants)]
        return [record for record in records if record is not None]

    async def _read(self, store: ObjectStore, path: str) -> Record | None:
        try:
            content = await (await obstore.get_async(store, path)).bytes_async()
            return Record.verified(bytes(content).decode(), jwks=self._jwks)
        except FileNotFoundError:
            return None
        except (StatementRefused, UnicodeDecodeError) as error:
            raise OpsError(f"{path} in the erasure ledger is not believed: {error}") from error
        except (BaseError, OSError) as error:
            raise OpsError(f"The erasure ledger cannot be read: {error}.") from error


def _path(tenant_id: UUID) -> str:
    return f"{FOLDER}/{tenant_id}.jws"


def _knowledge(record: Record) -> tuple[int, bool]:
    return len(record.runs), record.finished

"""Signed heads of audit trails in the object store, below `platform/audit-heads/`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from libs.common.security import SigningKey
from libs.common.security.statements import StatementRefused, sign_statement, verify_statement
from services.auth.domain.audit_heads import HeadRefused, HeadStoreUnavailable, SignedHead

FOLDER: Final = "platform/audit-heads"
TYP: Final = "audit-head+jws"
_LATEST: Final = "latest"


class SignedHeads:
    """Fulfils `HeadStore`.

    Args:
        store: Whose retention should outlast what may be found out late.
        key: Auth's own, with which it also speaks to other services.
        jwks: Who is believed.
    """

    def __init__(self, store: ObjectStore, *, key: SigningKey, jwks: Mapping[str, Any]) -> None:
        self._store = store
        self._key = key
        self._jwks = jwks

    async def put(self, head: SignedHead) -> None:
        """Keep a head under its place, and as the tenant's latest."""
        content = {
            "tenant_id": str(head.tenant_id),
            "sequence": head.sequence,
            "hash": head.hash.hex(),
            "signed_at": head.signed_at.isoformat(),
        }
        text = sign_statement(content, key=self._key, typ=TYP).encode()
        try:
            for name in (f"{head.sequence:020d}", _LATEST):
                await obstore.put_async(self._store, _path(head.tenant_id, name), text)
        except (BaseError, OSError) as error:
            raise HeadStoreUnavailable(f"the object store: {error}") from error

    async def latest(self, tenant_id: UUID) -> SignedHead | None:
        """Return the head that was kept last."""
        return await self._read(tenant_id, _LATEST)

    async def sequences(self, tenant_id: UUID) -> list[int]:
        """Return the places of all heads that are kept, ascending."""
        found = set()
        try:
            async for batch in obstore.list(self._store, prefix=f"{FOLDER}/{tenant_id}"):
                names = [entry["path"].rpartition("/")[2] for entry in batch]
                found |= {int(name.removesuffix(".jws")) for name in names if name[:1].isdigit()}
        except (BaseError, OSError, ValueError) as error:
            raise HeadStoreUnavailable(f"the object store: {error}") from error
        return sorted(found)

    async def at(self, tenant_id: UUID, sequence: int) -> SignedHead:
        """Return the head of a place."""
        head = await self._read(tenant_id, f"{sequence:020d}")
        if head is None or head.sequence != sequence:
            raise HeadRefused(f"there is no head of entry {sequence} of {tenant_id}")
        return head

    async def tenants(self) -> list[UUID]:
        """Return all tenants of whose trail a head is kept."""
        try:
            listed = await obstore.list_with_delimiter_async(self._store, prefix=FOLDER)
            return sorted(
                UUID(prefix.rstrip("/").rpartition("/")[2]) for prefix in listed["common_prefixes"]
            )
        except (BaseError, OSError, ValueError) as error:
            raise HeadStoreUnavailable(f"the object store: {error}") from error

    async def _read(self, tenant_id: UUID, name: str) -> SignedHead | None:
        path = _path(tenant_id, name)
        try:
            content = bytes(await (await obstore.get_async(self._store, path)).bytes_async())
            said = verify_statement(content.decode(), jwks=self._jwks, signer="auth", typ=TYP)
            head = SignedHead(
                tenant_id=UUID(said["tenant_id"]),
                sequence=int(said["sequence"]),
                hash=bytes.fromhex(said["hash"]),
                signed_at=datetime.fromisoformat(said["signed_at"]),
            )
        except FileNotFoundError:
            return None
        except (StatementRefused, KeyError, TypeError, ValueError) as error:
            raise HeadRefused(f"{path} is not believed: {error}") from error
        except (BaseError, OSError) as error:
            raise HeadStoreUnavailable(f"the object store: {error}") from error
        if head.tenant_id != tenant_id:
            raise HeadRefused(f"{path} is another tenant's")
        return head


def _path(tenant_id: UUID, name: str) -> str:
    return f"{FOLDER}/{tenant_id}/{name}.jws"

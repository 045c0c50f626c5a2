"""Files in an object store or a folder, encrypted before they leave the process.

An object's key is `<tenant>/<key>`; its bytes are bound to that place, so that objects cannot
be exchanged. Everything lies below the prefix that the store's URL names.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from libs.common.crypto import KeyRing
from libs.common.root_keys import DecryptionFailed
from services.documents.domain.errors import BlobMissing, BlobStoreUnavailable
from services.documents.domain.ports import StoredBlob

if TYPE_CHECKING:
    # These exist for type checkers only.
    from obstore import GetResult

PURPOSE: Final = "files"
# Below this an object travels in one request; above, in parts.
SINGLE_PUT_BYTES: Final = 4 * 1024 * 1024


class EncryptedBlobs:
    """The blob store of documents; fulfils `BlobStore`."""

    def __init__(self, store: ObjectStore, key_ring: KeyRing) -> None:
        self._store = store
        self._key_ring = key_ring

    async def put(self, tenant_id: UUID, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Store the stream under `key`, whole or not at all."""
        path = _path(tenant_id, key)
        cipher = await self._key_ring.cipher(tenant_id, PURPOSE)
        encrypted = cipher.encrypt_stream(chunks, object_key=path)
        start = bytearray()
        async for piece in encrypted:
            start += piece
            if len(start) > SINGLE_PUT_BYTES:
                break
        with _told():
            if len(start) <= SINGLE_PUT_BYTES:
                await obstore.put_async(self._store, path, bytes(start))
            else:
                await obstore.put_async(self._store, path, _joined(bytes(start), encrypted))

    async def read(self, tenant_id: UUID, key: str) -> AsyncIterator[bytes]:
        """Yield the plaintext in chunks."""
        path = _path(tenant_id, key)
        cipher = await self._key_ring.cipher(tenant_id, PURPOSE)
        try:
            with _told():
                found = await obstore.get_async(self._store, path)
            async for chunk in cipher.decrypt_stream(_bytes_of(found), object_key=path):
                yield chunk
        except FileNotFoundError as error:
            raise BlobMissing from error
        except DecryptionFailed as error:
            raise BlobMissing(
                "The stored file does not decrypt. Upload the document again.",
                code="file_damaged",
            ) from error

    async def delete(self, tenant_id: UUID, keys: Sequence[str]) -> None:
        """Delete blobs; unknown keys are ignored."""
        for key in keys:
            try:
                with _told():
                    await obstore.delete_async(self._store, _path(tenant_id, key))
            except FileNotFoundError:
                continue

    async def list_keys(self, tenant_id: UUID | None = None) -> AsyncIterator[StoredBlob]:
        """Yield what is stored, of one tenant or of all, for sweeping."""
        now = datetime.now(UTC)
        listing = obstore.list(self._store, prefix=str(tenant_id) if tenant_id else None)
        with _told():
            async for batch in listing:
                for entry in batch:
                    tenant, _, key = entry["path"].partition("/")
                    try:
                        owner = UUID(tenant)
                    except ValueError:
                        continue
                    age = (now - entry["last_modified"]).total_seconds()
                    yield StoredBlob(tenant_id=owner, key=key, age_seconds=age)


def _path(tenant_id: UUID, key: str) -> str:
    return f"{tenant_id}/{key}"


async def _joined(start: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield start
    async for piece in rest:
        yield piece


async def _bytes_of(found: "GetResult") -> AsyncIterator[bytes]:
    with _told():
        if found.meta["size"] <= SINGLE_PUT_BYTES:
            yield bytes(await found.bytes_async())
            return
        async for chunk in found.stream():
            yield bytes(chunk)


@contextmanager
def _told() -> Iterator[None]:
    """Turn the store's errors into ours; an absent object stays `FileNotFoundError`."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        raise BlobStoreUnavailable from error

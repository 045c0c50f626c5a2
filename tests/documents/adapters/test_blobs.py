import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from libs.common.crypto import KeyRing
from libs.common.database import Database
from libs.common.objects import open_store
from services.documents.adapters.blobs import EncryptedBlobs
from services.documents.domain.errors import BlobMissing, BlobStoreUnavailable
from tests.documents.cast import Tenant

KEY = "documents/1"


async def pieces(content: bytes, *, size: int = 300_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def content_of(blobs: EncryptedBlobs, tenant_id: UUID, key: str = KEY) -> bytes:
    return b"".join([chunk async for chunk in blobs.read(tenant_id, key)])


@pytest.fixture
def key_ring(database: Database) -> KeyRing:
    return KeyRing(b"k" * 32, database)


@pytest.fixture
def store(tmp_path: Path, key_ring: KeyRing) -> EncryptedBlobs:
    return EncryptedBlobs(open_store(f"file://{tmp_path}/objects"), key_ring)


class TestEncryptedBlobs:
    async def test_nothing_of_another_tenant(
        self, store: EncryptedBlobs, acme: Tenant, globex: Tenant
    ) -> None:
        await store.put(globex.id, KEY, pieces(b"secret"))

        with pytest.raises(BlobMissing):
            await content_of(store, acme.id)

    @pytest.mark.parametrize("size", [0, 1, 65_536, 5_000_000])
    async def test_gives_back_what_was_put(
        self, store: EncryptedBlobs, acme: Tenant, size: int
    ) -> None:
        content = os.urandom(size)

        await store.put(acme.id, KEY, pieces(content))

        assert content == await content_of(store, acme.id)

    async def test_keeps_no_plaintext_and_files_by_tenant(
        self, store: EncryptedBlobs, acme: Tenant, tmp_path: Path
    ) -> None:
        await store.put(acme.id, KEY, pieces(b"a secret of some length"))

        stored = (tmp_path / "objects" / str(acme.id) / KEY).read_bytes()
        assert b"secret" not in stored

    async def test_a_file_moved_to_another_place_does_not_open(
        self, store: EncryptedBlobs, acme: Tenant, tmp_path: Path
    ) -> None:
        await store.put(acme.id, KEY, pieces(b"one"))
        folder = tmp_path / "objects" / str(acme.id) / "documents"
        (folder / "1").rename(folder / "2")

        with pytest.raises(BlobMissing) as caught:
            await content_of(store, acme.id, "documents/2")
        assert caught.value.code == "file_damaged"

    @pytest.mark.parametrize("size", [1000, 6_000_000])
    async def test_a_stream_that_fails_leaves_nothing(
        self, store: EncryptedBlobs, acme: Tenant, size: int
    ) -> None:
        async def broken() -> AsyncIterator[bytes]:
            async for piece in pieces(os.urandom(size)):
                yield piece
            raise ConnectionResetError

        with pytest.raises((ConnectionResetError, BlobStoreUnavailable)):
            await store.put(acme.id, KEY, broken())

        with pytest.raises(BlobMissing):
            await content_of(store, acme.id)

    async def test_lists_and_deletes(
        self, store: EncryptedBlobs, acme: Tenant, globex: Tenant
    ) -> None:
        await store.put(acme.id, KEY, pieces(b"one"))
        await store.put(globex.id, KEY, pieces(b"two"))

        assert [(acme.id, KEY)] == [(b.tenant_id, b.key) async for b in store.list_keys(acme.id)]
        assert len([blob async for blob in store.list_keys()]) == 2
        await store.delete(acme.id, [KEY, "documents/unknown"])
        assert [globex.id] == [blob.tenant_id async for blob in store.list_keys()]

    async def test_a_store_out_of_reach_says_so(
        self, tmp_path: Path, key_ring: KeyRing, acme: Tenant
    ) -> None:
        (tmp_path / "file").write_text("not a folder")
        store = open_store(f"file://{tmp_path}/objects")
        (tmp_path / "objects" / str(acme.id)).write_text("in the way")

        with pytest.raises(BlobStoreUnavailable):
            await EncryptedBlobs(store, key_ring).put(acme.id, KEY, pieces(b"one"))

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common import crypto
from libs.common.crypto import CHUNK_BYTES, Cipher, KeyRing
from libs.common.database import DatabaseUnavailable
from libs.common.ids import new_id
from libs.common.root_keys import DecryptionFailed
from tests.conftest import OpenDatabase

TENANT = UUID("11111111-1111-4111-8111-111111111111")
ROW = UUID("22222222-2222-4222-8222-222222222222")
KEY = b"k" * 32


def make_cipher(tenant_id: UUID = TENANT, key: bytes = KEY) -> Cipher:
    return Cipher(tenant_id, {1: key})


async def stream_of(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def collect(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


class TestField:
    @given(st.binary(max_size=500))
    def test_comes_back(self, plaintext: bytes) -> None:
        sealed = make_cipher().encrypt(plaintext, table="t", column="c", row=ROW)

        assert make_cipher().decrypt(sealed, table="t", column="c", row=ROW) == plaintext
        assert len(plaintext) < 8 or plaintext not in sealed

    @pytest.mark.parametrize(
        ("table", "column", "row"),
        [("u", "c", ROW), ("t", "d", ROW), ("t", "c", uuid4()), ("tc", "", ROW)],
    )
    def test_moved_elsewhere_fails(self, table: str, column: str, row: UUID) -> None:
        sealed = make_cipher().encrypt(b"secret", table="t", column="c", row=ROW)

        with pytest.raises(DecryptionFailed):
            make_cipher().decrypt(sealed, table=table, column=column, row=row)

    def test_of_another_tenant_fails(self) -> None:
        sealed = make_cipher().encrypt(b"secret", table="t", column="c", row=ROW)

        with pytest.raises(DecryptionFailed):
            make_cipher(tenant_id=uuid4()).decrypt(sealed, table="t", column="c", row=ROW)

    @given(st.integers(min_value=0, max_value=200), st.integers(min_value=1, max_value=255))
    def test_altered_anywhere_fails(self, position: int, flip: int) -> None:
        sealed = bytearray(make_cipher().encrypt(b"s" * 40, table="t", column="c", row=ROW))
        sealed[position % len(sealed)] ^= flip

        with pytest.raises(DecryptionFailed):
            make_cipher().decrypt(bytes(sealed), table="t", column="c", row=ROW)

    def test_cut_short_fails(self) -> None:
        sealed = make_cipher().encrypt(b"secret", table="t", column="c", row=ROW)

        for length in range(len(sealed)):
            with pytest.raises(DecryptionFailed):
                make_cipher().decrypt(sealed[:length], table="t", column="c", row=ROW)

    def test_older_key_versions_still_decrypt(self) -> None:
        sealed = make_cipher().encrypt(b"secret", table="t", column="c", row=ROW)

        rotated = Cipher(TENANT, {1: KEY, 2: b"n" * 32})

        assert rotated.decrypt(sealed, table="t", column="c", row=ROW) == b"secret"


class TestStream:
    @pytest.mark.parametrize(
        "size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]
    )
    async def test_comes_back_at_any_size(self, size: int) -> None:
        content = bytes(i % 251 for i in range(size))

        sealed = await collect(
            make_cipher().encrypt_stream(
                stream_of(content[:100], content[100:]), object_key="acme/a"
            )
        )
        opened = await collect(
            make_cipher().decrypt_stream(
                stream_of(sealed[:5], sealed[5:70_000], sealed[70_000:]), object_key="acme/a"
            )
        )

        assert opened == content

    async def test_cut_at_a_chunk_fails(self) -> None:
        sealed = await collect(
            make_cipher().encrypt_stream(stream_of(b"x" * 2 * CHUNK_BYTES), object_key="a")
        )
        first_chunk_ends = 14 + CHUNK_BYTES + 16

        with pytest.raises(DecryptionFailed):
            await collect(
                make_cipher().decrypt_stream(stream_of(sealed[:first_chunk_ends]), object_key="a")
            )

    async def test_under_another_name_fails(self) -> None:
        sealed = await collect(make_cipher().encrypt_stream(stream_of(b"x"), object_key="a"))

        with pytest.raises(DecryptionFailed):
            await collect(make_cipher().decrypt_stream(stream_of(sealed), object_key="b"))

    async def test_nothing_at_all_fails(self) -> None:
        with pytest.raises(DecryptionFailed):
            await collect(make_cipher().decrypt_stream(stream_of(), object_key="a"))


class TestKeyRing:
    async def test_keeps_one_key_a_tenant(self, open_database: OpenDatabase) -> None:
        database = await open_database("sample")
        acme = new_id()
        sealed = (await KeyRing(KEY, database).cipher(acme, "names")).encrypt(
            b"secret", table="t", column="c", row=ROW
        )

        reopened = await KeyRing(KEY, database).cipher(acme, "names")

        assert reopened.decrypt(sealed, table="t", column="c", row=ROW) == b"secret"

    async def test_of_many_at_once_makes_one_key(self, open_database: OpenDatabase) -> None:
        ring, tenant_id = KeyRing(KEY, await open_database("sample")), new_id()

        one, *others = await asyncio.gather(*(ring.cipher(tenant_id, "p") for _ in range(5)))

        sealed = one.encrypt(b"secret", table="t", column="c", row=ROW)
        for other in others:
            assert other.decrypt(sealed, table="t", column="c", row=ROW) == b"secret"

    async def test_nobody_waits_behind_others_for_a_database_that_is_away(
        self, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ring = KeyRing(KEY, await open_database("sample"))

        async def away(_: UUID) -> None:
            await asyncio.sleep(0.2)
            raise DatabaseUnavailable

        monkeypatch.setattr(ring, "_load", away)
        started = time.monotonic()

        refusals = await asyncio.gather(
            *(ring.cipher(new_id(), "p") for _ in range(20)), return_exceptions=True
        )

        assert {type(refusal) for refusal in refusals} == {DatabaseUnavailable}
        assert time.monotonic() - started < 1

    async def test_known_keys_outlive_the_database(
        self, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ring, acme = KeyRing(KEY, await open_database("sample")), new_id()
        known = await ring.cipher(acme, "p")
        asked = 0

        async def away(_: UUID) -> None:
            nonlocal asked
            asked += 1
            raise DatabaseUnavailable

        monkeypatch.setattr(ring, "_load", away)
        monkeypatch.setattr(crypto, "KEYS_FRESH_SECONDS", 0.2)
        await asyncio.sleep(0.3)

        assert [await ring.cipher(acme, "p") for _ in range(5)] == [known] * 5
        assert asked == 1

    async def test_purposes_and_tenants_are_apart(self, open_database: OpenDatabase) -> None:
        ring = KeyRing(KEY, await open_database("sample"))
        acme, globex = new_id(), new_id()
        sealed = (await ring.cipher(acme, "names")).encrypt(b"s", table="t", column="c", row=ROW)

        for tenant_id, purpose in ((acme, "files"), (globex, "names")):
            cipher = await ring.cipher(tenant_id, purpose)
            with pytest.raises(DecryptionFailed):
                cipher.decrypt(sealed, table="t", column="c", row=ROW)

    async def test_another_root_key_opens_nothing(self, open_database: OpenDatabase) -> None:
        database = await open_database("sample")
        acme = new_id()
        await KeyRing(KEY, database).cipher(acme, "names")

        with pytest.raises(DecryptionFailed, match="MASTER_ENCRYPTION_KEY is not the one"):
            await KeyRing(b"o" * 32, database).cipher(acme, "names")

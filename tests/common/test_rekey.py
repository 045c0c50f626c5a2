"""Root and tenant keys replaced while others go on encrypting and decrypting."""

import asyncio
from uuid import UUID

import pytest

from libs.common import crypto
from libs.common.crypto import Cipher, KeyRing
from libs.common.database import Database
from libs.common.ids import new_id
from libs.common.rekey import Progress, Rekey
from libs.common.root_keys import DecryptionFailed
from tests.conftest import OpenDatabase

OLD, NEW = b"o" * 32, b"n" * 32
PURPOSE = "idempotency"
INSERT = """
INSERT INTO idempotency_keys (tenant_id, key_hash, state, body, locked_until)
VALUES ($1, $2, 'done', $3, now())
"""


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """New keys are used as soon as they are there, and every look is a fresh one."""
    monkeypatch.setattr(crypto, "NEW_KEY_RESTS_SECONDS", 0)
    monkeypatch.setattr(crypto, "KEYS_FRESH_SECONDS", 0.0)


@pytest.fixture
async def database(open_database: OpenDatabase) -> Database:
    """A database in which no other test has left keys of other roots."""
    opened = await open_database("sample", pool_size=8)
    async with opened.lean_cross_tenant() as connection:
        await connection.execute("DELETE FROM tenant_keys")
        await connection.execute("DELETE FROM idempotency_keys")
    return opened


async def store(database: Database, ring: KeyRing, tenant_id: UUID, content: bytes) -> bytes:
    """Encrypt a field and store it; return its row's name."""
    name = new_id().bytes
    cipher = await ring.cipher(tenant_id, PURPOSE)
    sealed = cipher.encrypt(content, table="idempotency_keys", column="body", row=name.hex())
    async with database.lean(tenant_id) as connection:
        await connection.execute(INSERT, tenant_id, name, sealed)
    return name


async def stored(database: Database, tenant_id: UUID) -> dict[bytes, bytes]:
    """Return all fields of a tenant as they stand."""
    async with database.lean(tenant_id) as connection:
        rows = await connection.fetch(
            "SELECT key_hash, body FROM idempotency_keys WHERE tenant_id = $1", tenant_id
        )
    return {row["key_hash"]: row["body"] for row in rows}


async def opened(database: Database, ring: KeyRing, tenant_id: UUID) -> set[bytes]:
    """Return what all fields of a tenant say."""
    fields = await stored(database, tenant_id)
    # Asked for after the fields were read: a slow machine may spend a key's whole rest between.
    cipher = await ring.cipher(tenant_id, PURPOSE)
    return {
        cipher.decrypt(sealed, table="idempotency_keys", column="body", row=name.hex())
        for name, sealed in fields.items()
    }


class TestRootKey:
    async def test_moves_over_in_three_steps(self, database: Database) -> None:
        acme = new_id()
        await store(database, KeyRing(OLD, database), acme, b"secret")

        # Both know both; the new one wraps.
        ring = KeyRing(NEW, database, also=[OLD])
        assert await opened(database, ring, acme) == {b"secret"}
        assert await Rekey(database, ring, ()).rewrap(Progress()) >= 1
        assert await Rekey(database, ring, ()).rewrap(Progress()) == 0

        assert await opened(database, KeyRing(NEW, database), acme) == {b"secret"}
        assert await opened(database, KeyRing(OLD, database, also=[NEW]), acme) == {b"secret"}
        with pytest.raises(DecryptionFailed):
            await KeyRing(OLD, database).cipher(acme, PURPOSE)

    async def test_an_unknown_root_key_stops_it(self, database: Database) -> None:
        await store(database, KeyRing(OLD, database), new_id(), b"secret")

        with pytest.raises(DecryptionFailed, match="MASTER_ENCRYPTION_KEY"):
            await Rekey(database, KeyRing(NEW, database), ()).rewrap(Progress())


class TestTenantKeys:
    @pytest.mark.usefixtures("at_once")
    async def test_fields_move_to_the_newest_key(self, database: Database) -> None:
        acme = new_id()
        ring = KeyRing(OLD, database)
        for number in range(3):
            await store(database, ring, acme, b"secret %d" % number)
        before = await stored(database, acme)
        rekey, progress = Rekey(database, ring, ()), Progress()

        await rekey.add_versions()
        await rekey.reencrypt(progress)

        after = await stored(database, acme)
        assert not set(before.values()).intersection(after.values())
        assert all(value.startswith(Cipher.prefix_of(2)) for value in after.values())
        assert len(await opened(database, KeyRing(OLD, database), acme)) == 3
        assert (progress.done, progress.unreadable) == (progress.total, 0)
        again = Progress()
        await rekey.reencrypt(again)
        assert again.total == 0

    async def test_a_new_key_rests_until_everybody_knows_it(self, database: Database) -> None:
        acme = new_id()
        ring = KeyRing(OLD, database)
        await store(database, ring, acme, b"secret")

        await Rekey(database, ring, ()).add_versions()

        assert (await KeyRing(OLD, database).cipher(acme, PURPOSE)).version == 1

    @pytest.mark.usefixtures("at_once")
    async def test_what_no_key_opens_is_counted_and_left(self, database: Database) -> None:
        acme = new_id()
        ring = KeyRing(OLD, database)
        await store(database, ring, acme, b"secret")
        name = new_id().bytes
        junk = Cipher.prefix_of(1) + bytes(40)
        async with database.lean(acme) as connection:
            await connection.execute(INSERT, acme, name, junk)
        rekey, progress = Rekey(database, ring, ()), Progress()

        await rekey.add_versions()
        await rekey.reencrypt(progress)

        assert (await stored(database, acme))[name] == junk
        assert progress.unreadable == 1

    @pytest.mark.usefixtures("at_once")
    async def test_stopped_in_the_middle_it_goes_on(self, database: Database) -> None:
        acme = new_id()
        ring = KeyRing(OLD, database)
        for number in range(20):
            await store(database, ring, acme, b"secret %d" % number)
        rekey = Rekey(database, ring, ())
        await rekey.add_versions()

        def stop(progress: Progress) -> None:
            if progress.done == 7:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await rekey.reencrypt(Progress(told=stop))
        left = Progress()
        await rekey.reencrypt(left)

        assert left.total == 13
        assert len(await opened(database, KeyRing(OLD, database), acme)) == 20

    @pytest.mark.usefixtures("at_once")
    async def test_under_load_nothing_fails(self, database: Database) -> None:
        """Readers and writers with rings of their own meet rotations of root and tenant keys."""
        acme = new_id()
        await store(database, KeyRing(OLD, database), acme, b"secret 0")
        done = asyncio.Event()

        async def work(number: int, ring: KeyRing) -> int:
            rounds = 0
            while not done.is_set():
                await store(database, ring, acme, b"secret %d of %d" % (rounds, number))
                found = await opened(database, ring, acme)
                assert b"secret 0" in found
                rounds += 1
            return rounds

        async def rotate() -> None:
            ring = KeyRing(NEW, database, also=[OLD])
            rekey = Rekey(database, ring, ())
            for _ in range(3):
                await rekey.rewrap(Progress())
                await rekey.add_versions()
                await rekey.reencrypt(Progress())
            done.set()

        # Processes of before and of after the change of the root key.
        rings = [
            KeyRing(OLD, database, also=[NEW]),
            KeyRing(NEW, database, also=[OLD]),
            KeyRing(OLD, database, also=[NEW]),
        ]
        rotation = asyncio.create_task(rotate())
        rounds = await asyncio.gather(*(work(number, ring) for number, ring in enumerate(rings)))
        await rotation

        assert min(rounds) > 2
        await Rekey(database, KeyRing(NEW, database, also=[OLD]), ()).rewrap(Progress())
        assert len(await opened(database, KeyRing(NEW, database), acme)) == sum(rounds) + 1

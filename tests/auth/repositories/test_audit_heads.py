"""What was signed elsewhere shows what the database alone would hide."""

from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from obstore.store import ObjectStore

from libs.common.database import Database
from libs.common.ids import new_id
from libs.common.objects import open_store
from libs.common.security import SigningKey
from libs.common.security.tokens import public_keys
from services.auth.adapters.audit_heads import FOLDER, SignedHeads
from services.auth.domain.audit import GENESIS, AuditEvent, AuditRecord, chain_hash
from services.auth.domain.audit_heads import HeadRefused
from services.auth.domain.clock import utc_now
from services.auth.models.audit_entries import AuditEntry
from services.auth.repositories.audit import AuditTrail
from services.auth.repositories.audit_ends import AuditEnds
from services.auth.repositories.audit_verification import AuditVerification
from services.auth.use_cases.sign_audit_heads import SignAuditHeads
from tests.conftest import DatabaseUrls, OpenDatabase

KEY = SigningKey.generate("auth")
ANOTHER = SigningKey.generate("documents")
JWKS = {"keys": [KEY.public_jwk, ANOTHER.public_jwk]}


@pytest.fixture
async def database(open_fresh_database: OpenDatabase) -> Database:
    """A database with nobody else's trails."""
    return await open_fresh_database("auth")


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_store(f"file://{tmp_path}/objects")


@pytest.fixture
def heads(store: ObjectStore) -> SignedHeads:
    return SignedHeads(store, key=KEY, jwks=JWKS)


def signing(database: Database, heads: SignedHeads) -> SignAuditHeads:
    """Return a signer that has just started."""
    return SignAuditHeads(ends=AuditEnds(database), heads=heads)


async def happened(database: Database, tenant_id: UUID, times: int) -> None:
    for _ in range(times):
        async with database.session(tenant_id) as session:
            await AuditTrail(session, tenant_id).append(
                AuditRecord(event=AuditEvent.LOGGED_OUT, description="Bye.", entity_type="session"),
                now=utc_now(),
            )


async def tampered(urls: DatabaseUrls, tenant_id: UUID, *statements: str) -> None:
    owner = await asyncpg.connect(urls("auth").owner)
    await owner.execute("SELECT set_config('app.tenant_id', $1, false)", str(tenant_id))
    await owner.execute("SET search_path = auth, public")
    for statement in statements:
        await owner.execute(statement, tenant_id)
    await owner.close()


async def written_anew(database: Database, urls: DatabaseUrls, tenant_id: UUID) -> None:
    """Change entry 4, and give it and all later ones, and the head, the hashes they should have."""
    owner = await asyncpg.connect(urls("auth").owner)
    await owner.execute("SELECT set_config('app.tenant_id', $1, false)", str(tenant_id))
    await owner.execute("SET search_path = auth, public")
    await owner.execute(
        "UPDATE audit_entries SET description = 'Nothing.' WHERE tenant_id = $1 AND sequence = 4",
        tenant_id,
    )
    async with database.session(tenant_id) as session:
        entries = await AuditTrail(session, tenant_id).whole()
    previous = GENESIS
    for entry in entries:
        anew: AuditEntry = entry
        hash_ = chain_hash(previous, anew.content())
        await owner.execute(
            "UPDATE audit_entries SET previous_hash = $3, hash = $4"
            " WHERE tenant_id = $1 AND sequence = $2",
            tenant_id,
            anew.sequence,
            previous,
            hash_,
        )
        previous = hash_
    await owner.execute(
        "UPDATE audit_heads SET hash = $2 WHERE tenant_id = $1", tenant_id, previous
    )
    await owner.close()


class TestVerifying:
    async def test_an_untouched_trail_is_vouched_for_up_to_its_last_head(
        self, database: Database, heads: SignedHeads
    ) -> None:
        acme = new_id()
        sign = signing(database, heads)
        for times in (3, 4, 2):
            await happened(database, acme, times)
            assert await sign() == 1
        assert await sign() == 0
        await happened(database, acme, 1)

        verdict = await AuditVerification(database, heads).verify(acme)

        assert (verdict.entries, verdict.signed_entries, verdict.bad_entry) == (10, 9, None)

    async def test_a_chain_written_anew_is_found(
        self, database: Database, heads: SignedHeads, fresh_database_urls: DatabaseUrls
    ) -> None:
        acme, globex = new_id(), new_id()
        sign = signing(database, heads)
        for _ in range(4):
            await happened(database, acme, 2)
            await happened(database, globex, 1)
            assert await sign() == 2

        await written_anew(database, fresh_database_urls, acme)

        assert (await AuditVerification(database).verify(acme)).bad_entry is None
        found = await AuditVerification(database, heads).verify(acme)
        # Entry 4 was changed; the head of entry 2 is the last that holds.
        assert (found.signed_entries, found.bad_entry) == (2, 3)
        assert (await AuditVerification(database, heads).verify(globex)).bad_entry is None

    async def test_an_end_cut_off_is_found(
        self, database: Database, heads: SignedHeads, fresh_database_urls: DatabaseUrls
    ) -> None:
        acme = new_id()
        sign = signing(database, heads)
        for _ in range(3):
            await happened(database, acme, 3)
            await sign()

        await tampered(
            fresh_database_urls,
            acme,
            "DELETE FROM audit_entries WHERE tenant_id = $1 AND sequence > 5",
            "UPDATE audit_heads SET sequence = 5, hash = (SELECT hash FROM audit_entries"
            " WHERE tenant_id = $1 AND sequence = 5) WHERE tenant_id = $1",
        )

        assert (await AuditVerification(database).verify(acme)).bad_entry is None
        assert (await AuditVerification(database, heads).verify(acme)).bad_entry == 6

    async def test_a_trail_that_is_gone_is_found(
        self, database: Database, heads: SignedHeads, fresh_database_urls: DatabaseUrls
    ) -> None:
        acme = new_id()
        await happened(database, acme, 3)
        await signing(database, heads)()

        await tampered(
            fresh_database_urls,
            acme,
            "DELETE FROM audit_entries WHERE tenant_id = $1",
            "DELETE FROM audit_heads WHERE tenant_id = $1",
        )

        verification = AuditVerification(database, heads)
        assert acme in await verification.tenants()
        assert (await verification.verify(acme)).bad_entry == 1


class TestSigning:
    async def test_signs_nothing_over_what_it_has_signed(
        self, database: Database, heads: SignedHeads, fresh_database_urls: DatabaseUrls
    ) -> None:
        acme = new_id()
        await happened(database, acme, 4)
        await signing(database, heads)()
        await written_anew(database, fresh_database_urls, acme)
        await happened(database, acme, 2)

        # Neither a process that remembers nor one that has just started.
        assert await signing(database, heads)() == 0
        latest = await heads.latest(acme)
        assert latest is not None
        assert latest.sequence == 4
        assert (await AuditVerification(database, heads).verify(acme)).bad_entry == 1

    @pytest.mark.parametrize("key", [SigningKey.generate("auth"), ANOTHER])
    async def test_a_forged_head_is_not_believed(
        self, database: Database, heads: SignedHeads, store: ObjectStore, key: SigningKey
    ) -> None:
        acme, globex = new_id(), new_id()
        await happened(database, acme, 2)
        forger = SignedHeads(store, key=key, jwks=JWKS)
        await signing(database, forger)()

        with pytest.raises(HeadRefused, match="is not believed"):
            await AuditVerification(database, heads).verify(acme)
        # Nor does it keep others from being signed.
        await happened(database, globex, 2)
        assert await signing(database, heads)() == 1

    async def test_a_replaced_key_without_its_name_is_believed(
        self, database: Database, heads: SignedHeads, store: ObjectStore
    ) -> None:
        acme, new = new_id(), SigningKey.generate("auth")
        await happened(database, acme, 2)
        await signing(database, heads)()
        old = {name: value for name, value in KEY.public_jwk.items() if name != "kid"}
        jwks = {"keys": [new.public_jwk, old]}

        latest = await SignedHeads(store, key=new, jwks=jwks).latest(acme)

        assert latest is not None
        assert latest.sequence == 2
        # For statements only: as a service nobody is known by it any more.
        assert list(public_keys(jwks)) == ["auth"]

    async def test_a_head_of_another_trail_is_not_believed(
        self, database: Database, heads: SignedHeads, tmp_path: Path
    ) -> None:
        acme, globex = new_id(), new_id()
        await happened(database, acme, 2)
        await happened(database, globex, 2)
        await signing(database, heads)()
        folder = tmp_path / "objects" / FOLDER
        (folder / str(acme) / "latest.jws").write_bytes(
            (folder / str(globex) / "latest.jws").read_bytes()
        )

        with pytest.raises(HeadRefused, match="is another tenant's"):
            await heads.latest(acme)

"""A signing key in the wrong hands: what it has signed ends."""

from datetime import UTC, datetime, timedelta

from libs.common.crypto import KeyRing
from libs.common.database import PLATFORM_TENANT
from services.auth.domain.signing import MIN_LEAD, RETIRE_AFTER
from services.auth.repositories.audit import AuditFilter, AuditTrail
from services.auth.use_cases.load_signing_keys import LoadSigningKeys
from services.auth.use_cases.rotate_signing_key import RotateSigningKey
from tests.conftest import ROOT_KEY, OpenDatabase

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


async def test_old_keys_are_believed_no_more_once_the_new_one_signs(
    open_fresh_database: OpenDatabase,
) -> None:
    database = await open_fresh_database("auth")
    ring = KeyRing(ROOT_KEY, database)

    async def published(now: datetime) -> list[str]:
        load = LoadSigningKeys(database=database, key_ring=ring, clock=lambda: now)
        return [dated.key.kid for dated in await load()]

    (leaked,) = await published(NOON)
    # An ordinary rotation is on its way already, and would believe the old key for long.
    rotate = RotateSigningKey(database=database, key_ring=ring, clock=lambda: NOON)
    await rotate(lead=timedelta(hours=6))

    signs_from = await rotate(lead=MIN_LEAD, retire_after=timedelta())

    assert signs_from == NOON + MIN_LEAD
    assert leaked in await published(NOON + MIN_LEAD - timedelta(seconds=1))
    after = await published(NOON + MIN_LEAD + timedelta(seconds=1))
    assert len(after) == 1
    assert leaked not in after
    async with database.session(PLATFORM_TENANT) as session:
        entries, _ = await AuditTrail(session, PLATFORM_TENANT).newest(
            AuditFilter(event_type="keys.rotated"), limit=5, offset=0
        )
    assert len(entries) == 2


async def test_without_it_they_are_believed_as_long_as_their_tokens_live(
    open_fresh_database: OpenDatabase,
) -> None:
    database = await open_fresh_database("auth")
    ring = KeyRing(ROOT_KEY, database)
    rotate = RotateSigningKey(database=database, key_ring=ring, clock=lambda: NOON)
    await LoadSigningKeys(database=database, key_ring=ring, clock=lambda: NOON)()

    await rotate(lead=MIN_LEAD)

    async def published(after: timedelta) -> int:
        now = NOON + MIN_LEAD + after
        load = LoadSigningKeys(database=database, key_ring=ring, clock=lambda: now)
        return len(await load())

    assert await published(RETIRE_AFTER / 2) == 2
    assert await published(RETIRE_AFTER + timedelta(minutes=1)) == 1

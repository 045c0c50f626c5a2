"""Another signing key, while people log in and call."""

import asyncio
from datetime import datetime, timedelta

import pytest
from jose import jwt

from libs.common.crypto import KeyRing
from libs.common.database import PLATFORM_TENANT, Database
from services.auth.domain import signing
from services.auth.domain.clock import utc_now
from services.auth.use_cases import rotate_signing_key
from services.auth.use_cases.load_signing_keys import LoadSigningKeys
from services.auth.use_cases.rotate_signing_key import RotateSigningKey
from tests.auth.conftest import AuthService, StartAuth, person_of, registration
from tests.conftest import ROOT_KEY, OpenDatabase

ME = "/api/v1/auth/user/me"


@pytest.fixture
async def empty(open_fresh_database: OpenDatabase) -> Database:
    """A database of our own: in the shared one, other things are sealed under the same key."""
    return await open_fresh_database("auth")


@pytest.fixture
def key_ring(empty: Database) -> KeyRing:
    """The ring of a process on it."""
    return KeyRing(ROOT_KEY, empty)


def at(moment: datetime, database: Database, key_ring: KeyRing) -> RotateSigningKey:
    """Return the use case as it is at a moment."""
    return RotateSigningKey(database=database, key_ring=key_ring, clock=lambda: moment)


async def kids(database: Database, key_ring: KeyRing, moment: datetime) -> list[str]:
    """Return the names of the keys in use at a moment, the one that signs last first."""
    load = LoadSigningKeys(database=database, key_ring=key_ring, clock=lambda: moment)
    return [dated.key.kid for dated in await load()]


class TestRotation:
    async def test_publishes_before_it_signs_and_keeps_what_was_signed(
        self, empty: Database, key_ring: KeyRing
    ) -> None:
        start = utc_now()
        [old] = await kids(empty, key_ring, start)

        signs_from = await at(start, empty, key_ring)(lead=timedelta(minutes=2))

        assert signs_from == start + timedelta(minutes=2)
        new, *rest = await kids(empty, key_ring, start)
        assert rest == [old]
        # The last token of the old key lives for an hour from the moment the new one signs.
        assert await kids(empty, key_ring, start + timedelta(minutes=62)) == [new, old]
        assert await kids(empty, key_ring, start + timedelta(minutes=68)) == [new]

    async def test_two_at_once_make_one_key(self, empty: Database, key_ring: KeyRing) -> None:
        start = utc_now()
        await kids(empty, key_ring, start)

        moments = await asyncio.gather(
            *(at(start, empty, key_ring)(lead=timedelta(minutes=2)) for _ in range(5))
        )

        assert set(moments) == {start + timedelta(minutes=2)}
        assert len(await kids(empty, key_ring, start)) == 2

    async def test_a_shorter_lead_pulls_a_key_on_its_way_forward(
        self, empty: Database, key_ring: KeyRing
    ) -> None:
        start = utc_now()
        await kids(empty, key_ring, start)
        await at(start, empty, key_ring)(lead=timedelta(hours=6))

        sooner = await at(start, empty, key_ring)(lead=timedelta(minutes=2))
        later = await at(start, empty, key_ring)(lead=timedelta(hours=6))

        assert (sooner, later) == (start + timedelta(minutes=2),) * 2
        assert len(await kids(empty, key_ring, start)) == 2
        # The old key goes sooner, too.
        assert len(await kids(empty, key_ring, start + timedelta(minutes=68))) == 1

    async def test_by_the_clock_only_when_due(self, empty: Database, key_ring: KeyRing) -> None:
        start = utc_now()
        await kids(empty, key_ring, start)
        every = timedelta(days=90)

        early = await at(start + timedelta(days=89), empty, key_ring)(
            lead=signing.SCHEDULED_LEAD, unless_younger_than=every
        )
        due = await at(start + timedelta(days=91), empty, key_ring)(
            lead=signing.SCHEDULED_LEAD, unless_younger_than=every
        )

        assert early is None
        assert due is not None

    async def test_keys_that_nothing_needs_are_forgotten(
        self, empty: Database, key_ring: KeyRing
    ) -> None:
        start = utc_now()
        await kids(empty, key_ring, start)
        for days in (0, 10, 20):
            await at(start + timedelta(days=days), empty, key_ring)(lead=timedelta(minutes=2))

        async with empty.lean(PLATFORM_TENANT) as connection:
            left = await connection.fetchval("SELECT count(*) FROM signing_keys")

        assert left == 2


async def test_under_load_no_request_fails(
    start_auth: StartAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two replicas sign and verify each other's tokens across the change."""
    monkeypatch.setattr("services.auth.wiring.RELOAD_SECONDS", 0.2)
    monkeypatch.setattr(rotate_signing_key, "MIN_LEAD", timedelta(seconds=3))
    first, second = await start_auth(), await start_auth()
    body = registration(company_name="Acme")
    person = person_of((await first.post("/api/v1/auth/register", json=body)).json())
    failures: list[str] = []
    signed_by: list[str] = []
    stop = asyncio.Event()

    async def call(signer: AuthService, verifier: AuthService, refresh_token: str) -> None:
        while not stop.is_set():
            refreshed = await signer.post(
                "/api/v1/auth/refresh", headers={"authorization": f"Bearer {refresh_token}"}
            )
            if refreshed.status_code != 200:
                failures.append(refreshed.text)
                return
            tokens = refreshed.json()
            refresh_token = tokens["refresh_token"]
            signed_by.append(jwt.get_unverified_header(tokens["access_token"])["kid"])
            bearer = {"authorization": f"Bearer {tokens['access_token']}"}
            failures.extend(
                reply.text
                for reply in (
                    await verifier.get(ME, headers=bearer),
                    await verifier.get(ME, headers=person.bearer),
                )
                if reply.status_code != 200
            )
            await asyncio.sleep(0.02)

    other = {"email": body["email"], "password": body["password"]}
    second_login = (await second.post("/api/v1/auth/login", json=other)).json()
    load = [
        asyncio.create_task(call(first, second, person.refresh_token)),
        asyncio.create_task(call(second, first, second_login["refresh_token"])),
    ]
    rotate = RotateSigningKey(database=first.resources.database, key_ring=first.resources.key_ring)
    await rotate(lead=timedelta(seconds=3))
    async with asyncio.timeout(30):
        while len(set(signed_by)) < 2 and not failures:
            await asyncio.sleep(0.1)
    await asyncio.sleep(1)
    stop.set()
    await asyncio.gather(*load)

    assert failures == []
    assert signed_by[0] != signed_by[-1]
    published = (await first.get("/.well-known/jwks.json")).json()["keys"]
    assert {signed_by[0], signed_by[-1]} <= {key["kid"] for key in published}

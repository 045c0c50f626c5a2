"""API keys: made, listed, used, revoked."""

import asyncio
from uuid import uuid4

import pytest

from libs.common.security import api_key_cache_key, api_key_digest
from services.auth.use_cases import rotate_api_key
from tests.auth.conftest import (
    NOBODY,
    RELAXED,
    AuthService,
    Person,
    StartAuth,
    person_of,
    registration,
)

KEYS = "/api/v1/auth/api-keys"
ME = "/api/v1/auth/user/me"


async def make_key(auth: AuthService, person: Person, **body: object) -> dict[str, str]:
    """Make a key and return the headers that use it."""
    response = await auth.post(KEYS, json={"name": "CI"} | body, headers=person.bearer)
    assert response.status_code == 201, response.text
    made = response.json()
    return {"x-api-key": made["api_key"], "x-api-secret": made["api_secret"]}


class TestAccess:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", KEYS),
            ("POST", KEYS),
            ("PATCH", f"{KEYS}/{NOBODY}"),
            ("POST", f"{KEYS}/{NOBODY}/rotate"),
            ("DELETE", f"{KEYS}/{NOBODY}"),
        ],
    )
    async def test_strangers_and_keys_may_not(
        self, auth: AuthService, acme: Person, method: str, path: str
    ) -> None:
        key = await make_key(auth, acme, scopes=["full_access"])

        stranger = await auth.client.request(method, path)
        forged = await auth.client.request(method, path, headers={"authorization": "Bearer x.y.z"})
        by_key = await auth.client.request(method, path, headers=key, json={"name": "more"})

        assert (stranger.status_code, forged.status_code) == (401, 401)
        assert by_key.status_code == 403

    async def test_another_company_neither_sees_nor_revokes(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        key = await make_key(auth, acme)
        key_id = (await auth.get(KEYS, headers=acme.bearer)).json()["api_keys"][0]["id"]

        listed = await auth.get(KEYS, headers=globex.bearer)
        foreign = await auth.client.delete(f"{KEYS}/{key_id}", headers=globex.bearer)
        missing = await auth.client.delete(f"{KEYS}/{uuid4()}", headers=globex.bearer)

        assert listed.json()["api_keys"] == []
        assert foreign.status_code == missing.status_code == 404
        assert foreign.json() | {"request_id": ""} == missing.json() | {"request_id": ""}
        assert (await auth.get(ME, headers=key)).status_code == 200


class TestCreate:
    async def test_shows_the_secret_once(self, auth: AuthService, acme: Person) -> None:
        response = await auth.post(
            KEYS, json={"name": "CI", "expires_in_days": 30}, headers=acme.bearer
        )

        made = response.json()
        assert made["api_key"].startswith("ak_")
        assert made["api_secret"].startswith("as_")
        assert made["details"]["scopes"] == ["read", "write"]
        listed = await auth.get(KEYS, headers=acme.bearer)
        assert made["api_secret"] not in listed.text
        assert made["api_key"] not in listed.text
        [shown] = listed.json()["api_keys"]
        assert made["api_key"].startswith(shown["key_prefix"])
        assert shown["expires_at"] is not None

    async def test_works_as_its_owner(self, auth: AuthService, acme: Person) -> None:
        key = await make_key(auth, acme)

        response = await auth.get("/api/v1/auth/validate", headers=key)

        body = response.json()
        assert body["valid"] is True
        assert body["user"]["id"] == str(acme.user_id)
        assert body["api_key_info"]["scopes"] == ["read", "write"]

    async def test_bearer_wins_over_keys(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        key = await make_key(auth, acme)

        response = await auth.get(ME, headers=key | globex.bearer)

        assert response.json()["id"] == str(globex.user_id)

    @pytest.mark.parametrize(
        "body",
        [
            {"scopes": ["root"]},
            {"expires_in_days": 0},
            {"expires_in_days": 366},
            {"name": "x" * 101},
            {"allowed_ips": ["everywhere"]},
            {"allowed_ips": ["10.0.0.1/8"]},
        ],
    )
    async def test_refuses_what_makes_no_sense(
        self, auth: AuthService, acme: Person, body: dict[str, object]
    ) -> None:
        response = await auth.post(KEYS, json={"name": "CI"} | body, headers=acme.bearer)

        assert response.status_code == 400

    async def test_nobody_gives_away_more_than_they_have(
        self, auth: AuthService, acme: Person
    ) -> None:
        admin_key = await make_key(auth, acme, scopes=["admin"])
        async with auth.wiring.unit_of_work(acme.tenant_id) as uow:
            user = await uow.users.get(acme.user_id)
            assert user is not None
            user.role = "user"

        # The token still says admin; the database does not.
        response = await auth.post(
            KEYS, json={"name": "CI", "scopes": ["admin"]}, headers=acme.bearer
        )
        old_key = await auth.get("/api/v1/audit-log", headers=admin_key)

        assert (response.status_code, response.json()["code"]) == (403, "scope_not_allowed")
        assert old_key.status_code == 403


class TestUse:
    @pytest.mark.parametrize("change", ["x-api-key", "x-api-secret"])
    async def test_both_halves_are_needed(
        self, auth: AuthService, acme: Person, change: str
    ) -> None:
        key = await make_key(auth, acme)
        other = await make_key(auth, acme)

        assert (await auth.get(ME, headers=key | {change: other[change]})).status_code == 401
        assert (await auth.get(ME, headers=key | {change: ""})).status_code == 401

    async def test_a_read_key_only_reads(self, auth: AuthService, acme: Person) -> None:
        key = await make_key(auth, acme, scopes=["read"])

        read = await auth.get("/api/v1/user/profile", headers=key)
        written = await auth.client.put("/api/v1/user/profile", json={}, headers=key)

        assert (read.status_code, written.status_code) == (200, 403)

    async def test_use_is_remembered_once_a_minute(self, auth: AuthService, acme: Person) -> None:
        key = await make_key(auth, acme)
        pair = {"api_key": key["x-api-key"], "api_secret": key["x-api-secret"]}

        seen = []
        for _ in range(2):
            await auth.internal("POST", "/internal/api-keys/verify", json=pair)
            # Written a second later at most; the request itself does not wait for it.
            await asyncio.sleep(1.3)
            listed = await auth.get(KEYS, headers=acme.bearer)
            seen.append(listed.json()["api_keys"][0]["last_used_at"])

        assert seen[0] is not None
        assert seen[0] == seen[1]

    async def test_an_expired_key_is_refused(self, auth: AuthService, acme: Person) -> None:
        key = await make_key(auth, acme, expires_in_days=1)
        async with auth.wiring.unit_of_work(acme.tenant_id) as uow:
            [stored] = await uow.api_keys.of_user(acme.user_id, limit=9)
            stored.expires_at = stored.created_at

        assert (await auth.get(ME, headers=key)).status_code == 401

    async def test_a_suspended_owner_takes_the_keys_along(
        self, auth: AuthService, acme: Person
    ) -> None:
        key = await make_key(auth, acme)
        async with auth.wiring.unit_of_work(acme.tenant_id) as uow:
            user = await uow.users.get(acme.user_id)
            assert user is not None
            user.status = "suspended"

        assert (await auth.get(ME, headers=key)).status_code == 401


class TestRevoke:
    async def test_bites_within_five_seconds(self, auth: AuthService, acme: Person) -> None:
        key = await make_key(auth, acme)
        assert (await auth.get(ME, headers=key)).status_code == 200
        key_id = (await auth.get(KEYS, headers=acme.bearer)).json()["api_keys"][0]["id"]
        cached = api_key_cache_key(api_key_digest(key["x-api-key"], key["x-api-secret"]))

        response = await auth.client.delete(f"{KEYS}/{key_id}", headers=acme.bearer)

        assert response.status_code == 200
        assert await auth.resources.redis.get(cached) is None
        for _ in range(50):
            if (await auth.get(ME, headers=key)).status_code == 401:
                break
            await asyncio.sleep(0.1)
        else:
            pytest.fail("the key still works after five seconds")
        again = await auth.client.delete(f"{KEYS}/{key_id}", headers=acme.bearer)
        assert again.status_code == 404


class TestNetworks:
    async def test_a_key_works_from_its_networks_only(
        self, auth: AuthService, acme: Person
    ) -> None:
        here = await make_key(auth, acme, allowed_ips=["127.0.0.0/8", "::1"])
        elsewhere = await make_key(auth, acme, allowed_ips=["203.0.113.0/24"])

        refused = await auth.get(ME, headers=elsewhere)
        forged = await auth.get(ME, headers=elsewhere | {"x-api-secret": "as_wrong"})

        assert (await auth.get(ME, headers=here)).status_code == 200
        assert refused.status_code == 401
        # Nobody learns that a key is good by using it from the wrong place.
        assert refused.json() | {"request_id": ""} == forged.json() | {"request_id": ""}

    async def test_a_header_moves_nobody_whom_no_proxy_vouches_for(
        self, auth: AuthService, acme: Person
    ) -> None:
        key = await make_key(auth, acme, allowed_ips=["203.0.113.0/24"])

        response = await auth.get(ME, headers=key | {"x-forwarded-for": "203.0.113.7"})

        # The service under test trusts the loopback as its proxy, as it does in production.
        assert response.status_code == 200
        spoofed = await auth.get(ME, headers=key | {"x-forwarded-for": "203.0.113.7, 198.51.100.9"})
        assert spoofed.status_code == 401

    async def test_can_be_changed(self, auth: AuthService, acme: Person) -> None:
        await make_key(auth, acme)
        key_id = (await auth.get(KEYS, headers=acme.bearer)).json()["api_keys"][0]["id"]

        changed = await auth.client.patch(
            f"{KEYS}/{key_id}",
            json={"name": "Deploy", "allowed_ips": ["203.0.113.7"]},
            headers=acme.bearer,
        )

        assert changed.json()["details"]["allowed_ips"] == ["203.0.113.7/32"]
        trail = (await auth.get("/api/v1/audit-log?limit=1", headers=acme.bearer)).json()["data"]
        assert trail[0]["details"]["before"] == {"name": "CI", "networks": []}


class TestRotate:
    async def test_both_keys_work_until_the_overlap_ends(
        self, auth: AuthService, acme: Person
    ) -> None:
        old = await make_key(auth, acme, scopes=["read"], allowed_ips=["127.0.0.1"])
        key_id = (await auth.get(KEYS, headers=acme.bearer)).json()["api_keys"][0]["id"]

        made = await auth.post(
            f"{KEYS}/{key_id}/rotate", json={"overlap_seconds": 2}, headers=acme.bearer
        )

        body = made.json()
        new = {"x-api-key": body["api_key"], "x-api-secret": body["api_secret"]}
        assert made.status_code == 201
        assert (body["details"]["scopes"], body["details"]["allowed_ips"]) == (
            ["read"],
            ["127.0.0.1/32"],
        )
        assert (await auth.get(ME, headers=old)).status_code == 200
        assert (await auth.get(ME, headers=new)).status_code == 200
        await asyncio.sleep(2.2)
        assert (await auth.get(ME, headers=old)).status_code == 401
        assert (await auth.get(ME, headers=new)).status_code == 200

    async def test_happens_once(self, auth: AuthService, acme: Person) -> None:
        await make_key(auth, acme)
        key_id = (await auth.get(KEYS, headers=acme.bearer)).json()["api_keys"][0]["id"]

        replies = await asyncio.gather(
            *(auth.post(f"{KEYS}/{key_id}/rotate", headers=acme.bearer) for _ in range(5))
        )

        assert sorted(reply.status_code for reply in replies) == [201, 409, 409, 409, 409]

    async def test_without_overlap_the_old_key_ends(self, auth: AuthService, acme: Person) -> None:
        old = await make_key(auth, acme)
        key_id = (await auth.get(KEYS, headers=acme.bearer)).json()["api_keys"][0]["id"]

        await auth.post(f"{KEYS}/{key_id}/rotate", json={"overlap_seconds": 0}, headers=acme.bearer)

        assert (await auth.get(ME, headers=old)).status_code == 401

    async def test_rotating_is_no_way_around_the_bound(
        self, auth: AuthService, acme: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await make_key(auth, acme)
        key_id = (await auth.get(KEYS, headers=acme.bearer)).json()["api_keys"][0]["id"]
        monkeypatch.setattr(rotate_api_key, "MAX_KEYS_PER_USER", 1)
        path = f"{KEYS}/{key_id}/rotate"

        more = await auth.post(path, json={"overlap_seconds": 60}, headers=acme.bearer)
        instead = await auth.post(path, json={"overlap_seconds": 0}, headers=acme.bearer)

        assert more.json()["code"] == "too_many_api_keys"
        assert instead.status_code == 201

    async def test_nobody_rotates_anothers(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        await make_key(auth, acme)
        key_id = (await auth.get(KEYS, headers=acme.bearer)).json()["api_keys"][0]["id"]

        foreign = await auth.post(f"{KEYS}/{key_id}/rotate", headers=globex.bearer)
        missing = await auth.post(f"{KEYS}/{uuid4()}/rotate", headers=globex.bearer)

        assert foreign.status_code == missing.status_code == 404
        assert foreign.json() | {"request_id": ""} == missing.json() | {"request_id": ""}


async def test_who_guesses_keys_is_slowed_down(start_auth: StartAuth) -> None:
    auth = await start_auth(rate_limits=RELAXED | {"refused": "5/60"})
    admin = person_of(
        (await auth.post("/api/v1/auth/register", json=registration(company_name="A"))).json()
    )
    key = await make_key(auth, admin)

    guesses = [
        await auth.get(ME, headers={"x-api-key": "ak_guess", "x-api-secret": f"as_{number}"})
        for number in range(7)
    ]

    assert [guess.status_code for guess in guesses] == [401] * 5 + [429] * 2
    assert int(guesses[-1].headers["retry-after"]) > 0
    assert guesses[-1].headers["ratelimit-remaining"] == "0"
    # Who has good credentials is not held up by a neighbour who has not.
    assert (await auth.get(ME, headers=key)).status_code == 200

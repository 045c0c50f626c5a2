"""Limits as settings of a company."""

import asyncio

import pytest

from tests.auth.conftest import NOBODY, RELAXED, AuthService, Person, StartAuth, person_of
from tests.auth.conftest import registration as registration_of
from tests.auth.endpoints.test_api_keys import make_key
from tests.auth.endpoints.test_users import add_user, log_in

LIMITS = "/api/v1/admin/rate-limits"
PROFILE = "/api/v1/user/profile"


def of_company(person: Person) -> str:
    """Return the platform's path to a company's limits."""
    return f"/api/v1/super-admin/companies/{person.tenant_id}/rate-limits"


async def make_super_admin(auth: AuthService, person: Person) -> None:
    """Give somebody the platform's own role, before anybody has looked at their session."""
    async with auth.wiring.unit_of_work(person.tenant_id) as uow:
        user = await uow.users.get(person.user_id)
        assert user is not None
        user.role = "super_admin"


async def until_limited_to(auth: AuthService, headers: dict[str, str], limit: int) -> None:
    """Wait until a caller meets a limit; five seconds at most."""
    for _ in range(50):
        reply = await auth.get(PROFILE, headers=headers)
        if reply.headers.get("ratelimit-limit") == str(limit):
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"the limit is not {limit} within five seconds: {reply.headers}")


class TestAccess:
    async def test_strangers_and_users_may_not(self, auth: AuthService, acme: Person) -> None:
        grace = await log_in(auth, (await add_user(auth, acme))["email"])
        for method, path in (
            ("GET", LIMITS),
            ("PUT", LIMITS),
            ("GET", of_company(acme)),
            ("PUT", of_company(acme)),
        ):
            stranger = await auth.client.request(method, path)
            user = await auth.client.request(
                method, path, json={"limits": {}}, headers=grace.bearer
            )
            assert (stranger.status_code, user.status_code) == (401, 403)

    async def test_admins_do_not_set_the_platforms(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        for path in (of_company(acme), of_company(globex)):
            reply = await auth.client.put(path, json={"limits": {}}, headers=globex.bearer)
            assert reply.status_code == 403


class TestOwnLimits:
    async def test_hold_within_seconds_for_the_own_company_only(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        key = await make_key(auth, acme)

        reply = await auth.client.put(
            LIMITS, json={"limits": {"default": "40/60"}}, headers=acme.bearer
        )

        assert reply.json()["own"] == {"default": "40/60"}
        assert reply.json()["limits"]["default"] == "40/60"
        await until_limited_to(auth, acme.bearer, 40)
        await until_limited_to(auth, key, 40)
        other = await auth.get(PROFILE, headers=globex.bearer)
        assert other.headers["ratelimit-limit"] == "1200"

    async def test_bind_and_say_when_to_come_back(self, auth: AuthService, acme: Person) -> None:
        key = await make_key(auth, acme)
        await auth.client.put(LIMITS, json={"limits": {"default": "5/60"}}, headers=acme.bearer)
        await until_limited_to(auth, key, 5)

        replies = [await auth.get(PROFILE, headers=key) for _ in range(6)]

        assert replies[-1].status_code == 429
        assert int(replies[-1].headers["retry-after"]) > 0
        assert replies[-1].headers["ratelimit-remaining"] == "0"
        assert replies[-1].json()["code"] == "rate_limited"

    async def test_one_budget_for_the_whole_company(self, auth: AuthService, acme: Person) -> None:
        keys = [await make_key(auth, acme) for _ in range(2)]
        await auth.client.put(LIMITS, json={"limits": {"tenant": "8/60"}}, headers=acme.bearer)
        await until_limited_to(auth, keys[0], 8)

        replies = [await auth.get(PROFILE, headers=keys[number % 2]) for number in range(9)]

        assert replies[-1].status_code == replies[-2].status_code == 429

    @pytest.mark.parametrize(
        ("limits", "status", "code"),
        [
            ({"default": "2000/60"}, 403, "rate_too_high"),
            ({"default": "1200/30"}, 403, "rate_too_high"),
            ({"login": "1/60"}, 400, "unknown_rate_class"),
            ({"default": "many"}, 400, "invalid_rate"),
            ({"default": "0/60"}, 400, "invalid_rate"),
        ],
    )
    async def test_refuse_what_makes_no_sense(
        self,
        auth: AuthService,
        acme: Person,
        limits: dict[str, str],
        status: int,
        code: str,
    ) -> None:
        reply = await auth.client.put(LIMITS, json={"limits": limits}, headers=acme.bearer)

        assert (reply.status_code, reply.json()["code"]) == (status, code)


class TestGrantedLimits:
    async def test_widen_and_cannot_be_undone_by_the_company(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        await make_super_admin(auth, globex)

        wider = await auth.client.put(
            of_company(acme), json={"limits": {"default": "5000/60"}}, headers=globex.bearer
        )
        own = await auth.client.put(
            LIMITS, json={"limits": {"default": "3000/60"}}, headers=acme.bearer
        )

        assert wider.status_code == 200
        assert own.json()["limits"]["default"] == "3000/60"
        await until_limited_to(auth, acme.bearer, 3000)
        await auth.client.put(
            of_company(acme), json={"limits": {"default": "50/60"}}, headers=globex.bearer
        )
        undone = await auth.client.put(LIMITS, json={"limits": {}}, headers=acme.bearer)
        assert undone.json()["limits"]["default"] == "50/60"
        trail = (await auth.get("/api/v1/audit-log?limit=1", headers=acme.bearer)).json()["data"]
        assert trail[0]["action"] == "rate_limits.changed"

    async def test_an_unknown_company_is_not_found(self, auth: AuthService, globex: Person) -> None:
        await make_super_admin(auth, globex)
        path = f"/api/v1/super-admin/companies/{NOBODY}/rate-limits"

        assert (await auth.get(path, headers=globex.bearer)).status_code == 404
        put = await auth.client.put(path, json={"limits": {}}, headers=globex.bearer)
        assert put.status_code == 404


async def test_what_the_operator_sets_is_what_is_shown(start_auth: StartAuth) -> None:
    auth = await start_auth(rate_limits=RELAXED | {"search": "7/60"})
    admin = person_of(
        (await auth.post("/api/v1/auth/register", json=registration_of(company_name="A"))).json()
    )

    shown = (await auth.get(LIMITS, headers=admin.bearer)).json()

    assert shown["platform"]["search"] == "7/60"
    assert "login" not in shown["platform"]

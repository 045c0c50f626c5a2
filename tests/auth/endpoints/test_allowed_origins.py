"""Whose pages may use a company's credentials."""

import asyncio

import pytest

from tests.auth.conftest import (
    AuthService,
    Person,
    StartAuth,
    add_colleague,
    person_of,
    registration,
)
from tests.auth.endpoints.test_api_keys import make_key

ORIGINS = "/api/v1/admin/allowed-origins"
COMPANY = "/api/v1/company"
OURS, OTHER = "https://app.acme.test", "https://elsewhere.test"


async def name(auth: AuthService, person: Person, *origins: str) -> list[str]:
    reply = await auth.client.put(ORIGINS, json={"allowed_origins": origins}, headers=person.bearer)
    assert reply.status_code == 200, reply.text
    return list(reply.json()["allowed_origins"])


async def until(auth: AuthService, headers: dict[str, str], status: int) -> bool:
    """Say whether a company's page is answered so within five seconds."""
    for _ in range(50):
        if (await auth.get(COMPANY, headers=headers)).status_code == status:
            return True
        await asyncio.sleep(0.1)
    return False


class TestAccess:
    async def test_is_for_admins(self, auth: AuthService, acme: Person) -> None:
        colleague = await add_colleague(auth, acme)
        for method in ("GET", "PUT"):
            body = {"allowed_origins": [OTHER]}
            stranger = await auth.client.request(method, ORIGINS, json=body)
            user = await auth.client.request(method, ORIGINS, json=body, headers=colleague.bearer)
            assert (stranger.status_code, user.status_code) == (401, 403)

    async def test_is_each_companys_own(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        await name(auth, acme, OURS)

        assert (await auth.get(ORIGINS, headers=globex.bearer)).json() == {"allowed_origins": []}
        reply = await auth.get(COMPANY, headers=globex.bearer | {"origin": OTHER})
        assert reply.status_code == 200


class TestList:
    async def test_holds_for_people_and_keys_within_seconds(
        self, auth: AuthService, acme: Person
    ) -> None:
        pair = await make_key(auth, acme, scopes=["read"])
        for headers in (acme.bearer, pair):
            reply = await auth.get(COMPANY, headers=headers | {"origin": OTHER})
            assert reply.headers["access-control-allow-origin"] == "*"

        await name(auth, acme, OURS)

        for headers in (acme.bearer, pair):
            assert await until(auth, headers | {"origin": OTHER}, 403)
            assert await until(auth, headers | {"origin": OURS}, 200)
            assert await until(auth, headers, 200)
        await name(auth, acme)
        for headers in (acme.bearer, pair):
            assert await until(auth, headers | {"origin": OTHER}, 200)

    async def test_is_kept_as_browsers_write_it(self, auth: AuthService, acme: Person) -> None:
        given = ("https://App.Acme.test:443/", OURS, "http://localhost:3000")

        assert await name(auth, acme, *given) == ["http://localhost:3000", OURS]
        shown = await auth.get(ORIGINS, headers=acme.bearer)
        assert shown.json() == {"allowed_origins": ["http://localhost:3000", OURS]}

    @pytest.mark.parametrize(
        "origin",
        [
            "*",
            "https://*.acme.test",
            "app.acme.test",
            "https://app.acme.test/path",
            "https://app.acme.test?x",
            "https://user@app.acme.test",
            "file:///etc",
            "null",
        ],
    )
    async def test_refuses_what_is_no_origin(
        self, auth: AuthService, acme: Person, origin: str
    ) -> None:
        reply = await auth.client.put(
            ORIGINS, json={"allowed_origins": [OURS, origin]}, headers=acme.bearer
        )

        assert (reply.status_code, reply.json()["code"]) == (400, "invalid_origin")
        assert (await auth.get(ORIGINS, headers=acme.bearer)).json() == {"allowed_origins": []}

    async def test_only_narrows_what_the_platform_allows(self, start_auth: StartAuth) -> None:
        auth = await start_auth(cors_allowed_origins=[OURS, "https://admin.acme.test"])
        body = registration(company_name="Acme")
        acme = person_of((await auth.post("/api/v1/auth/register", json=body)).json())

        wider = await auth.client.put(
            ORIGINS, json={"allowed_origins": [OURS, OTHER]}, headers=acme.bearer
        )

        assert (wider.status_code, wider.json()["code"]) == (400, "origin_not_offered")
        assert wider.json()["details"] == {"origins": [OTHER]}
        assert await name(auth, acme, OURS) == [OURS]

    async def test_is_audited(self, auth: AuthService, acme: Person) -> None:
        await name(auth, acme, OURS)

        log = await auth.get(
            "/api/v1/audit-log?event_type=allowed_origins.changed", headers=acme.bearer
        )

        assert len(log.json()["data"]) == 1

"""Settings of companies, over those of the platform."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from libs.common.database import Database
from services.auth.domain.config_values import MAX_KEYS
from tests.auth.conftest import (
    AuthService,
    Person,
    StartAuth,
    add_colleague,
    log_in,
    new_email,
    person_of,
    registration,
)

CONFIG = "/api/v1/config"
SUPER = "a password of an operator"


async def keep(
    auth: AuthService, person: Person, key: str, value: object, **more: object
) -> httpx.Response:
    body = {"config_key": key, "config_value": value, **more}
    return await auth.client.patch(CONFIG, json=body, headers=person.bearer)


async def settings_of(auth: AuthService, person: Person) -> dict[str, Any]:
    reply = await auth.get(CONFIG, headers=person.bearer)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()["config"]
    return found


class TestAccess:
    async def test_is_for_admins(self, auth: AuthService, acme: Person) -> None:
        colleague = await add_colleague(auth, acme)
        body = {"config_key": "theme", "config_value": "dark"}

        for method in ("GET", "PATCH"):
            stranger = await auth.client.request(method, CONFIG, json=body)
            user = await auth.client.request(method, CONFIG, json=body, headers=colleague.bearer)
            assert (stranger.status_code, user.status_code) == (401, 403)

    async def test_is_each_companys_own(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        key = f"k{uuid4().hex}"
        await keep(auth, acme, key, "acme")
        await keep(auth, globex, key, "globex")

        assert (await settings_of(auth, acme))[key] == "acme"
        assert (await settings_of(auth, globex))[key] == "globex"

    async def test_admins_do_not_set_the_platforms(self, auth: AuthService, acme: Person) -> None:
        reply = await keep(auth, acme, "theme", "dark", platform=True)

        assert reply.status_code == 403
        assert "theme" not in await settings_of(auth, acme)


class TestValues:
    @pytest.mark.parametrize(
        ("given", "named", "kept", "kind"),
        [
            ("dark", None, "dark", "string"),
            ("7", None, "7", "string"),
            ("7", "integer", 7, "integer"),
            (7, None, 7, "integer"),
            ("1.5", "number", 1.5, "number"),
            (True, None, True, "boolean"),
            ("False", "boolean", False, "boolean"),
            ([1, {"a": None}], None, [1, {"a": None}], "json"),
            (None, "json", None, "json"),
        ],
    )
    async def test_have_types(
        self, auth: AuthService, acme: Person, given: object, named: str, kept: object, kind: str
    ) -> None:
        reply = await keep(auth, acme, "setting", given, config_type=named)

        assert reply.status_code == 200, reply.text
        assert (reply.json()["config_value"], reply.json()["config_type"]) == (kept, kind)
        assert (await settings_of(auth, acme))["setting"] == kept

    @pytest.mark.parametrize(
        ("given", "named"),
        [
            ("seven", "integer"),
            (7.5, "integer"),
            (True, "integer"),
            ("nan", "number"),
            ("inf", "number"),
            ([], "string"),
            ("yes", "boolean"),
            (1, "boolean"),
            (2**70, "integer"),
            (10**400, "number"),
        ],
    )
    async def test_that_do_not_fit_are_refused(
        self, auth: AuthService, acme: Person, given: object, named: str
    ) -> None:
        reply = await keep(auth, acme, "setting", given, config_type=named)

        assert (reply.status_code, reply.json()["code"]) == (400, "wrong_config_type")
        assert "setting" not in await settings_of(auth, acme)

    @pytest.mark.parametrize(
        "body",
        [
            {"config_key": "", "config_value": 1},
            {"config_key": "a b", "config_value": 1},
            {"config_key": "x" * 101, "config_value": 1},
            {"config_key": "a"},
            {"config_key": "a", "config_value": 1, "config_type": "date"},
        ],
    )
    async def test_need_a_key_and_a_value(
        self, auth: AuthService, acme: Person, body: dict[str, object]
    ) -> None:
        reply = await auth.client.patch(CONFIG, json=body, headers=acme.bearer)

        assert (reply.status_code, reply.json()["code"]) == (400, "validation_error")

    async def test_keep_their_type_and_what_is_not_said(
        self, auth: AuthService, acme: Person
    ) -> None:
        await keep(auth, acme, "limit", 7, description="How many.")

        reply = await keep(auth, acme, "limit", "8")
        wrong = await keep(auth, acme, "limit", "many")

        assert (reply.json()["config_value"], reply.json()["description"]) == (8, "How many.")
        assert wrong.status_code == 400

    async def test_are_bounded(self, auth: AuthService, acme: Person, globex: Person) -> None:
        large = await keep(auth, acme, "large", "x" * 8191)
        for number in range(MAX_KEYS):
            await keep(auth, globex, f"k{number}", number)
        one_more = await keep(auth, globex, "more", 1)
        known = await keep(auth, globex, "k0", 1)

        assert (large.status_code, large.json()["code"]) == (400, "config_too_large")
        assert (one_more.status_code, known.status_code) == (400, 200)


class TestSensitive:
    async def test_values_are_shown_to_nobody(
        self, auth: AuthService, acme: Person, database: Database
    ) -> None:
        kept = await keep(auth, acme, "token", "hunter2-secret", is_sensitive=True)
        again = await keep(auth, acme, "token", "hunter3-secret")

        listed = await auth.get(CONFIG, headers=acme.bearer)
        log = await auth.get("/api/v1/audit-log", headers=acme.bearer)
        async with database.lean(acme.tenant_id) as connection:
            row = await connection.fetchrow("SELECT * FROM config_values WHERE key = 'token'")
        assert row is not None
        for text in (kept.text, again.text, listed.text, log.text, repr(dict(row.items()))):
            assert "-secret" not in text
        assert listed.json()["config"]["token"] == "********"
        assert "config.changed" in log.text


class TestPlatform:
    async def test_values_hold_for_companies_without_their_own(self, start_auth: StartAuth) -> None:
        email, key = new_email("operator"), f"k{uuid4().hex}"
        auth = await start_auth(super_admin_email=email, super_admin_password=SUPER)
        operator = person_of((await log_in(auth, email, SUPER)).json())
        body = registration(company_name="Acme")
        acme = person_of((await auth.post("/api/v1/auth/register", json=body)).json())

        kept = await keep(auth, operator, key, "usual", platform=True)
        hidden = await keep(auth, operator, f"{key}s", "x", platform=True, is_sensitive=True)
        before = await settings_of(auth, acme)
        await keep(auth, acme, key, "special")
        after = await settings_of(auth, acme)

        assert kept.json()["is_platform"] is True
        assert hidden.json()["config_value"] == "********"
        assert (before[key], after[key]) == ("usual", "special")
        assert after[f"{key}s"] == "********"
        assert (await settings_of(auth, operator))[key] == "usual"
        log = await auth.get("/api/v1/audit-log", headers=operator.bearer)
        assert "config.changed" in log.text

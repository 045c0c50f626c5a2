"""Registering, logging in and out, refreshing."""

import asyncio
import os
import signal
import time
from pathlib import Path
from uuid import uuid4

import pytest

from libs.common.database import PLATFORM_TENANT
from libs.common.security import public_keys, verify_token
from tests.auth.conftest import (
    PASSWORD,
    RELAXED,
    AuthService,
    Person,
    StartAuth,
    new_email,
    person_of,
    registration,
)
from tests.servers import TestRun, start_valkey, stop

REGISTER = "/api/v1/auth/register"
LOGIN = "/api/v1/auth/login"
REFRESH = "/api/v1/auth/refresh"
LOGOUT = "/api/v1/auth/logout"
ME = "/api/v1/auth/user/me"


class TestRegister:
    async def test_by_name_makes_a_company_with_its_admin(self, auth: AuthService) -> None:
        email = new_email()

        response = await auth.post(
            REGISTER, json=registration(email=email, company_name="Acme", accept_terms=True)
        )

        assert response.status_code == 201
        body = response.json()
        assert body["user"]["email"] == email
        assert body["user"]["role"] == "admin"
        assert body["tokens"]["access_token"] == body["access_token"]
        me = await auth.get(ME, headers=person_of(body).bearer)
        assert me.json()["company"]["name"] == "Acme"
        assert me.json()["company"]["id"] == body["user"]["company_id"]

    async def test_by_id_opens_a_company_without_users_once(self, auth: AuthService) -> None:
        company = await auth.post(
            "/api/v1/company", json={"name": "Initech", "email": new_email("Initech")}
        )
        company_id = company.json()["company"]["id"]
        body = registration(company_id=company_id, username="first")

        first = await auth.post(REGISTER, json=body)
        second = await auth.post(REGISTER, json=body | {"email": new_email()})

        assert first.status_code == 201
        assert first.json()["user"]["company_id"] == company_id
        assert first.json()["user"]["role"] == "admin"
        assert second.status_code == 403
        assert second.json()["code"] == "registration_closed"

    async def test_knowing_an_id_lets_nobody_in(self, auth: AuthService, acme: Person) -> None:
        joining = await auth.post(REGISTER, json=registration(company_id=str(acme.tenant_id)))
        unknown = await auth.post(REGISTER, json=registration(company_id=str(uuid4())))
        platform = await auth.post(REGISTER, json=registration(company_id=str(PLATFORM_TENANT)))

        bodies = []
        for response in (joining, unknown, platform):
            assert response.status_code == 403
            assert "access_token" not in response.text
            bodies.append(response.json() | {"request_id": ""})
        assert bodies[0] == bodies[1] == bodies[2]

    async def test_of_many_at_once_one_gets_an_empty_company(self, auth: AuthService) -> None:
        company = await auth.post(
            "/api/v1/company", json={"name": "Initech", "email": new_email("Initech")}
        )
        company_id = company.json()["id"]

        responses = await asyncio.gather(
            *(auth.post(REGISTER, json=registration(company_id=company_id)) for _ in range(8))
        )

        assert sorted(response.status_code for response in responses) == [201] + [403] * 7

    async def test_an_address_is_taken_once_on_the_platform(
        self, auth: AuthService, acme: Person
    ) -> None:
        response = await auth.post(
            REGISTER, json=registration(email=acme.email.upper(), company_name="Other")
        )

        assert response.status_code == 400
        assert response.json()["code"] == "email_taken"

    async def test_role_and_tenant_in_the_body_do_nothing(
        self, auth: AuthService, acme: Person
    ) -> None:
        response = await auth.post(
            REGISTER,
            json=registration(
                company_name="Evil",
                role="super_admin",
                tenant_id=str(acme.tenant_id),
                status="suspended",
                email_verified=True,
            ),
        )

        user = response.json()["user"]
        assert user["role"] == "admin"
        assert user["company_id"] != str(acme.tenant_id)
        assert user["status"] == "active"
        assert user["email_verified"] is False

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"password": "short"}, "password"),
            ({"password": "x" * 257}, "password"),
            ({"first_name": ""}, "first_name"),
            ({"username": "ab"}, "username"),
            ({"company_id": "42"}, "company_id"),
        ],
    )
    async def test_says_which_field_is_wrong(
        self, auth: AuthService, change: dict[str, object], field: str
    ) -> None:
        response = await auth.post(REGISTER, json=registration(company_name="Acme") | change)

        assert response.status_code == 400
        assert field in response.json()["errors"]

    async def test_needs_a_company_and_an_address(self, auth: AuthService) -> None:
        without = await auth.post(REGISTER, json=registration())
        no_address = await auth.post(
            REGISTER, json=registration(company_name="Acme", email="nobody at home")
        )

        assert without.status_code == 400
        assert no_address.status_code == 400
        assert no_address.json()["code"] == "invalid_email"

    async def test_the_same_idempotency_key_registers_once(self, auth: AuthService) -> None:
        body = registration(company_name="Acme")
        headers = {"idempotency-key": uuid4().hex}

        first = await auth.post(REGISTER, json=body, headers=headers)
        again = await auth.post(REGISTER, json=body, headers=headers)

        assert (first.status_code, again.status_code) == (201, 201)
        assert again.json() == first.json()

    async def test_is_limited_by_address(self, start_auth: StartAuth) -> None:
        auth = await start_auth(rate_limits=RELAXED | {"register": "3/60"})

        statuses = [(await auth.post(REGISTER, json=registration())).status_code for _ in range(4)]

        assert statuses == [400, 400, 400, 429]


class TestLogin:
    async def test_gives_tokens_that_services_can_verify(
        self, auth: AuthService, acme: Person
    ) -> None:
        response = await auth.post(LOGIN, json={"email": acme.email, "password": PASSWORD})

        assert response.status_code == 200
        body = response.json()
        assert body["expires_in"] == 3600
        assert body["user"]["last_login"] is not None
        jwks = (await auth.get("/.well-known/jwks.json")).json()
        claims = verify_token(
            body["access_token"],
            keys=public_keys(jwks),
            audience="knowrithm-api",
            issuer="knowrithm",
            typ="at+jwt",
            now=time.time(),
        )
        assert claims["tenant"] == str(acme.tenant_id)
        assert claims["sub"] == str(acme.user_id)
        assert claims["role"] == "admin"
        assert "users:write" in claims["scopes"]

    async def test_takes_the_address_however_it_is_typed(
        self, auth: AuthService, acme: Person
    ) -> None:
        typed = f"  {acme.email.upper()} "

        response = await auth.post(LOGIN, json={"email": typed, "password": PASSWORD})

        assert response.status_code == 200

    async def test_an_unknown_address_is_answered_as_a_wrong_password(
        self, auth: AuthService, acme: Person
    ) -> None:
        wrong = await auth.post(LOGIN, json={"email": acme.email, "password": "not my password"})
        unknown = await auth.post(LOGIN, json={"email": new_email(), "password": PASSWORD})

        assert wrong.status_code == unknown.status_code == 401
        assert wrong.json() | {"request_id": ""} == unknown.json() | {"request_id": ""}

    async def test_wrong_passwords_are_counted_until_a_right_one(
        self, auth: AuthService, acme: Person
    ) -> None:
        for _ in range(3):
            await auth.post(LOGIN, json={"email": acme.email, "password": "not my password"})
        counted = (await auth.get(ME, headers=acme.bearer)).json()["login_attempts"]
        await auth.post(LOGIN, json={"email": acme.email, "password": PASSWORD})
        after = (await auth.get(ME, headers=acme.bearer)).json()["login_attempts"]

        assert (counted, after) == (3, 0)

    async def test_bad_api_keys_beside_it_do_not_matter(
        self, auth: AuthService, acme: Person
    ) -> None:
        response = await auth.post(
            LOGIN,
            json={"email": acme.email, "password": PASSWORD},
            headers={"x-api-key": "ak_old", "x-api-secret": "as_old"},
        )

        assert response.status_code == 200

    async def test_exactly_as_many_passwords_are_checked_as_the_limit_says(
        self, start_auth: StartAuth
    ) -> None:
        auth = await start_auth(rate_limits=RELAXED | {"login": "5/60"})
        registered = await auth.post(REGISTER, json=registration(company_name="Acme"))
        email = person_of(registered.json()).email

        responses = await asyncio.gather(
            *(
                auth.post(LOGIN, json={"email": email, "password": f"wrong password {i}"})
                for i in range(50)
            )
        )

        statuses = [response.status_code for response in responses]
        assert statuses.count(401) == 5
        assert statuses.count(429) == 45
        refused = next(response for response in responses if response.status_code == 429)
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["code"] == "too_many_attempts"

    async def test_a_suspended_user_is_told_so_after_the_right_password_only(
        self, auth: AuthService, acme: Person
    ) -> None:
        async with auth.wiring.unit_of_work(acme.tenant_id) as uow:
            user = await uow.users.get(acme.user_id)
            assert user is not None
            user.status = "suspended"

        right = await auth.post(LOGIN, json={"email": acme.email, "password": PASSWORD})
        wrong = await auth.post(LOGIN, json={"email": acme.email, "password": "not my password"})

        assert (right.status_code, right.json()["code"]) == (403, "account_not_active")
        assert wrong.status_code == 401

    async def test_malformed_json_is_a_clear_400(self, auth: AuthService) -> None:
        response = await auth.post(
            LOGIN, content=b"{", headers={"content-type": "application/json"}
        )

        assert response.status_code == 400
        assert response.json()["code"] == "malformed_json"


class TestLogout:
    async def test_needs_a_token(self, auth: AuthService) -> None:
        assert (await auth.post(LOGOUT)).status_code == 401

    async def test_ends_both_tokens_within_seconds(self, auth: AuthService, acme: Person) -> None:
        response = await auth.post(LOGOUT, headers=acme.bearer)

        assert response.status_code == 200
        refreshed = await auth.post(REFRESH, json={"refresh_token": acme.refresh_token})
        assert refreshed.status_code == 401
        assert await stops_working(auth, acme.bearer)

    async def test_does_not_wait_for_a_redis_that_is_silent(
        self, start_auth: StartAuth, test_run: TestRun, tmp_path: Path
    ) -> None:
        valkey = start_valkey(test_run.folder / tmp_path.name)
        auth = await start_auth(redis_url=valkey.url)
        body = registration(email=new_email(), company_name="Acme")
        person = person_of((await auth.post(REGISTER, json=body)).json())
        os.kill(valkey.pid, signal.SIGSTOP)

        try:
            response = await asyncio.wait_for(auth.post(LOGOUT, headers=person.bearer), 5)
        finally:
            os.kill(valkey.pid, signal.SIGCONT)

        assert response.status_code == 200
        stop(valkey, kill=True)

    async def test_leaves_other_sessions_alone(self, auth: AuthService, acme: Person) -> None:
        other = person_of(
            (await auth.post(LOGIN, json={"email": acme.email, "password": PASSWORD})).json()
        )

        await auth.post(LOGOUT, headers=acme.bearer)

        assert (await auth.get(ME, headers=other.bearer)).status_code == 200


async def stops_working(auth: AuthService, headers: dict[str, str]) -> bool:
    """Say whether credentials are refused within the five seconds that are promised."""
    for _ in range(50):
        if (await auth.get(ME, headers=headers)).status_code == 401:
            return True
        await asyncio.sleep(0.1)
    return False

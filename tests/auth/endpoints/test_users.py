"""Accounts, profiles, and the users of a company."""

from typing import Any
from uuid import uuid4

import pytest

from tests.auth.conftest import NOBODY, PASSWORD, AuthService, Person, new_email, person_of
from tests.auth.endpoints.test_api_keys import make_key

LISTS = ("/admin/user", "/admin/users", "/users", "/company/users", "/auth/users")


async def add_user(auth: AuthService, admin: Person, **body: object) -> dict[str, Any]:
    """Add a user without further rights."""
    response = await auth.post(
        "/api/v1/auth/user",
        json={
            "email": new_email(),
            "username": "grace",
            "password": PASSWORD,
            "first_name": "Grace",
            "last_name": "Hopper",
        }
        | body,
        headers=admin.bearer,
    )
    assert response.status_code == 201, response.text
    user: dict[str, Any] = response.json()["user"]
    return user


async def log_in(auth: AuthService, email: str) -> Person:
    """Log somebody in."""
    response = await auth.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD})
    return person_of(response.json())


class TestAccess:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/auth/user/me"),
            ("GET", "/auth/validate"),
            ("GET", "/user/profile"),
            ("PUT", "/user/profile"),
            ("GET", f"/user/{NOBODY}"),
            ("GET", f"/admin/user/{NOBODY}"),
            ("POST", "/auth/user"),
            *(("GET", path) for path in LISTS),
        ],
    )
    async def test_strangers_may_not(self, auth: AuthService, method: str, path: str) -> None:
        assert (await auth.client.request(method, f"/api/v1{path}")).status_code == 401

    @pytest.mark.parametrize("path", ["/user/{}", "/admin/user/{}"])
    async def test_another_companys_user_is_not_found(
        self, auth: AuthService, acme: Person, globex: Person, path: str
    ) -> None:
        foreign = await auth.get("/api/v1" + path.format(acme.user_id), headers=globex.bearer)
        missing = await auth.get("/api/v1" + path.format(uuid4()), headers=globex.bearer)

        assert foreign.status_code == missing.status_code == 404
        assert foreign.json() | {"request_id": ""} == missing.json() | {"request_id": ""}


class TestAddUser:
    async def test_adds_a_user_without_rights_to_the_own_company(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        user = await add_user(
            auth,
            acme,
            role="admin",
            tenant_id=str(globex.tenant_id),
            company_id=str(acme.tenant_id),
        )

        assert user["role"] == "user"
        assert user["company_id"] == str(acme.tenant_id)
        grace = await log_in(auth, user["email"])
        assert grace.tenant_id == acme.tenant_id

    async def test_not_to_another_company(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        body = {
            "email": new_email(),
            "password": PASSWORD,
            "first_name": "Grace",
            "last_name": "Hopper",
            "company_id": str(globex.tenant_id),
        }

        response = await auth.post("/api/v1/auth/user", json=body, headers=acme.bearer)

        assert (response.status_code, response.json()["code"]) == (404, "company_not_found")

    async def test_takes_an_admin_or_an_admins_key(self, auth: AuthService, acme: Person) -> None:
        grace = await log_in(auth, (await add_user(auth, acme))["email"])
        body = {
            "email": new_email(),
            "password": PASSWORD,
            "first_name": "Eve",
            "last_name": "Doe",
        }

        by_user = await auth.post("/api/v1/auth/user", json=body, headers=grace.bearer)
        user_key = await make_key(auth, grace, scopes=["write"])
        by_user_key = await auth.post("/api/v1/auth/user", json=body, headers=user_key)
        admin_key = await make_key(auth, acme, scopes=["write"])
        by_admin_key = await auth.post("/api/v1/auth/user", json=body, headers=admin_key)

        assert [by_user.status_code, by_user_key.status_code] == [403, 403]
        assert by_admin_key.status_code == 201


class TestListUsers:
    @pytest.mark.parametrize("path", LISTS)
    async def test_lists_own_users_only(
        self, auth: AuthService, acme: Person, globex: Person, path: str
    ) -> None:
        user = await add_user(auth, acme)

        body = (await auth.get(f"/api/v1{path}", headers=acme.bearer)).json()

        assert {entry["id"] for entry in body["users"]} == {user["id"], str(acme.user_id)}
        assert body["pagination"]["total"] == 2

    async def test_pages_sorts_and_narrows(self, auth: AuthService, acme: Person) -> None:
        for name in ("Carol", "Bob", "Dave"):
            await add_user(auth, acme, first_name=name)
        params: dict[str, str | int] = {
            "per_page": 2,
            "role": "user",
            "sort_by": "first_name",
            "sort_order": "asc",
        }

        one = (await auth.get("/api/v1/admin/user", params=params, headers=acme.bearer)).json()
        two = (
            await auth.get("/api/v1/admin/user", params=params | {"page": 2}, headers=acme.bearer)
        ).json()
        found = (
            await auth.get("/api/v1/admin/user", params={"search": "bo"}, headers=acme.bearer)
        ).json()

        names = [user["first_name"] for user in one["users"] + two["users"]]
        assert names == ["Bob", "Carol", "Dave"]
        assert one["pagination"]["has_next"] is True
        assert two["pagination"]["has_next"] is False
        assert [user["first_name"] for user in found["users"]] == ["Bob"]
        assert found["filters_applied"]["search"] == "bo"

    @pytest.mark.parametrize(
        ("narrow", "count"),
        [
            ({"never_logged_in": "true"}, 1),
            ({"never_logged_in": "False"}, 1),
            ({"status": "suspended"}, 0),
            ({"created_after": "2001-01-01T00:00:00Z"}, 2),
            ({"created_before": "2001-01-01T00:00:00Z"}, 0),
            ({"last_login_after": "2001-01-01T00:00:00Z"}, 1),
            ({"high_login_attempts": "true"}, 0),
            ({"locked": "true"}, 0),
            ({"only_deleted": "true"}, 0),
            ({"timezone": "UTC", "language": "en", "two_factor_enabled": "false"}, 2),
        ],
    )
    async def test_each_filter_narrows(
        self, auth: AuthService, acme: Person, narrow: dict[str, str], count: int
    ) -> None:
        await add_user(auth, acme)

        body = (await auth.get("/api/v1/admin/user", params=narrow, headers=acme.bearer)).json()

        assert body["pagination"]["total"] == len(body["users"]) == count

    @pytest.mark.parametrize(
        "wrong", [{"page": 0}, {"per_page": 101}, {"sort_by": "password_hash"}, {"status": "gone"}]
    )
    async def test_refuses_what_makes_no_sense(
        self, auth: AuthService, acme: Person, wrong: dict[str, str | int]
    ) -> None:
        response = await auth.get("/api/v1/admin/user", params=wrong, headers=acme.bearer)

        assert response.status_code == 400
        assert set(response.json()["errors"]) == set(wrong)

    async def test_is_for_admins(self, auth: AuthService, acme: Person) -> None:
        grace = await log_in(auth, (await add_user(auth, acme))["email"])

        assert (await auth.get("/api/v1/admin/user", headers=grace.bearer)).status_code == 403

    async def test_a_pattern_is_no_wildcard(self, auth: AuthService, acme: Person) -> None:
        body = (await auth.get("/api/v1/users", params={"search": "%"}, headers=acme.bearer)).json()

        assert body["users"] == []


class TestShowUser:
    async def test_oneself_or_anybody_for_admins(self, auth: AuthService, acme: Person) -> None:
        grace = await log_in(auth, (await add_user(auth, acme))["email"])

        own = await auth.get(f"/api/v1/user/{grace.user_id}", headers=grace.bearer)
        other = await auth.get(f"/api/v1/user/{acme.user_id}", headers=grace.bearer)
        by_admin = await auth.get(f"/api/v1/user/{grace.user_id}", headers=acme.bearer)

        assert [own.status_code, other.status_code, by_admin.status_code] == [200, 403, 200]
        assert own.json()["data"]["id"] == own.json()["user"]["id"] == str(grace.user_id)

    async def test_an_id_must_be_one(self, auth: AuthService, acme: Person) -> None:
        response = await auth.get("/api/v1/user/42", headers=acme.bearer)

        assert response.status_code == 400


class TestProfile:
    async def test_changes_what_is_given_and_nothing_else(
        self, auth: AuthService, acme: Person
    ) -> None:
        changes = {
            "timezone": "Europe/Berlin",
            "preferences": {"theme": "dark"},
            "role": "super_admin",
            "email": "someone@else.test",
            "tenant_id": str(uuid4()),
        }

        response = await auth.client.put("/api/v1/user/profile", json=changes, headers=acme.bearer)
        profile = (await auth.get("/api/v1/user/profile", headers=acme.bearer)).json()

        assert response.status_code == 200
        assert profile["timezone"] == "Europe/Berlin"
        assert profile["preferences"] == {"theme": "dark"}
        assert profile["user"]["first_name"] == "Ada"
        assert (profile["role"], profile["email"]) == ("admin", acme.email)
        assert profile["company_id"] == str(acme.tenant_id)

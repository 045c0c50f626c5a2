"""Roles of a company's own: made, given, and felt."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from tests.auth.conftest import NOBODY, AuthService, Person
from tests.auth.endpoints.test_api_keys import make_key
from tests.auth.endpoints.test_users import add_user, log_in

ROLES = "/api/v1/role"
AUDIT = "/api/v1/audit-log"
PROFILE = "/api/v1/user/profile"


async def make_role(auth: AuthService, person: Person, **changes: object) -> dict[str, Any]:
    """Make a role that may read the audit trail, unless told otherwise."""
    body = {"name": "Auditor", "permissions": ["audit:read"]} | changes
    response = await auth.post(ROLES, json=body, headers=person.bearer)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()["role"]
    return made


async def give(auth: AuthService, admin: Person, user_id: UUID, *role_ids: str) -> dict[str, Any]:
    """Give a user roles in place of those before."""
    response = await auth.client.put(
        f"/api/v1/user/{user_id}/roles", json={"role_ids": role_ids}, headers=admin.bearer
    )
    assert response.status_code == 200, response.text
    held: dict[str, Any] = response.json()
    return held


async def until(auth: AuthService, path: str, headers: dict[str, str], status: int) -> None:
    """Wait until a path answers so; five seconds at most."""
    for _ in range(50):
        if (await auth.get(path, headers=headers)).status_code == status:
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"{path} does not answer {status} within five seconds")


class TestAccess:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/api/v1/permission"),
            ("GET", ROLES),
            ("POST", ROLES),
            ("GET", f"{ROLES}/{NOBODY}"),
            ("PUT", f"{ROLES}/{NOBODY}"),
            ("DELETE", f"{ROLES}/{NOBODY}"),
            ("GET", f"/api/v1/user/{NOBODY}/roles"),
            ("PUT", f"/api/v1/user/{NOBODY}/roles"),
        ],
    )
    async def test_strangers_and_plain_users_may_not(
        self, auth: AuthService, acme: Person, method: str, path: str
    ) -> None:
        grace = await log_in(auth, (await add_user(auth, acme))["email"])

        stranger = await auth.client.request(method, path)
        user = await auth.client.request(method, path, headers=grace.bearer, json={})

        assert (stranger.status_code, user.status_code) == (401, 403)

    async def test_keys_make_no_roles(self, auth: AuthService, acme: Person) -> None:
        key = await make_key(auth, acme, scopes=["full_access"])

        made = await auth.post(ROLES, json={"name": "x", "permissions": []}, headers=key)

        assert made.status_code == 403
        assert (await auth.get(ROLES, headers=key)).status_code == 200

    async def test_another_companys_are_not_found(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        role = await make_role(auth, acme)
        path = f"{ROLES}/{role['id']}"

        for method, body in (("GET", None), ("PUT", {"name": "Mine"}), ("DELETE", None)):
            foreign = await auth.client.request(method, path, json=body, headers=globex.bearer)
            missing = await auth.client.request(
                method, f"{ROLES}/{NOBODY}", json=body, headers=globex.bearer
            )
            assert foreign.status_code == missing.status_code == 404
            assert foreign.json() | {"request_id": ""} == missing.json() | {"request_id": ""}
        given = await auth.client.put(
            f"/api/v1/user/{globex.user_id}/roles",
            json={"role_ids": [role["id"]]},
            headers=globex.bearer,
        )
        assert given.status_code == 404
        names = [
            one["name"] for one in (await auth.get(ROLES, headers=globex.bearer)).json()["roles"]
        ]
        assert names == ["admin", "user"]


class TestRoles:
    async def test_live_and_are_recorded(self, auth: AuthService, acme: Person) -> None:
        role = await make_role(auth, acme, permissions=["audit:read", "audit:read"])
        path = f"{ROLES}/{role['id']}"

        changed = await auth.client.put(
            path, json={"name": "Reader", "permissions": ["company:read"]}, headers=acme.bearer
        )
        gone = await auth.client.delete(path, headers=acme.bearer)

        assert role["permissions"] == ["audit:read"]
        assert changed.json()["role"]["permissions"] == ["company:read"]
        assert gone.status_code == 200
        assert (await auth.get(path, headers=acme.bearer)).status_code == 404
        trail = (await auth.get(f"{AUDIT}?entity_type=role", headers=acme.bearer)).json()["data"]
        assert [entry["action"] for entry in trail] == [
            "role.deleted",
            "role.updated",
            "role.created",
        ]
        assert trail[1]["details"]["before"]["permissions"] == ["audit:read"]
        assert trail[1]["details"]["after"]["permissions"] == ["company:read"]

    @pytest.mark.parametrize(
        ("changes", "status", "code"),
        [
            ({"name": "AUDITOR "}, 409, "role_name_taken"),
            ({"name": "Admin"}, 409, "role_name_taken"),
            ({"name": " "}, 400, "validation_error"),
            ({"name": "x", "permissions": ["audit:fly"]}, 400, "unknown_permission"),
            ({"name": "x", "permissions": ["platform:admin"]}, 403, "permission_not_yours"),
        ],
    )
    async def test_refuses_what_makes_no_sense(
        self, auth: AuthService, acme: Person, changes: dict[str, object], status: int, code: str
    ) -> None:
        await make_role(auth, acme)

        body = {"name": "Other", "permissions": []} | changes
        response = await auth.post(ROLES, json=body, headers=acme.bearer)

        assert (response.status_code, response.json()["code"]) == (status, code)

    async def test_of_one_name_made_at_once_there_is_one(
        self, auth: AuthService, acme: Person
    ) -> None:
        body = {"name": "Auditor", "permissions": ["audit:read"]}

        replies = await asyncio.gather(
            *(auth.post(ROLES, json=body, headers=acme.bearer) for _ in range(5))
        )

        assert sorted(reply.status_code for reply in replies) == [201, 409, 409, 409, 409]


class TestHolders:
    async def test_may_do_what_the_role_allows_and_no_more(
        self, auth: AuthService, acme: Person
    ) -> None:
        grace = await log_in(auth, (await add_user(auth, acme))["email"])
        role = await make_role(auth, acme)
        assert (await auth.get("/api/v1/company", headers=grace.bearer)).status_code == 200

        held = await give(auth, acme, grace.user_id, role["id"])

        # The token was signed before; what its session allows is what counts.
        await until(auth, AUDIT, grace.bearer, 200)
        await until(auth, "/api/v1/company", grace.bearer, 403)
        assert (await auth.get(PROFILE, headers=grace.bearer)).status_code == 200
        assert "audit:read" in held["permissions"]
        shown = await auth.get(f"/api/v1/user/{grace.user_id}/roles", headers=acme.bearer)
        assert [one["name"] for one in shown.json()["roles"]] == ["Auditor"]

    async def test_feel_a_change_of_the_role(self, auth: AuthService, acme: Person) -> None:
        grace = await log_in(auth, (await add_user(auth, acme))["email"])
        role = await make_role(auth, acme)
        await give(auth, acme, grace.user_id, role["id"])
        await until(auth, AUDIT, grace.bearer, 200)

        await auth.client.put(
            f"{ROLES}/{role['id']}", json={"permissions": []}, headers=acme.bearer
        )

        await until(auth, AUDIT, grace.bearer, 403)

    async def test_take_their_keys_along(self, auth: AuthService, acme: Person) -> None:
        grace = await log_in(auth, (await add_user(auth, acme))["email"])
        key = await make_key(auth, grace, scopes=["read"])
        assert (await auth.get("/api/v1/company", headers=key)).status_code == 200
        role = await make_role(auth, acme, permissions=["documents:read"])

        await give(auth, acme, grace.user_id, role["id"])

        await until(auth, "/api/v1/company", key, 403)
        assert (await auth.get(PROFILE, headers=key)).status_code == 200

    async def test_keep_a_role_from_being_deleted(self, auth: AuthService, acme: Person) -> None:
        grace = await log_in(auth, (await add_user(auth, acme))["email"])
        role = await make_role(auth, acme)
        await give(auth, acme, grace.user_id, role["id"])
        path = f"{ROLES}/{role['id']}"

        in_use = await auth.client.delete(path, headers=acme.bearer)
        await give(auth, acme, grace.user_id)
        gone = await auth.client.delete(path, headers=acme.bearer)

        assert (in_use.status_code, in_use.json()["code"]) == (409, "role_in_use")
        assert gone.status_code == 200

    async def test_are_users_not_admins(self, auth: AuthService, acme: Person) -> None:
        role = await make_role(auth, acme)

        response = await auth.client.put(
            f"/api/v1/user/{acme.user_id}/roles",
            json={"role_ids": [role["id"]]},
            headers=acme.bearer,
        )

        assert (response.status_code, response.json()["code"]) == (409, "admin_not_narrowed")

    async def test_hand_out_only_what_they_have(self, auth: AuthService, acme: Person) -> None:
        manager = await log_in(auth, (await add_user(auth, acme))["email"])
        ada = await log_in(auth, (await add_user(auth, acme))["email"])
        managing = await make_role(
            auth,
            acme,
            name="Manager",
            permissions=["users:read", "users:update", "roles:read", "roles:write"],
        )
        auditor = await make_role(auth, acme)
        await give(auth, acme, manager.user_id, managing["id"])
        await until(auth, ROLES, manager.bearer, 200)

        made = await auth.post(
            ROLES, json={"name": "Spy", "permissions": ["audit:read"]}, headers=manager.bearer
        )
        given = await auth.client.put(
            f"/api/v1/user/{manager.user_id}/roles",
            json={"role_ids": [managing["id"], auditor["id"]]},
            headers=manager.bearer,
        )
        # Without any role of the company's own the manager would be a plain user: more than now.
        freed = await auth.client.put(
            f"/api/v1/user/{manager.user_id}/roles", json={"role_ids": []}, headers=manager.bearer
        )
        shared = await auth.client.put(
            f"/api/v1/user/{ada.user_id}/roles",
            json={"role_ids": [managing["id"]]},
            headers=manager.bearer,
        )

        for refused in (made, given, freed):
            assert (refused.status_code, refused.json()["code"]) == (403, "permission_not_yours")
        assert shared.status_code == 200


class TestCompanyKeys:
    async def test_admins_see_and_revoke_everybodys_keys(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        grace = await log_in(auth, (await add_user(auth, acme))["email"])
        key = await make_key(auth, grace)
        all_keys = "/api/v1/admin/api-keys"

        assert (await auth.get(all_keys)).status_code == 401
        assert (await auth.get(all_keys, headers=grace.bearer)).status_code == 403
        assert (await auth.get(all_keys, headers=globex.bearer)).json()["api_keys"] == []
        [shown] = (await auth.get(all_keys, headers=acme.bearer)).json()["api_keys"]
        assert shown["user_id"] == str(grace.user_id)
        path = f"{all_keys}/{shown['id']}"
        assert (await auth.client.delete(path, headers=globex.bearer)).status_code == 404
        assert (await auth.client.delete(path, headers=acme.bearer)).status_code == 200
        assert (await auth.get(PROFILE, headers=key)).status_code == 401

"""A directory's groups, and the roles that they give."""

import asyncio
from typing import Any
from uuid import UUID

from jose import jwt

from tests.auth.conftest import NOBODY, AuthService
from tests.auth.directories import (
    GROUP,
    GROUPS,
    USERS,
    Directory,
    logged_in,
)
from tests.auth.endpoints.test_sessions import stops_working
from tests.auth.federation import POLICY

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


class TestGroups:
    async def test_members_are_the_companys_own(self, entra: Directory, okta: Directory) -> None:
        user = await entra.add_user()
        for member in (user["id"], str(NOBODY), "nonsense"):
            body = {"schemas": [GROUP], "displayName": "T", "members": [{"value": member}]}
            reply = await okta.ask("POST", GROUPS, json=body)
            assert reply.status_code == 400
            assert reply.json()["scimType"] == "invalidValue"
        assert (await okta.ask("GET", GROUPS)).json()["totalResults"] == 0

    async def test_sessions_and_keys_tell_the_groups_of_their_user(
        self, auth: AuthService, entra: Directory
    ) -> None:
        bearer, user_id = await logged_in(auth, entra)
        group = await entra.add_group("Board")
        keys = await auth.client.post(
            "/api/v1/auth/api-keys", json={"name": "bot", "scopes": ["read"]}, headers=bearer
        )
        pair = {name: keys.json()[name] for name in ("api_key", "api_secret")}
        claims = jwt.get_unverified_claims(bearer["authorization"].removeprefix("Bearer "))
        tenant_id = UUID(claims["tenant"])

        async def told() -> tuple[list[str], list[str]]:
            session = await auth.internal(
                "GET", f"/internal/sessions/{claims['session']}", tenant_id=tenant_id
            )
            key = await auth.internal("POST", "/internal/api-keys/verify", json=pair)
            return session.json()["groups"], key.json()["groups"]

        assert await told() == ([], [])
        member = {"op": "Add", "path": "members", "value": [{"value": user_id}]}
        await entra.patch(f"{GROUPS}/{group['id']}", member)
        assert await told() == ([group["id"]], [group["id"]])

    async def test_groups_give_roles(self, auth: AuthService, entra: Directory) -> None:
        wanted = {"group_roles": {"Platform": "admin"}}
        await auth.client.put(POLICY, json=wanted, headers=entra.admin.bearer)
        bearer, user_id = await logged_in(auth, entra)
        group = await entra.add_group("Platform")
        path = f"{GROUPS}/{group['id']}"

        added = await entra.patch(
            path, {"op": "Add", "path": "members", "value": [{"value": user_id}]}
        )
        promoted = await entra.role_of(user_id)
        shown = (await entra.ask("GET", f"{USERS}/{user_id}")).json()
        # As Entra removes members.
        removed = await entra.patch(
            path, {"op": "Remove", "path": "members", "value": [{"value": user_id}]}
        )
        demoted = await entra.role_of(user_id)

        assert added.json()["members"] == [
            {
                "value": user_id,
                "type": "User",
                "$ref": shown["meta"]["location"],
            }
        ]
        assert shown["groups"] == [{"value": group["id"], "display": "Platform"}]
        assert "members" not in removed.json()
        assert (promoted, demoted) == ("admin", "user")
        # The tokens had the old role in them.
        assert await stops_working(auth, bearer)

    async def test_groups_give_the_companys_own_roles(
        self, auth: AuthService, entra: Directory
    ) -> None:
        admin = entra.admin.bearer
        readers, helpers = [
            (
                await auth.client.post(
                    "/api/v1/role", json={"name": name, "permissions": permissions}, headers=admin
                )
            ).json()["id"]
            for name, permissions in (("Readers", ["agents:read"]), ("Helpers", ["leads:read"]))
        ]
        unknown = await auth.client.put(
            POLICY, json={"group_roles": {"Support": str(NOBODY)}}, headers=admin
        )
        stored = await auth.client.put(
            POLICY, json={"group_roles": {"Support": readers}}, headers=admin
        )
        bearer, user_id = await logged_in(auth, entra)
        roles = f"/api/v1/user/{user_id}/roles"
        await auth.client.put(roles, json={"role_ids": [helpers]}, headers=admin)

        async def held() -> set[str]:
            shown = (await auth.client.get(roles, headers=admin)).json()
            return {role["id"] for role in shown["roles"] if not role["built_in"]}

        group = await entra.add_group("Support", user_id)
        given = await held()
        held_by_somebody = await auth.client.delete(f"/api/v1/role/{readers}", headers=admin)
        await entra.patch(
            f"{GROUPS}/{group['id']}", {"op": "remove", "path": f'members[value eq "{user_id}"]'}
        )

        assert (unknown.status_code, stored.status_code) == (404, 200)
        # What an admin has given stays the admin's to take.
        assert (given, await held()) == ({readers, helpers}, {helpers})
        mapped = await auth.client.delete(f"/api/v1/role/{readers}", headers=admin)
        assert (held_by_somebody.status_code, mapped.status_code) == (409, 409)
        # Roles of the company's own are looked up, not written into tokens: no session ended.
        assert (await auth.client.get("/api/v1/auth/user/me", headers=bearer)).status_code == 200

    async def test_as_okta_removes_members_and_deletes_groups(
        self, auth: AuthService, entra: Directory
    ) -> None:
        wanted = {"group_roles": {"Platform": "admin"}}
        await auth.client.put(POLICY, json=wanted, headers=entra.admin.bearer)
        one, other = await entra.add_user(), await entra.add_user()
        group = await entra.add_group("Platform", one["id"], other["id"])
        path = f"{GROUPS}/{group['id']}"

        reply = await entra.patch(
            path, {"op": "remove", "path": f'members[value eq "{one["id"]}"]'}
        )
        roles = [await entra.role_of(user["id"]) for user in (one, other)]
        deleted = await entra.ask("DELETE", path)

        assert [member["value"] for member in reply.json()["members"]] == [other["id"]]
        assert roles == ["user", "admin"]
        assert deleted.status_code == 204
        assert await entra.role_of(other["id"]) == "user"

    async def test_a_new_policy_counts_at_once(self, auth: AuthService, entra: Directory) -> None:
        user = await entra.add_user()
        await entra.add_group("Owners", user["id"])
        before = await entra.role_of(user["id"])
        wanted = {"group_roles": {"Owners": "admin"}}
        await auth.client.put(POLICY, json=wanted, headers=entra.admin.bearer)

        assert (before, await entra.role_of(user["id"])) == ("user", "admin")

    async def test_the_last_admin_stays_one(self, auth: AuthService, entra: Directory) -> None:
        group = await entra.add_group("Everyone", str(entra.admin.user_id))
        wanted = {"group_roles": {"Owners": "admin"}}

        await auth.client.put(POLICY, json=wanted, headers=entra.admin.bearer)
        await entra.ask("DELETE", f"{GROUPS}/{group['id']}")

        assert await entra.role_of(str(entra.admin.user_id)) == "admin"

    async def test_changes_at_once_lose_no_member(self, entra: Directory) -> None:
        users = [(await entra.add_user())["id"] for _ in range(6)]
        group = await entra.add_group("Team")
        path = f"{GROUPS}/{group['id']}"

        await asyncio.gather(
            *(
                entra.patch(path, {"op": "add", "path": "members", "value": [{"value": user}]})
                for user in users
            )
        )

        members = (await entra.ask("GET", path)).json()["members"]
        assert {member["value"] for member in members} == set(users)

    async def test_lists_leave_out_members_when_asked(self, entra: Directory) -> None:
        user = await entra.add_user()
        await entra.add_group("Team", user["id"])

        async def found(**query: str) -> Any:
            return (await entra.ask("GET", GROUPS, params=query)).json()["Resources"]

        plain = await found(filter='displayName eq "TEAM"')
        lean = await found(filter='displayName eq "Team"', excludedAttributes="members")
        member = await found(filter=f'members.value eq "{user["id"]}"')
        assert "members" in plain[0]
        assert "members" not in lean[0]
        assert len(plain) == len(lean) == len(member) == 1

    async def test_names_are_unique(self, entra: Directory) -> None:
        await entra.add_group("Team")

        reply = await entra.ask("POST", GROUPS, json={"schemas": [GROUP], "displayName": " team"})

        assert (reply.status_code, reply.json()["scimType"]) == (409, "uniqueness")

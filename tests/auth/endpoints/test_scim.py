"""Directories over SCIM 2.0: what the standard's own tester says, and what Entra and Okta send."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

from services.auth.domain.clock import utc_now
from services.auth.domain.tokens import Purpose
from tests.auth.conftest import NOBODY, AuthService, Person, add_colleague, registration
from tests.auth.directories import (
    GROUPS,
    ME,
    PATCH,
    TOKENS,
    USER,
    USERS,
    Directory,
    directory_of,
    logged_in,
)
from tests.auth.endpoints.test_sessions import stops_working
from tests.auth.federation import POLICY, NameServer, prove_domain

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"

# What we do otherwise, on purpose.
DEVIATIONS = [
    # Who is not inactive is active: there is no third state.
    "check_remove_attribute User: PATCH modify() did not remove attribute 'active'",
    # Addresses move within proven domains only.
    "check_replace_attribute User: Failed to replace attribute 'emails': A directory gives"
    " addresses in the company's proven domains only, and none to admins.",
    "object_replacement User: A directory gives addresses in the company's proven domains only,"
    " and none to admins.",
    # At paths that are no routes the platform's own 404 answers.
    "random_url None: The server answered 404 without a SCIM error",
    # Each kind is searched by itself.
    "search_with_attributes Group: The server answered 404 without a SCIM error",
    "search_with_attributes User: The server answered 404 without a SCIM error",
]


async def own_domain(auth: AuthService, directory: Directory, names: NameServer) -> str:
    """Have a directory's company prove a domain."""
    domain = f"{uuid4().hex[:10]}.test"
    await prove_domain(auth, names, directory.admin, domain)
    return domain


async def status_of(auth: AuthService, directory: Directory, user_id: str) -> str:
    """Return a user's state as their company's admin sees it."""
    reply = await auth.get(f"/api/v1/user/{user_id}", headers=directory.admin.bearer)
    return str(reply.json()["user"]["status"])


def to_address(email: str) -> dict[str, Any]:
    """Return the operation that gives a user another address."""
    return {"op": "replace", "path": 'emails[type eq "work"].value', "value": email}


class TestStandard:
    async def test_the_standards_tester_finds_nothing(
        self, auth: AuthService, entra: Directory
    ) -> None:
        def check() -> list[str]:
            with httpx2.Client(
                base_url=f"{str(auth.client.base_url).rstrip('/')}/scim/v2",
                headers={"authorization": f"Bearer {entra.token}"},
                timeout=30,
            ) as http:
                results = check_server(SyncSCIMClient(http))
            assert len(results) > 30
            return [
                f"{result.title} {result.resource_type}: {(result.reason or '').splitlines()[0]}"
                for result in results
                if result.status in (Status.ERROR, Status.CRITICAL)
            ]

        assert sorted(await asyncio.to_thread(check)) == DEVIATIONS


class TestTokens:
    async def test_only_a_directorys_own_token_opens(
        self, auth: AuthService, acme: Person, entra: Directory
    ) -> None:
        made = await auth.post(
            "/api/v1/auth/api-keys", json={"scopes": ["full_access"]}, headers=acme.bearer
        )
        pair = {"x-api-key": made.json()["api_key"], "x-api-secret": made.json()["api_secret"]}
        wrong: tuple[dict[str, str], ...] = (
            {},
            acme.bearer,
            pair,
            {"authorization": "Bearer scim_" + "x" * 43},
            {"authorization": "Bearer " + "x" * 5000},
            {"authorization": f"Basic {entra.token}"},
        )
        for headers in wrong:
            for path in (USERS, GROUPS, "/scim/v2/Schemas", "/scim/v2/ServiceProviderConfig"):
                reply = await auth.get(path, headers=headers)
                assert reply.status_code == 401
                assert reply.json()["schemas"] == [ERROR]
                assert reply.json()["status"] == "401"
                assert reply.headers["www-authenticate"] == "Bearer"

    async def test_opens_nothing_else(self, auth: AuthService, entra: Directory) -> None:
        for path in (ME, TOKENS, "/api/v1/admin/user", "/api/v1/audit-log"):
            assert (await entra.ask("GET", path)).status_code == 401

    async def test_rotates_without_a_gap(
        self, auth: AuthService, acme: Person, entra: Directory
    ) -> None:
        newer = await directory_of(auth, acme)
        both = [(await one.ask("GET", USERS)).status_code for one in (entra, newer)]
        revoked = await auth.client.delete(f"{TOKENS}/{entra.token_id}", headers=acme.bearer)
        after = [(await one.ask("GET", USERS)).status_code for one in (entra, newer)]
        listed = await auth.get(TOKENS, headers=acme.bearer)

        assert (both, revoked.status_code, after) == ([200, 200], 204, [401, 200])
        assert [one["id"] for one in listed.json()["tokens"]] == [newer.token_id]
        assert listed.json()["tokens"][0]["last_used_at"] is not None
        assert newer.token not in listed.text

    async def test_admins_of_the_company_only(
        self, auth: AuthService, entra: Directory, globex: Person
    ) -> None:
        path = f"{TOKENS}/{entra.token_id}"
        assert (await auth.get(TOKENS)).status_code == 401
        assert (await auth.client.delete(path)).status_code == 401
        assert (await auth.client.delete(path, headers=globex.bearer)).status_code == 404
        assert (await auth.get(TOKENS, headers=globex.bearer)).json() == {"tokens": []}


class TestIsolation:
    async def test_foreign_things_look_like_missing_ones(
        self, entra: Directory, okta: Directory
    ) -> None:
        user = await entra.add_user()
        group = await entra.add_group("Team", user["id"])
        operation = {"op": "replace", "path": "externalId", "value": "mine"}
        for path, thing in ((USERS, user), (GROUPS, group)):
            for method in ("GET", "PUT", "PATCH", "DELETE"):
                body: dict[str, Any] | None = None
                if method == "PUT":
                    body = {key: thing[key] for key in thing if key not in ("meta", "id")}
                elif method == "PATCH":
                    body = {"schemas": [PATCH], "Operations": [operation]}
                foreign = await okta.ask(method, f"{path}/{thing['id']}", json=body)
                missing = await okta.ask(method, f"{path}/{NOBODY}", json=body)
                assert foreign.status_code == 404
                assert foreign.content == missing.content
            listed = (await okta.ask("GET", path)).json()
            assert thing["id"] not in str(listed)
        assert (await entra.ask("GET", f"{USERS}/{user['id']}")).json()["userName"]

    async def test_super_admins_are_nobodys_to_provision(
        self, auth: AuthService, entra: Directory
    ) -> None:
        user = await entra.add_user()
        async with auth.wiring.unit_of_work(entra.admin.tenant_id) as uow:
            stored = await uow.users.get(UUID(user["id"]))
            assert stored is not None
            stored.role = "super_admin"

        path = f"{USERS}/{user['id']}"
        assert (await entra.ask("GET", path)).status_code == 404
        assert (await entra.ask("DELETE", path)).status_code == 404


class TestUsers:
    async def test_a_person_is_added_as_entra_does(
        self, auth: AuthService, entra: Directory, name_server: NameServer
    ) -> None:
        domain = f"{uuid4().hex[:10]}.test"
        await prove_domain(auth, name_server, entra.admin, domain)
        email = f"ada@{domain}"
        body = {
            "schemas": [USER, ENTERPRISE],
            "externalId": "0a21f0f2",
            "userName": email,
            "active": True,
            "displayName": "Ada L",
            "emails": [{"primary": True, "type": "work", "value": email}],
            "meta": {"resourceType": "User"},
            "name": {"formatted": "Ada L", "familyName": "L", "givenName": "Ada"},
            "roles": [],
            ENTERPRISE: {"department": "R&D"},
        }

        reply = await entra.ask("POST", USERS, json=body)
        again = await entra.ask("POST", USERS, json=body)

        assert reply.status_code == 201
        assert reply.headers["content-type"] == "application/scim+json"
        assert reply.headers["location"] == reply.json()["meta"]["location"]
        assert reply.json()["externalId"] == "0a21f0f2"
        assert (again.status_code, again.json()["scimType"]) == (409, "uniqueness")
        shown = await auth.get(f"/api/v1/user/{reply.json()['id']}", headers=entra.admin.bearer)
        user = shown.json()["user"]
        assert (user["email"], user["first_name"], user["role"]) == (email, "Ada", "user")
        # The company has proven the domain.
        assert user["email_verified"] is True

    async def test_addresses_of_other_companies_users_are_taken(
        self, entra: Directory, okta: Directory
    ) -> None:
        user = await entra.add_user()
        body = {"schemas": [USER], "userName": user["userName"]}

        reply = await okta.ask("POST", USERS, json=body)

        assert (reply.status_code, reply.json()["scimType"]) == (409, "uniqueness")

    async def test_addresses_of_proven_domains_go_to_the_company(
        self, auth: AuthService, entra: Directory, name_server: NameServer
    ) -> None:
        email = f"grace@{await own_domain(auth, entra, name_server)}"
        squatter = await auth.post(
            "/api/v1/auth/register", json=registration(email=email, company_name="Initech")
        )
        assert squatter.status_code == 201

        user = await entra.add_user(
            userName=email, emails=[{"value": email, "type": "work", "primary": True}]
        )

        assert user["userName"] == email
        known = await auth.get(
            "/api/v1/users", params={"search": email}, headers=entra.admin.bearer
        )
        assert [one["email"] for one in known.json()["users"]] == [email]

    async def test_finds_users_as_directories_look_for_them(self, entra: Directory) -> None:
        user = await entra.add_user(externalId="ext-1")
        await entra.add_user(externalId="ext-2")
        name = user["userName"]
        found = {
            f'userName eq "{name.upper()}"': 1,
            f'emails.value eq "{name}"': 1,
            f'emails[type eq "work"].value eq "{name}"': 1,
            f'emails[value eq "{name}"]': 1,
            'externalId eq "ext-1"': 1,
            'externalId eq "EXT-1"': 0,
            f'id eq "{user["id"]}"': 1,
            'id eq "nonsense"': 0,
            f'userName eq "{name}" and active eq true': 1,
            f'userName eq "{name}" and active eq false': 0,
            'userName eq "nobody"': 0,
        }
        for text, total in found.items():
            reply = await entra.ask("GET", USERS, params={"filter": text})
            assert reply.status_code == 200, (text, reply.text)
            assert reply.json()["totalResults"] == total, text
        posted = await entra.ask(
            "POST",
            f"{USERS}/.search",
            json={"filter": f'userName eq "{name}"', "attributes": ["userName"]},
        )
        assert [one["userName"] for one in posted.json()["Resources"]] == [name]
        assert "emails" not in posted.json()["Resources"][0]

    @pytest.mark.parametrize(
        "text",
        [
            "userName",
            'userName xx "a"',
            'userName co "a"',
            'userName eq "a" or userName eq "b"',
            'not (userName eq "a")',
            'name.givenName eq "a"',
            'nonsense eq "a"',
            '"',
            "(" * 900,
            "x" * 5000,
        ],
    )
    async def test_refuses_filters_that_it_does_not_do(self, entra: Directory, text: str) -> None:
        reply = await entra.ask("GET", USERS, params={"filter": text})

        assert reply.status_code == 400
        assert reply.json()["scimType"] == "invalidFilter"

    async def test_pages(self, entra: Directory) -> None:
        ids = [(await entra.add_user())["id"] for _ in range(4)]
        pages = []
        for start in (1, 3, 5):
            query = {"startIndex": start, "count": 2}
            pages.append((await entra.ask("GET", USERS, params=query)).json())
        none = (await entra.ask("GET", USERS, params={"count": 0})).json()

        # The admin who registered is a user, too.
        assert [page["totalResults"] for page in pages] == [5, 5, 5]
        assert [page["itemsPerPage"] for page in pages] == [2, 2, 1]
        shown = [one["id"] for page in pages for one in page["Resources"]]
        assert shown == [str(entra.admin.user_id), *ids]
        assert (none["totalResults"], none["Resources"]) == (5, [])

    @pytest.mark.parametrize(
        "operations",
        [
            [{"op": "Replace", "path": "active", "value": "False"}],
            [{"op": "replace", "path": "active", "value": False}],
            [{"op": "Replace", "value": {"active": "False"}}],
            [{"op": "replace", "value": {"active": False}}],
            [
                {"op": "Replace", "path": f"{ENTERPRISE}:department", "value": "X"},
                {"op": "Add", "path": "active", "value": "false"},
            ],
        ],
    )
    async def test_deactivation_ends_sessions_within_seconds(
        self, auth: AuthService, entra: Directory, operations: list[dict[str, Any]]
    ) -> None:
        person, user_id = await logged_in(auth, entra)

        reply = await entra.patch(f"{USERS}/{user_id}", *operations)

        assert reply.status_code == 200, reply.text
        assert reply.json()["active"] is False
        assert await stops_working(auth, person)
        # Reactivation opens no old session again.
        path = f"{USERS}/{user_id}"
        again = await entra.patch(path, {"op": "replace", "path": "active", "value": True})
        assert again.json()["active"] is True
        assert (await auth.get(ME, headers=person)).status_code == 401

    async def test_patches_attributes_in_entras_shapes(
        self, auth: AuthService, entra: Directory, name_server: NameServer
    ) -> None:
        path = f"{USERS}/{(await entra.add_user())['id']}"
        email = f"ada@{await own_domain(auth, entra, name_server)}"

        reply = await entra.patch(
            path,
            {"op": "Replace", "path": 'emails[type eq "work"].value', "value": email},
            {"op": "Add", "value": {"name.givenName": "Augusta", "externalId": "e9"}},
            {"op": "Replace", "path": "displayName", "value": "not kept"},
        )

        body = reply.json()
        assert reply.status_code == 200, reply.text
        assert body["emails"] == [{"value": email, "type": "work", "primary": True}]
        assert body["name"] == {"givenName": "Augusta", "familyName": "Hopper"}
        assert body["externalId"] == "e9"

    async def test_a_new_address_may_not_be_anothers(
        self, auth: AuthService, entra: Directory, name_server: NameServer
    ) -> None:
        email = f"grace@{await own_domain(auth, entra, name_server)}"
        one, other = await entra.add_user(), await entra.add_user(userName=email, emails=[])
        path = f"{USERS}/{one['id']}"
        taken = {"op": "replace", "path": "userName", "value": other["userName"].upper()}
        address = {
            "op": "replace",
            "path": 'emails[type eq "work"].value',
            "value": other["emails"][0]["value"],
        }

        replies = [await entra.patch(path, taken), await entra.patch(path, address)]

        assert [reply.json().get("scimType") for reply in replies] == ["uniqueness"] * 2
        assert (await entra.ask("GET", path)).json()["userName"] == one["userName"]

    async def test_addresses_move_within_proven_domains_only(
        self, auth: AuthService, entra: Directory, okta: Directory, name_server: NameServer
    ) -> None:
        foreign = await own_domain(auth, okta, name_server)
        person, user_id = await logged_in(auth, entra)
        path = f"{USERS}/{user_id}"
        before = (await entra.ask("GET", path)).json()["emails"]

        for domain in ("thief.test", "gmail.com", foreign):
            reply = await entra.patch(path, to_address(f"eve@{domain}"))
            assert reply.status_code == 403
            assert reply.json()["schemas"] == [ERROR]

        assert (await entra.ask("GET", path)).json()["emails"] == before
        assert (await auth.get(ME, headers=person)).status_code == 200

    async def test_admins_addresses_are_not_a_directorys_to_move(
        self, auth: AuthService, entra: Directory, name_server: NameServer
    ) -> None:
        domain = await own_domain(auth, entra, name_server)
        path = f"{USERS}/{entra.admin.user_id}"

        reply = await entra.patch(path, to_address(f"eve@{domain}"))

        assert reply.status_code == 403
        assert (await entra.ask("GET", path)).json()["emails"][0]["value"] == entra.admin.email

    async def test_a_moved_address_ends_sessions_and_links_and_is_audited(
        self, auth: AuthService, entra: Directory, name_server: NameServer
    ) -> None:
        domain = await own_domain(auth, entra, name_server)
        person, user_id = await logged_in(auth, entra)
        purposes = (Purpose.RESET_PASSWORD, Purpose.VERIFY_EMAIL)
        async with auth.wiring.unit_of_work(entra.admin.tenant_id) as uow:
            links = [
                uow.one_time_tokens.issue(one, user_id=UUID(user_id), now=utc_now())
                for one in purposes
            ]

        reply = await entra.patch(f"{USERS}/{user_id}", to_address(f"ada@{domain}"))

        assert reply.status_code == 200, reply.text
        assert await stops_working(auth, person)
        reset = {"token": links[0], "password": "another long password"}
        assert (await auth.post("/api/v1/auth/password/reset", json=reset)).status_code == 400
        assert (await auth.post("/api/v1/verify", json={"token": links[1]})).status_code == 400
        log = await auth.get(
            "/api/v1/audit-log?event_type=email.changed", headers=entra.admin.bearer
        )
        [entry] = log.json()["data"]
        assert (entry["risk_level"], entry["entity_id"]) == ("high", user_id)
        async with auth.wiring.unit_of_work(entra.admin.tenant_id) as uow:
            [stored] = [one for one in await uow.audit.whole() if one.event_type == "email.changed"]
        assert (stored.details["before"], stored.details["after"]) == ("people.test", domain)

    async def test_removed_people_are_deactivated_and_can_come_back(
        self, auth: AuthService, entra: Directory
    ) -> None:
        bearer, user_id = await logged_in(auth, entra)
        path = f"{USERS}/{user_id}"
        before = (await entra.ask("GET", path)).json()

        removed = await entra.ask("DELETE", path)
        gone = await entra.ask("GET", path)
        assert (removed.status_code, gone.status_code) == (204, 404)
        assert await stops_working(auth, bearer)
        shown = await auth.get(f"/api/v1/user/{user_id}", headers=entra.admin.bearer)
        assert shown.json()["user"]["status"] == "inactive"
        body = {key: before[key] for key in ("schemas", "userName", "emails", "name")}
        back = await entra.ask("POST", USERS, json=body)
        assert (back.status_code, back.json()["id"]) == (201, user_id)

    async def test_who_comes_back_has_no_role_of_old_groups(
        self, auth: AuthService, entra: Directory
    ) -> None:
        wanted = {"group_roles": {"Platform": "admin"}}
        await auth.client.put(POLICY, json=wanted, headers=entra.admin.bearer)
        user = await entra.add_user()
        await entra.add_group("Platform", user["id"])
        before = await entra.role_of(user["id"])

        await entra.ask("DELETE", f"{USERS}/{user['id']}")
        back = await entra.ask(
            "POST", USERS, json={key: user[key] for key in ("schemas", "userName", "emails")}
        )

        assert (back.json()["id"], before) == (user["id"], "admin")
        assert await entra.role_of(user["id"]) == "user"

    async def test_a_directory_cannot_lock_out_the_break_glass_admin(
        self, auth: AuthService, entra: Directory
    ) -> None:
        admin = entra.admin
        wanted = {"break_glass_user_id": str(admin.user_id)}
        assert (await auth.client.put(POLICY, json=wanted, headers=admin.bearer)).status_code == 200
        path = f"{USERS}/{admin.user_id}"

        off = await entra.patch(path, {"op": "replace", "path": "active", "value": False})
        removed = await entra.ask("DELETE", path)

        assert (off.status_code, removed.status_code) == (403, 403)
        assert off.json()["schemas"] == [ERROR]
        assert (await auth.get(ME, headers=admin.bearer)).status_code == 200

    async def test_a_directory_does_not_undo_a_suspension(
        self, auth: AuthService, entra: Directory
    ) -> None:
        _, user_id = await logged_in(auth, entra)
        path = f"{USERS}/{user_id}"
        known = (await entra.ask("GET", path)).json()
        await auth.client.patch(
            f"/api/v1/user/{user_id}/status",
            json={"status": "suspended"},
            headers=entra.admin.bearer,
        )

        states = []
        for active in (True, False, True):
            await entra.patch(path, {"op": "replace", "path": "active", "value": active})
            states.append(await status_of(auth, entra, user_id))
        await entra.ask("DELETE", path)
        states.append(await status_of(auth, entra, user_id))
        body = {key: known[key] for key in ("schemas", "userName", "emails", "name")}
        back = await entra.ask("POST", USERS, json=body)

        assert (back.status_code, back.json()["active"]) == (201, False)
        assert {*states, await status_of(auth, entra, user_id)} == {"suspended"}

    async def test_the_last_admin_stays(self, auth: AuthService, entra: Directory) -> None:
        path = f"{USERS}/{entra.admin.user_id}"
        off = {"op": "replace", "path": "active", "value": False}

        alone = [await entra.patch(path, off), await entra.ask("DELETE", path)]
        other = await add_colleague(auth, entra.admin, role="admin")
        both = await asyncio.gather(
            entra.patch(path, off), entra.patch(f"{USERS}/{other.user_id}", off)
        )

        assert [reply.status_code for reply in alone] == [409, 409]
        # Of two who would leave at once, one stays.
        assert sorted(reply.status_code for reply in both) == [200, 409]

    async def test_old_versions_are_not_overwritten(self, entra: Directory) -> None:
        user = await entra.add_user()
        path = f"{USERS}/{user['id']}"
        first = await entra.ask("GET", path)
        etag = first.headers["etag"]
        name = {"op": "replace", "path": "name.givenName", "value": "Ada"}
        match = {"if-match": etag}

        same = await entra.ask("GET", path, headers={"if-none-match": etag})
        changed = await entra.patch(path, name, headers=match)
        late = await entra.patch(path, name | {"value": "Eve"}, headers=match)
        deleted = await entra.ask("DELETE", path, headers=match)

        assert (same.status_code, changed.status_code) == (304, 200)
        assert changed.headers["etag"] != etag
        assert (late.status_code, deleted.status_code) == (412, 412)

    @pytest.mark.parametrize(
        "path",
        [
            f"{USERS}/%00",
            f"{USERS}?filter=userName%20eq%20%22a%00b%22",
            f"{USERS}?filter=externalId%20eq%20%22%5Cu0000%22",
            "/scim/v2/Groups?filter=displayName%20eq%20%22%00%22",
            "/scim/v2/Schemas/%00",
        ],
    )
    async def test_nul_is_found_nowhere(self, entra: Directory, path: str) -> None:
        reply = await entra.ask("GET", path)

        assert reply.status_code in (400, 404), reply.text
        assert reply.json()["schemas"] == [ERROR]

    async def test_nul_is_not_stored(self, entra: Directory) -> None:
        path = f"{USERS}/{entra.admin.user_id}"
        patched = await entra.patch(
            path, {"op": "replace", "path": "externalId", "value": "a\x00b"}
        )
        assert patched.status_code == 400, patched.text

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{",
            b"[]",
            b"7",
            b"{}",
            b'{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"]}',
            b'{"schemas": ["urn:x"], "userName": "a@b.test"}',
            b'{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": 7}',
            b'{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "nobody"}',
            b'{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "\\u0000@b"}',
        ],
    )
    async def test_bad_bodies_get_scims_errors(self, entra: Directory, content: bytes) -> None:
        for method, path in (("POST", USERS), ("PUT", f"{USERS}/{entra.admin.user_id}")):
            reply = await entra.ask(method, path, content=content)
            if method == "PUT" and b'"nobody"' in content:
                # A replacement without an address keeps the one that there is.
                assert reply.status_code == 200
                continue
            assert reply.status_code == 400, reply.text
            assert reply.json()["schemas"] == [ERROR]
            assert reply.json()["status"] == "400"

"""Statuses, roles, forced resets, impersonation, and the super admin from the environment."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from libs.common.security import AUDIENCE, ISSUER, public_keys, verify_token
from services.auth.domain.clock import utc_now
from services.auth.models.federation import FederationPolicy
from tests.auth.conftest import (
    NOBODY,
    PASSWORD,
    AuthService,
    Deliver,
    Mailbox,
    Person,
    StartAuth,
    add_colleague,
    is_shut_out,
    log_in,
    new_email,
    person_of,
    registration,
)
from tests.auth.endpoints.test_audit import hear_denials
from tests.auth.endpoints.test_sessions import stops_working
from tests.auth.second_factors import enroll, forget_proof

ME = "/api/v1/auth/user/me"
SUPER = "a password of an operator"
ACTS: Mapping[str, tuple[str, dict[str, str]]] = {
    "status": ("PATCH", {"status": "suspended"}),
    "role": ("PATCH", {"role": "admin"}),
    "force-password-reset": ("POST", {}),
    "mfa/reset": ("POST", {}),
}


async def act(auth: AuthService, admin: Person | None, user_id: object, name: str) -> Any:
    method, body = ACTS[name]
    return await auth.client.request(
        method,
        f"/api/v1/user/{user_id}/{name}",
        json=body,
        headers=admin.bearer if admin else {},
    )


@pytest.mark.parametrize("name", ACTS)
class TestAccess:
    async def test_is_for_admins_of_the_company(
        self, auth: AuthService, acme: Person, globex: Person, name: str
    ) -> None:
        colleague = await add_colleague(auth, acme)

        assert (await act(auth, None, colleague.user_id, name)).status_code == 401
        assert (await act(auth, colleague, acme.user_id, name)).status_code == 403
        foreign = await act(auth, globex, colleague.user_id, name)
        missing = await act(auth, globex, NOBODY, name)
        assert foreign.status_code == missing.status_code == 404
        assert foreign.json() | {"request_id": ""} == missing.json() | {"request_id": ""}
        assert (await act(auth, acme, colleague.user_id, name)).status_code == 200

    async def test_nobody_does_it_to_themselves(
        self, auth: AuthService, acme: Person, name: str
    ) -> None:
        reply = await act(auth, acme, acme.user_id, name)

        assert (reply.status_code, reply.json()["code"]) == (409, "own_account")

    async def test_ends_the_sessions(self, auth: AuthService, acme: Person, name: str) -> None:
        colleague = await add_colleague(auth, acme)
        assert (await auth.get(ME, headers=colleague.bearer)).status_code == 200

        await act(auth, acme, colleague.user_id, name)

        assert await is_shut_out(auth, colleague)


class TestStatus:
    async def test_a_suspended_user_comes_back(self, auth: AuthService, acme: Person) -> None:
        colleague = await add_colleague(auth, acme)
        await act(auth, acme, colleague.user_id, "status")
        assert (await log_in(auth, colleague.email)).json()["code"] == "account_not_active"

        reply = await auth.client.patch(
            f"/api/v1/user/{colleague.user_id}/status",
            json={"status": "active", "reason": "back"},
            headers=acme.bearer,
        )

        assert reply.json()["user"]["status"] == "active"
        assert (await log_in(auth, colleague.email)).status_code == 200
        log = await auth.get(
            "/api/v1/audit-log?event_type=user.status_changed", headers=acme.bearer
        )
        assert [entry["risk_level"] for entry in log.json()["data"]] == ["high", "high"]

    @pytest.mark.parametrize("status", ["pending_verification", "gone", ""])
    async def test_knows_three(self, auth: AuthService, acme: Person, status: str) -> None:
        reply = await auth.client.patch(
            f"/api/v1/user/{NOBODY}/status", json={"status": status}, headers=acme.bearer
        )

        assert reply.status_code == 400


class TestRole:
    async def test_bites_at_once(self, auth: AuthService, acme: Person) -> None:
        admin = await add_colleague(auth, acme, role="admin")
        assert (await auth.get("/api/v1/admin/user", headers=admin.bearer)).status_code == 200

        await auth.client.patch(
            f"/api/v1/user/{admin.user_id}/role", json={"role": "user"}, headers=acme.bearer
        )

        assert await is_shut_out(auth, admin)
        again = person_of((await log_in(auth, admin.email)).json())
        assert (await auth.get("/api/v1/admin/user", headers=again.bearer)).status_code == 403

    async def test_nobody_is_made_super_admin(self, auth: AuthService, acme: Person) -> None:
        colleague = await add_colleague(auth, acme)

        reply = await auth.client.patch(
            f"/api/v1/user/{colleague.user_id}/role",
            json={"role": "super_admin"},
            headers=acme.bearer,
        )

        assert (reply.status_code, reply.json()["code"]) == (403, "role_not_allowed")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/api/v1/user/{id}/role", {"role": "admin"}),
        ("POST", "/api/v1/user/{id}/force-password-reset", {}),
        ("POST", "/api/v1/user/{id}/mfa/reset", {}),
        ("POST", "/api/v1/auth/invitations", {"email": "eve@acme.test", "role": "admin"}),
        ("POST", "/api/v1/auth/scim/tokens", {"name": "Eve"}),
        (
            "POST",
            "/api/v1/auth/sso/connections",
            {
                "name": "Eve",
                "issuer": "https://idp.example.com",
                "client_id": "c",
                "client_secret": "s",
                "domains": ["example.com"],
            },
        ),
        ("PATCH", f"/api/v1/auth/sso/connections/{NOBODY}", {"name": "Eve"}),
    ],
)
async def test_a_stolen_session_hands_out_no_ways_in(
    auth: AuthService, acme: Person, method: str, path: str, body: dict[str, Any]
) -> None:
    colleague = await add_colleague(auth, acme)
    path = path.format(id=colleague.user_id)
    await forget_proof(auth, acme)

    refused = await auth.client.request(method, path, json=body, headers=acme.bearer)
    proven = await auth.post(
        "/api/v1/auth/mfa/step-up", json={"password": PASSWORD}, headers=acme.bearer
    )
    again = await auth.client.request(method, path, json=body, headers=acme.bearer)

    assert (refused.status_code, refused.json()["code"]) == (403, "step_up_required")
    assert proven.status_code == 200, proven.text
    assert again.json().get("code") != "step_up_required"


class TestLockingOut:
    @pytest.mark.parametrize(
        ("name", "body"), [("role", {"role": "user"}), ("status", {"status": "suspended"})]
    )
    async def test_of_two_admins_at_once_one_stays(
        self, auth: AuthService, acme: Person, name: str, body: dict[str, str]
    ) -> None:
        other = await add_colleague(auth, acme, role="admin")

        replies = await asyncio.gather(
            *(
                auth.client.patch(
                    f"/api/v1/user/{whom.user_id}/{name}", json=body, headers=who.bearer
                )
                for who, whom in ((acme, other), (other, acme))
            )
        )

        statuses = sorted(reply.status_code for reply in replies)
        # The second is refused as no admin, or as nobody any more.
        assert statuses[0] == 200
        assert statuses[1] in (401, 403)

    async def test_the_break_glass_admin_stays_while_passwords_are_refused(
        self, auth: AuthService, acme: Person
    ) -> None:
        other = await add_colleague(auth, acme, role="admin")
        async with auth.wiring.unit_of_work(acme.tenant_id) as uow:
            await uow.sso.save_policy(
                FederationPolicy(
                    tenant_id=acme.tenant_id,
                    sso_only=True,
                    break_glass_user_id=other.user_id,
                    group_roles={},
                    default_role="user",
                    updated_at=utc_now(),
                )
            )
        user = f"/api/v1/user/{other.user_id}"

        replies = [
            await auth.client.patch(f"{user}/role", json={"role": "user"}, headers=acme.bearer),
            await auth.client.patch(
                f"{user}/status", json={"status": "inactive"}, headers=acme.bearer
            ),
        ]

        assert [reply.json()["code"] for reply in replies] == ["protected_user"] * 2


class TestKeys:
    """A key that leaked must not make itself a person who stays when it is revoked."""

    @pytest.mark.parametrize("scope", ["admin", "full_access"])
    async def test_make_neither_admins_nor_invitations_nor_take_factors_away(
        self, auth: AuthService, acme: Person, scope: str
    ) -> None:
        colleague = await add_colleague(auth, acme)
        made = await auth.post(
            "/api/v1/auth/api-keys",
            json={"name": "k", "scopes": [scope, "write", "update"]},
            headers=acme.bearer,
        )
        pair = {"x-api-key": made.json()["api_key"], "x-api-secret": made.json()["api_secret"]}
        user = f"/api/v1/user/{colleague.user_id}"

        refused = [
            await auth.client.request(method, path, json=body, headers=pair)
            for method, path, body in (
                ("POST", "/api/v1/auth/invitations", {"email": new_email(), "role": "admin"}),
                ("POST", f"{user}/mfa/reset", {}),
                ("PATCH", f"{user}/role", {"role": "admin"}),
            )
        ]
        added = await auth.post("/api/v1/auth/user", json=registration(role="admin"), headers=pair)
        demoted = await auth.client.patch(f"{user}/role", json={"role": "user"}, headers=pair)

        assert [reply.status_code for reply in refused] == [403, 403, 403]
        assert refused[2].json()["code"] == "role_not_allowed"
        assert (added.status_code, added.json()["user"]["role"]) == (201, "user")
        # What keys may do, they do.
        assert demoted.status_code == 200


class TestForcedReset:
    async def test_the_old_password_opens_nothing_and_the_link_does(
        self, auth: AuthService, acme: Person, mailbox: Mailbox, deliver: Deliver
    ) -> None:
        colleague = await add_colleague(auth, acme)
        # The mails of before, so that the newest link is the one that is meant.
        await deliver()
        await act(auth, acme, colleague.user_id, "force-password-reset")
        await deliver()

        refused = await log_in(auth, colleague.email)
        wrong = await log_in(auth, colleague.email, "a guess")
        reset = await auth.post(
            "/api/v1/auth/password/reset",
            json={"token": mailbox.token_for(colleague.email), "password": "a new password"},
        )

        assert (refused.status_code, refused.json()["code"]) == (403, "password_reset_required")
        assert wrong.status_code == 401
        assert reset.status_code == 200
        assert (await log_in(auth, colleague.email, "a new password")).status_code == 200

    async def test_nothing_else_opens_the_account_any_more(
        self, auth: AuthService, acme: Person
    ) -> None:
        colleague = await add_colleague(auth, acme)
        await enroll(auth, colleague)
        made = await auth.post(
            "/api/v1/auth/api-keys",
            json={"name": "k", "scopes": ["read"]},
            headers=colleague.bearer,
        )
        pair = {"x-api-key": made.json()["api_key"], "x-api-secret": made.json()["api_secret"]}
        assert (await auth.get(ME, headers=pair)).status_code == 200

        forced = await act(auth, acme, colleague.user_id, "force-password-reset")

        assert forced.json()["user"]["two_factor_enabled"] is False
        assert await stops_working(auth, pair)


@pytest.fixture
async def platform(start_auth: StartAuth) -> tuple[AuthService, Person]:
    """The service with a super admin, logged in."""
    email = new_email("operator")
    auth = await start_auth(super_admin_email=email, super_admin_password=SUPER)
    return auth, person_of((await log_in(auth, email, SUPER)).json())


async def registered(auth: AuthService) -> Person:
    reply = await auth.post("/api/v1/auth/register", json=registration(company_name="Acme"))
    return person_of(reply.json())


class TestSuperAdmin:
    async def test_is_made_once_and_in_a_company_apart(
        self, platform: tuple[AuthService, Person]
    ) -> None:
        auth, operator = platform

        again = await auth.get("/api/v1/auth/super-admin")

        assert again.status_code == 200
        assert again.json() == {"message": "Done."}
        me = (await auth.get(ME, headers=operator.bearer)).json()
        assert (me["role"], me["company"]["name"]) == ("super_admin", "Platform operators")

    async def test_replicas_that_start_together_make_one(
        self, platform: tuple[AuthService, Person], start_auth: StartAuth
    ) -> None:
        email = new_email("operator")
        given = {"super_admin_email": email, "super_admin_password": SUPER}
        replicas = await asyncio.gather(*(start_auth(**given) for _ in range(3)))

        for auth in replicas:
            assert (await log_in(auth, email, SUPER)).status_code == 200

    async def test_whoever_registered_before_is_not_lifted_up(
        self, auth: AuthService, start_auth: StartAuth, acme: Person
    ) -> None:
        later = await start_auth(super_admin_email=acme.email, super_admin_password=SUPER)

        assert (await log_in(later, acme.email, SUPER)).status_code == 401
        assert (await log_in(later, acme.email)).json()["user"]["role"] == "admin"

    async def test_sees_the_users_of_any_company_and_nobody_else_does(
        self, platform: tuple[AuthService, Person]
    ) -> None:
        auth, operator = platform
        person = await registered(auth)
        for path in (
            f"/api/v1/super-admin/company/{person.tenant_id}/user",
            f"/api/v1/super-admin/companies/{person.tenant_id}/users",
        ):
            assert (await auth.get(path)).status_code == 401
            assert (await auth.get(path, headers=person.bearer)).status_code == 403
            seen = await auth.get(path, headers=operator.bearer)
            assert [user["email"] for user in seen.json()["users"]] == [person.email]

    async def test_manages_users_of_any_company(self, platform: tuple[AuthService, Person]) -> None:
        auth, operator = platform
        person = await registered(auth)

        assert (await act(auth, operator, person.user_id, "status")).status_code == 200
        assert (await act(auth, operator, uuid4(), "status")).status_code == 404
        assert await is_shut_out(auth, person)


class TestImpersonation:
    async def test_is_for_super_admins(self, auth: AuthService, acme: Person) -> None:
        colleague = await add_colleague(auth, acme)
        path = f"/api/v1/user/{colleague.user_id}/impersonate"

        assert (await auth.post(path)).status_code == 401
        assert (await auth.post(path, headers=acme.bearer)).status_code == 403

    async def test_shows_what_the_user_sees_and_is_marked(
        self, platform: tuple[AuthService, Person]
    ) -> None:
        auth, operator = platform
        person = await registered(auth)

        reply = await auth.post(
            f"/api/v1/user/{person.user_id}/impersonate", headers=operator.bearer
        )

        token = reply.json()["access_token"]
        acting = {"authorization": f"Bearer {token}"}
        assert (await auth.get(ME, headers=acting)).json()["email"] == person.email
        jwks = (await auth.get("/.well-known/jwks.json")).json()
        claims = verify_token(
            token,
            keys=public_keys(jwks),
            audience=AUDIENCE,
            issuer=ISSUER,
            typ="at+jwt",
            now=time.time(),
        )
        assert claims["act"] == {"sub": str(operator.user_id)}
        assert claims["exp"] - claims["iat"] == 1800
        # What is done shows who did it, and both companies' trails tell that it began.
        await auth.client.put("/api/v1/user/profile", json={"first_name": "Seen"}, headers=acting)
        async with auth.wiring.unit_of_work(person.tenant_id) as uow:
            entries = {entry.event_type: entry for entry in await uow.audit.whole()}
        assert entries["user.updated"].details["impersonator_id"] == str(operator.user_id)
        assert entries["user.impersonated"].actor_id == operator.user_id
        async with auth.wiring.unit_of_work(operator.tenant_id) as uow:
            own = [entry.event_type for entry in await uow.audit.whole()]
        assert "user.impersonated" in own
        # So does what is refused: the company sees that it was not its own user.
        await auth.get(f"/api/v1/company/{operator.tenant_id}", headers=acting)
        await auth.resources.denials.flush()
        await hear_denials(auth, auth.resources.database)
        async with auth.wiring.unit_of_work(person.tenant_id) as uow:
            entries = {entry.event_type: entry for entry in await uow.audit.whole()}
        refused = entries["access.denied"]
        assert refused.actor_id == person.user_id
        assert refused.details["impersonator_id"] == str(operator.user_id)

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("PUT", "/api/v1/auth/password", {"current_password": "x", "new_password": PASSWORD}),
            ("POST", "/api/v1/auth/mfa/totp", {}),
            ("POST", "/api/v1/auth/passkeys/options", {}),
            ("POST", "/api/v1/auth/api-keys", {"name": "k"}),
            ("POST", "/api/v1/auth/user", registration()),
            ("POST", "/api/v1/auth/invitations", {"email": "x@acme.test"}),
            ("PUT", "/api/v1/auth/mfa/policy", {"mfa": "off"}),
            ("PATCH", f"/api/v1/user/{NOBODY}/status", {"status": "active"}),
            ("POST", f"/api/v1/user/{NOBODY}/impersonate", {}),
            ("POST", "/api/v1/auth/logout-all", {}),
            ("GET", "/api/v1/auth/sessions", {}),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    async def test_changes_no_credentials_and_leads_no_further(
        self,
        platform: tuple[AuthService, Person],
        method: str,
        path: str,
        body: dict[str, Any],
    ) -> None:
        auth, operator = platform
        person = await registered(auth)
        reply = await auth.post(
            f"/api/v1/user/{person.user_id}/impersonate", headers=operator.bearer
        )
        acting = {"authorization": f"Bearer {reply.json()['access_token']}"}

        refused = await auth.client.request(method, path, json=body, headers=acting)

        assert refused.status_code == 403

    async def test_ends_like_any_session_and_is_not_the_users_to_see(
        self, platform: tuple[AuthService, Person]
    ) -> None:
        auth, operator = platform
        person = await registered(auth)
        reply = await auth.post(
            f"/api/v1/user/{person.user_id}/impersonate", headers=operator.bearer
        )
        acting = {"authorization": f"Bearer {reply.json()['access_token']}"}

        listed = await auth.get("/api/v1/auth/sessions", headers=person.bearer)
        ended = await auth.post("/api/v1/auth/logout", headers=acting)

        assert len(listed.json()["sessions"]) == 1
        assert ended.status_code == 200
        person.access_token = reply.json()["access_token"]
        assert await is_shut_out(auth, person)

    @pytest.mark.parametrize("field", ["role", "status"])
    async def test_ends_with_the_super_admins_own_rights(
        self, platform: tuple[AuthService, Person], field: str
    ) -> None:
        auth, operator = platform
        person = await registered(auth)
        reply = await auth.post(
            f"/api/v1/user/{person.user_id}/impersonate", headers=operator.bearer
        )
        person.access_token = reply.json()["access_token"]
        assert (await auth.get(ME, headers=person.bearer)).status_code == 200

        async with auth.wiring.unit_of_work(operator.tenant_id) as uow:
            stored = await uow.users.get(operator.user_id)
            assert stored is not None
            setattr(stored, field, {"role": "user", "status": "suspended"}[field])

        assert await is_shut_out(auth, person)

    async def test_neither_oneself_nor_another_super_admin_nor_nobody(
        self, platform: tuple[AuthService, Person], start_auth: StartAuth
    ) -> None:
        auth, operator = platform
        email = new_email("operator")
        other = await start_auth(super_admin_email=email, super_admin_password=SUPER)
        second = person_of((await log_in(other, email, SUPER)).json())

        statuses = [
            (
                await auth.post(f"/api/v1/user/{user_id}/impersonate", headers=operator.bearer)
            ).status_code
            for user_id in (operator.user_id, second.user_id, NOBODY)
        ]

        assert statuses == [409, 403, 404]

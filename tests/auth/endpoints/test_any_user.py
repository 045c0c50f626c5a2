"""The platform's people add, change and delete users of any company."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.auth.domain.clock import utc_now
from services.auth.domain.tokens import Purpose
from tests.auth.conftest import (
    NOBODY,
    AuthService,
    Mailbox,
    Person,
    StartAuth,
    add_colleague,
    is_shut_out,
    log_in,
    new_email,
    person_of,
    registration,
    send_all,
)
from tests.auth.endpoints.test_api_keys import make_key
from tests.auth.endpoints.test_company_life import audited, founded
from tests.auth.endpoints.test_sessions import stops_working
from tests.auth.second_factors import forget_proof

USERS = "/api/v1/super-admin/users"
COMPANIES = "/api/v1/super-admin/companies"
ACTIVITY = "/api/v1/super-admin/activity"
SUPER = "a password of an operator"


@pytest.fixture
async def platform(start_auth: StartAuth) -> tuple[AuthService, Person]:
    """The service with a super admin, logged in."""
    email = new_email("operator")
    auth = await start_auth(super_admin_email=email, super_admin_password=SUPER)
    return auth, person_of((await log_in(auth, email, SUPER)).json())


async def change(
    auth: AuthService, operator: Person, user_id: UUID, **changes: Any
) -> httpx.Response:
    return await auth.client.patch(f"{USERS}/{user_id}", json=changes, headers=operator.bearer)


async def delete(auth: AuthService, operator: Person, user_id: UUID) -> httpx.Response:
    return await auth.client.delete(f"{USERS}/{user_id}", headers=operator.bearer)


def said(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["code"]


class TestAccess:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("PATCH", USERS + "/{user}"),
            ("DELETE", USERS + "/{user}"),
            ("POST", COMPANIES + "/{company}/users"),
            ("GET", ACTIVITY),
        ],
    )
    async def test_is_for_super_admins(
        self, auth: AuthService, acme: Person, globex: Person, method: str, path: str
    ) -> None:
        colleague = await add_colleague(auth, acme)
        path = path.format(user=colleague.user_id, company=acme.tenant_id)

        async def call(headers: dict[str, str]) -> int:
            body = None if method == "GET" else registration()
            reply = await auth.client.request(method, path, json=body, headers=headers)
            return reply.status_code

        key = await make_key(auth, acme, scopes=["admin"])
        answers = [await call(who) for who in ({}, globex.bearer, acme.bearer, key)]
        assert answers == [401, 403, 403, 403]
        assert (await log_in(auth, colleague.email)).status_code == 200

    async def test_asks_for_a_recent_proof(self, platform: tuple[AuthService, Person]) -> None:
        auth, operator = platform
        acme = await founded(auth)
        await forget_proof(auth, operator)
        added = await auth.post(
            f"{COMPANIES}/{acme.tenant_id}/users", json=registration(), headers=operator.bearer
        )

        for reply in (
            added,
            await change(auth, operator, acme.user_id, first_name="Eve"),
            await delete(auth, operator, acme.user_id),
        ):
            assert said(reply) == (403, "step_up_required")

    async def test_nobody_missing_oneself_or_the_platforms_people(
        self, platform: tuple[AuthService, Person]
    ) -> None:
        auth, operator = platform

        for reply in (
            await change(auth, operator, NOBODY, first_name="Eve"),
            await delete(auth, operator, NOBODY),
        ):
            assert said(reply) == (404, "user_not_found")
        for reply in (
            await change(auth, operator, operator.user_id, first_name="Eve"),
            await delete(auth, operator, operator.user_id),
        ):
            assert said(reply) == (409, "own_account")
        acme = await founded(auth)
        risen = await change(auth, operator, acme.user_id, role="super_admin")
        assert said(risen) == (403, "role_not_allowed")


class TestAdding:
    async def test_somebody_is_in_the_company(self, platform: tuple[AuthService, Person]) -> None:
        auth, operator = platform
        acme = await founded(auth)
        body = registration(role="admin")

        reply = await auth.post(
            f"{COMPANIES}/{acme.tenant_id}/users", json=body, headers=operator.bearer
        )

        assert reply.status_code == 201, reply.text
        shown = reply.json()["user"]
        assert (shown["company_id"], shown["role"]) == (str(acme.tenant_id), "admin")
        assert (await log_in(auth, str(body["email"]))).status_code == 200
        for company, address in ((acme.tenant_id, None), (operator.tenant_id, "127.0.0.1")):
            entries = await audited(auth, company, "user.created")
            # The operator's own account was made by the environment.
            seen = [one["address"] for one in entries if one["actor_id"] == operator.user_id]
            assert seen == [address]

    async def test_taken_addresses_missing_companies_and_high_roles_are_refused(
        self, platform: tuple[AuthService, Person]
    ) -> None:
        auth, operator = platform
        acme = await founded(auth)

        async def add(company: UUID, **body: Any) -> httpx.Response:
            return await auth.post(
                f"{COMPANIES}/{company}/users", json=registration(**body), headers=operator.bearer
            )

        assert said(await add(acme.tenant_id, email=acme.email)) == (400, "email_taken")
        assert said(await add(uuid4())) == (404, "company_not_found")
        assert said(await add(acme.tenant_id, role="super_admin")) == (403, "role_not_allowed")
        assert (await add(acme.tenant_id, role="king")).status_code == 400


class TestChanging:
    async def test_a_role_and_a_status_end_sessions_and_are_recorded(
        self, platform: tuple[AuthService, Person]
    ) -> None:
        auth, operator = platform
        acme = await founded(auth)
        colleague = await add_colleague(auth, acme)

        reply = await change(
            auth, operator, colleague.user_id, role="admin", status="active", last_name="Lovelace"
        )

        assert reply.status_code == 200, reply.text
        assert (reply.json()["user"]["role"], reply.json()["user"]["last_name"]) == (
            "admin",
            "Lovelace",
        )
        assert await is_shut_out(auth, colleague)
        (role,) = await audited(auth, acme.tenant_id, "user.role_changed")
        assert role["actor_id"] == operator.user_id
        assert "admin" in str(role["details"])
        # It was active before.
        assert await audited(auth, acme.tenant_id, "user.status_changed") == []
        (own,) = await audited(auth, operator.tenant_id, "user.updated")
        assert "Lovelace" not in str(own["details"])

        out = await change(auth, operator, colleague.user_id, status="suspended")
        assert out.status_code == 200
        assert (await log_in(auth, colleague.email)).status_code == 403
        assert (
            await change(auth, operator, colleague.user_id, status="pending_verification")
        ).status_code == 400

    async def test_another_address_is_another_way_in(
        self, platform: tuple[AuthService, Person]
    ) -> None:
        auth, operator = platform
        acme = await founded(auth)
        moved = new_email("moved")
        taken = await founded(auth, "Globex")

        assert said(await change(auth, operator, acme.user_id, email=taken.email)) == (
            400,
            "email_taken",
        )
        assert said(await change(auth, operator, acme.user_id, email="nobody")) == (
            400,
            "invalid_email",
        )
        reply = await change(auth, operator, acme.user_id, email=moved)

        assert reply.status_code == 200, reply.text
        assert (reply.json()["user"]["email"], reply.json()["user"]["email_verified"]) == (
            moved,
            False,
        )
        assert (await log_in(auth, acme.email)).status_code == 401
        assert (await log_in(auth, moved)).status_code == 200
        assert await is_shut_out(auth, acme)
        (entry,) = await audited(auth, acme.tenant_id, "email.changed")
        assert moved not in str(entry["details"])
        # The old address is free.
        again = await auth.post(
            "/api/v1/auth/register", json=registration(email=acme.email, company_name="Initech")
        )
        assert again.status_code == 201

    async def test_another_address_is_proven_only_if_that_is_said(
        self, platform: tuple[AuthService, Person]
    ) -> None:
        auth, operator = platform
        acme = await founded(auth)

        async def verified(**changes: Any) -> bool:
            reply = await change(auth, operator, acme.user_id, **changes)
            assert reply.status_code == 200, reply.text
            return bool(reply.json()["user"]["email_verified"])

        assert await verified(email_verified=True)
        assert await verified(email=new_email("moved"), email_verified=True)
        assert not await verified(email=new_email("moved"))

    async def test_a_link_to_the_old_address_is_worthless(
        self, platform: tuple[AuthService, Person], mailbox: Mailbox
    ) -> None:
        auth, operator = platform
        acme = await founded(auth)
        await auth.post("/api/v1/auth/password/forgot", json={"email": acme.email})
        await send_all(auth)
        link = mailbox.token_for(acme.email)

        moved = new_email("moved")
        await change(auth, operator, acme.user_id, email=moved, email_verified=True)
        used = await auth.post(
            "/api/v1/auth/password/reset",
            json={"token": link, "password": "another horse battery"},
        )

        assert said(used) == (400, "link_refused")
        (shown,) = [
            one["email_verified"]
            for one in (
                await auth.get(USERS, params={"search": moved}, headers=operator.bearer)
            ).json()["items"]
        ]
        assert shown is True

    @pytest.mark.parametrize("purpose", ["forgotten", "unproven"])
    async def test_a_link_that_is_made_meanwhile_goes_to_the_new_one(
        self, platform: tuple[AuthService, Person], mailbox: Mailbox, purpose: str
    ) -> None:
        auth, _ = platform
        acme = await founded(auth)
        await send_all(auth)
        before = len(mailbox.to(acme.email))
        asked = {"forgotten": "/api/v1/auth/password/forgot", "unproven": "/api/v1/send"}
        await auth.post(asked[purpose], json={"email": acme.email})

        moved = new_email("moved")
        async with auth.wiring.unit_of_work(acme.tenant_id) as uow:
            user = await uow.users.locked(acme.user_id)
            assert user is not None
            user.email = moved
            await uow.users.flush()
            for kind in (Purpose.RESET_PASSWORD, Purpose.VERIFY_EMAIL):
                await uow.one_time_tokens.use_all_of(acme.user_id, purpose=kind, now=utc_now())
            sending = asyncio.create_task(send_all(auth))
            # Long enough for the worker to have come to the user.
            await asyncio.sleep(0.5)
        assert await sending == 1

        assert len(mailbox.to(acme.email)) == before
        assert len(mailbox.to(moved)) == 1


class TestDeleting:
    async def test_takes_all_that_opens_and_frees_the_address(
        self, platform: tuple[AuthService, Person]
    ) -> None:
        auth, operator = platform
        acme = await founded(auth)
        colleague = await add_colleague(auth, acme, role="admin")
        pair = await make_key(auth, colleague, scopes=["read"])
        assert (await auth.get("/api/v1/company", headers=pair)).status_code == 200

        reply = await delete(auth, operator, colleague.user_id)

        assert reply.status_code == 200, reply.text
        assert reply.json()["user"]["id"] == str(colleague.user_id)
        assert await is_shut_out(auth, colleague)
        assert await stops_working(auth, pair)
        assert (await log_in(auth, colleague.email)).status_code == 401
        assert said(await delete(auth, operator, colleague.user_id)) == (404, "user_not_found")
        shown = await auth.get("/api/v1/users", headers=acme.bearer)
        assert [one["id"] for one in shown.json()["users"]] == [str(acme.user_id)]
        for company in (acme.tenant_id, operator.tenant_id):
            (entry,) = await audited(auth, company, "user.deleted")
            assert (entry["actor_id"], entry["entity_id"]) == (
                operator.user_id,
                colleague.user_id,
            )
        again = await auth.post(
            "/api/v1/auth/register",
            json=registration(email=colleague.email, company_name="Initech"),
        )
        assert again.status_code == 201, again.text

    async def test_leaves_no_company_open_to_whoever_knows_its_id(
        self, platform: tuple[AuthService, Person]
    ) -> None:
        auth, operator = platform
        acme = await founded(auth)
        await add_colleague(auth, acme)

        assert said(await delete(auth, operator, acme.user_id)) == (409, "last_admin")

        assert (await log_in(auth, acme.email)).status_code == 200
        assert await audited(auth, acme.tenant_id, "user.deleted") == []


class TestActivity:
    async def test_of_all_companies_is_shown_newest_first(
        self, platform: tuple[AuthService, Person]
    ) -> None:
        auth, operator = platform
        acme, globex = await founded(auth), await founded(auth, "Globex")
        colleague = await add_colleague(auth, acme)

        async def shown(**query: Any) -> list[tuple[str, str]]:
            reply = await auth.get(ACTIVITY, params=query, headers=operator.bearer)
            assert reply.status_code == 200, reply.text
            assert reply.json()["pagination"]["total"] >= len(reply.json()["items"])
            ours = {str(acme.tenant_id), str(globex.tenant_id)}
            return [
                (one["event_type"], one["company_id"])
                for one in reply.json()["items"]
                if one["company_id"] in ours
            ]

        registered = [
            ("user.registered", str(globex.tenant_id)),
            ("user.registered", str(acme.tenant_id)),
        ]
        assert await shown(types="user.registered", per_page=20) == registered
        users = [("user.created", str(acme.tenant_id)), *registered]
        assert await shown(**{"types[]": ["user"], "per_page": 20}) == users
        assert await shown(types="user.created,user.registered", per_page=20) == users
        everything = await shown(per_page=20)
        assert everything[0] == ("login.succeeded", str(acme.tenant_id))
        assert await shown(types="nothing.of_the_kind") == []
        assert colleague.tenant_id == acme.tenant_id

    async def test_is_paged(self, platform: tuple[AuthService, Person]) -> None:
        auth, operator = platform
        await founded(auth)
        await founded(auth)

        pages = [
            (
                await auth.get(
                    ACTIVITY,
                    params={"types": "user.registered", "per_page": 1, "page": page},
                    headers=operator.bearer,
                )
            ).json()["items"]
            for page in (1, 2)
        ]

        assert [len(page) for page in pages] == [1, 1]
        assert pages[0] != pages[1]

"""Roles, hand-off, policy and set-up of single sign-on, with a real identity provider."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.auth.domain.federation import (
    challenge_of,
    new_secret,
)
from tests.auth.conftest import PASSWORD, AuthService, Person
from tests.auth.federation import (
    AUDIT,
    CONNECTIONS,
    DOMAINS,
    POLICY,
    TOKEN,
    Company,
    NameServer,
    NewBrowser,
    Provider,
    change,
    first_domain,
    prove_domain,
    set_fields,
)

ME = "/api/v1/auth/user/me"


class TestRoles:
    async def test_groups_give_the_role_at_each_login(
        self, auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
    ) -> None:
        await change(auth, company, group_claim="groups", group_roles={"platform-team": "admin"})
        email = company.new_email()
        name = provider.put_person(email, groups=("platform-team", "others"))
        promoted = await new_browser().log_in(email, name=name)
        provider.put_person(email, groups=("others",))
        demoted = await new_browser().log_in(email, name=name)

        assert promoted.json()["user"]["role"] == "admin"
        assert demoted.json()["user"]["role"] == "user"
        # The old session had the old role in its tokens.
        refreshed = await auth.post(
            "/api/v1/auth/refresh", json={"refresh_token": promoted.json()["refresh_token"]}
        )
        assert refreshed.status_code == 401

    async def test_groups_give_no_role_of_another_company(
        self, auth: AuthService, company: Company, globex: Person
    ) -> None:
        async def role_of(person: Person) -> str:
            body = {"name": "Auditors", "permissions": ["audit:read"]}
            reply = await auth.post("/api/v1/role", json=body, headers=person.bearer)
            return str(reply.json()["id"])

        async def given(role_id: str) -> list[tuple[int, str | None]]:
            roles = {"Staff": role_id}
            bearer = company.admin.bearer
            policy = await auth.client.put(POLICY, json={"group_roles": roles}, headers=bearer)
            connection = await change(auth, company, group_claim="groups", group_roles=roles)
            return [(one.status_code, one.json().get("code")) for one in (policy, connection)]

        own, foreign, missing = (
            await given(await role_of(company.admin)),
            await given(await role_of(globex)),
            await given(str(uuid4())),
        )

        assert [status for status, _ in own] == [200, 200]
        assert foreign == missing
        assert {status for status, _ in foreign} <= {400, 404}

    async def test_the_last_admin_keeps_the_role(
        self, auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
    ) -> None:
        await change(auth, company, group_claim="groups", group_roles={"nobody": "admin"})
        email = company.new_email()
        name = provider.put_person(email)
        user_id = UUID((await new_browser().log_in(email, name=name)).json()["user"]["id"])
        await set_fields(auth, company, user_id, role="admin")
        await set_fields(auth, company, company.admin.user_id, role="user")

        reply = await new_browser().log_in(email, name=name)

        assert reply.json()["user"]["role"] == "admin"

    async def test_nobody_becomes_super_admin(self, auth: AuthService, company: Company) -> None:
        claimed = await change(
            auth, company, group_claim="groups", group_roles={"x": "super_admin"}
        )
        default = await change(auth, company, default_role="super_admin")

        assert (claimed.status_code, default.status_code) == (400, 400)


class TestHandoff:
    async def test_the_page_fetches_its_tokens_once(
        self, auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
    ) -> None:
        email, verifier = company.new_email(), new_secret()
        name = provider.put_person(email)
        asked = {"return_to": "/dashboard?tab=1", "challenge": challenge_of(verifier)}

        reply = await new_browser().log_in(email, name=name, **asked)

        page, _, fragment = reply.headers["location"].partition("#")
        base = str(auth.client.base_url).rstrip("/")
        assert (reply.status_code, page) == (303, f"{base}/dashboard?tab=1")
        code = fragment.removeprefix("sso_code=")
        body = {"code": code, "verifier": verifier}
        replies = await asyncio.gather(*(auth.post(TOKEN, json=body) for _ in range(5)))
        assert sorted(one.status_code for one in replies) == [200] + [403] * 4
        tokens = next(one for one in replies if one.status_code == 200).json()
        assert tokens["user"]["email"] == email

    async def test_a_code_is_worth_nothing_without_its_verifier(
        self, auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
    ) -> None:
        email = company.new_email()
        asked = {"return_to": "/", "challenge": challenge_of(new_secret())}
        reply = await new_browser().log_in(email, name=provider.put_person(email), **asked)
        code = reply.headers["location"].partition("#sso_code=")[2]

        stolen = await auth.post(TOKEN, json={"code": code, "verifier": new_secret()})

        assert (stolen.status_code, stolen.json()["code"]) == (403, "sso_refused")

    @pytest.mark.parametrize(
        "return_to",
        ["https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)", "/a#b", ""],
    )
    async def test_nobody_is_sent_elsewhere(
        self, auth: AuthService, company: Company, return_to: str, new_browser: NewBrowser
    ) -> None:
        asked = {"return_to": return_to, "challenge": challenge_of(new_secret())}

        reply = await new_browser().at_provider(company.new_email(), **asked)

        assert (reply.status_code, reply.json()["code"]) == (400, "invalid_return_to")


class TestSsoOnly:
    async def test_refuses_passwords_but_the_break_glass_admins(
        self, auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
    ) -> None:
        other = company.new_email()
        await auth.post(
            "/api/v1/auth/user",
            json={"email": other, "password": PASSWORD, "first_name": "A", "last_name": "B"},
            headers=company.admin.bearer,
        )
        wanted = {"sso_only": True, "break_glass_user_id": str(company.admin.user_id)}
        set_up = await auth.client.put(POLICY, json=wanted, headers=company.admin.bearer)
        assert set_up.status_code == 200, set_up.text

        def by_password(email: str, password: str = PASSWORD) -> Any:
            return auth.post("/api/v1/auth/login", json={"email": email, "password": password})

        refused = await by_password(other)
        wrong = await by_password(other, "not my password")
        admin = await by_password(company.admin.email)
        through = await new_browser().log_in(other, name=provider.put_person(other))

        assert (refused.status_code, refused.json()["code"]) == (403, "sso_required")
        assert wrong.status_code == 401
        assert (admin.status_code, through.status_code) == (200, 200)
        # The way in stays open.
        connection = f"{CONNECTIONS}/{company.connection['id']}"
        disabled = await change(auth, company, enabled=False)
        deleted = await auth.client.delete(connection, headers=company.admin.bearer)
        assert {disabled.json()["code"], deleted.json()["code"]} == {"connection_needed"}

    async def test_needs_a_connection_and_an_admin(
        self, auth: AuthService, globex: Person, company: Company
    ) -> None:
        async def ask(person: Person, **wanted: object) -> int:
            reply = await auth.client.put(POLICY, json=wanted, headers=person.bearer)
            return reply.status_code

        # Globex has no connection; Acme must name somebody of its own.
        assert await ask(globex, sso_only=True, break_glass_user_id=str(globex.user_id)) == 400
        assert await ask(company.admin, sso_only=True) == 400
        foreign = str(globex.user_id)
        assert await ask(company.admin, sso_only=True, break_glass_user_id=foreign) == 400


class TestConnections:
    async def test_strangers_and_others_stay_out(
        self, auth: AuthService, company: Company, globex: Person
    ) -> None:
        path = f"{CONNECTIONS}/{company.connection['id']}"
        assert (await auth.get(CONNECTIONS)).status_code == 401
        assert (await auth.get(path)).status_code == 401
        assert (await auth.get(path, headers=globex.bearer)).status_code == 404
        assert (await auth.post(f"{path}/test", headers=globex.bearer)).status_code == 404
        listed = await auth.get(CONNECTIONS, headers=globex.bearer)
        assert listed.json() == {"connections": []}

    async def test_never_shows_the_secret(self, auth: AuthService, company: Company) -> None:
        secret = uuid4().hex
        changed = await change(auth, company, client_secret=secret)
        listed = await auth.get(CONNECTIONS, headers=company.admin.bearer)
        audit = await auth.get(AUDIT, headers=company.admin.bearer)
        async with auth.wiring.unit_of_work(company.admin.tenant_id) as uow:
            stored = await uow.sso.with_secret(UUID(company.connection["id"]))

        assert stored is not None
        assert secret.encode() not in stored.client_secret
        for reply in (changed, listed, audit):
            assert reply.status_code == 200
            assert secret not in reply.text
            assert "client_secret" not in reply.text

    async def test_can_be_tried(
        self, auth: AuthService, company: Company, provider: Provider
    ) -> None:
        path = f"{CONNECTIONS}/{company.connection['id']}/test"

        reply = await auth.post(path, headers=company.admin.bearer)

        assert reply.status_code == 200, reply.text
        assert reply.json()["issuer"] == provider.issuer
        assert reply.json()["keys"] >= 1

    async def test_says_what_is_wrong_with_a_provider(
        self, auth: AuthService, acme: Person, name_server: NameServer
    ) -> None:
        domain = f"{uuid4().hex[:8]}.test"
        await prove_domain(auth, name_server, acme, domain)
        body = {"name": "P", "client_id": "c", "client_secret": "s", "domains": [domain]}
        made = await auth.post(
            CONNECTIONS, json=body | {"issuer": "http://localhost:1"}, headers=acme.bearer
        )

        reply = await auth.post(f"{CONNECTIONS}/{made.json()['id']}/test", headers=acme.bearer)

        assert (reply.status_code, reply.json()["code"]) == (409, "identity_provider_failed")
        assert reply.json()["details"]["reason"] == "the provider does not answer"

    @pytest.mark.parametrize(
        "issuer",
        [
            "http://idp.example.com",
            "ftp://idp.example.com",
            "https://user:pass@idp.example.com",
            "https://idp.example.com?tenant=1",
            "https://idp.example.com#x",
            "https://",
            "not a url",
        ],
    )
    async def test_refuses_issuers_that_it_would_not_call(
        self, auth: AuthService, company: Company, issuer: str
    ) -> None:
        body = {
            "name": "P",
            "issuer": issuer,
            "client_id": "c",
            "client_secret": "s",
            "domains": [company.domain],
        }

        reply = await auth.post(CONNECTIONS, json=body, headers=company.admin.bearer)

        assert reply.status_code == 400

    async def test_domains_must_be_the_companys_own(
        self, auth: AuthService, company: Company, globex: Person, provider: Provider
    ) -> None:
        body = {
            "name": "P",
            "issuer": provider.issuer,
            "client_id": "c",
            "client_secret": "s",
            "domains": [company.domain],
        }

        theirs = await auth.post(CONNECTIONS, json=body, headers=globex.bearer)
        in_use = await auth.client.delete(
            f"{DOMAINS}/{(await first_domain(auth, company))['id']}", headers=company.admin.bearer
        )

        assert (theirs.status_code, theirs.json()["code"]) == (400, "unproven_domain")
        assert (in_use.status_code, in_use.json()["code"]) == (409, "domain_in_use")

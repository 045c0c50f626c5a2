"""Logging in through a real identity provider (Canaille), from the browser's first request on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.auth.domain.clock import utc_now
from services.auth.domain.federation import (
    LOGIN_LIFETIME,
    ProvidedIdentity,
    challenge_of,
    new_secret,
)
from services.auth.models.users import User
from tests.auth.conftest import PASSWORD, AuthService, Person
from tests.auth.federation import (
    CALLBACK,
    CONNECTIONS,
    DOMAINS,
    POLICY,
    TOKEN,
    Browser,
    NameServer,
    Provider,
    connect,
    prove_domain,
    query_of,
)

ME = "/api/v1/auth/user/me"
AUDIT = "/api/v1/audit-log"

NewBrowser = Callable[[], Browser]


@dataclass
class Company:
    """A company whose people come through the provider."""

    admin: Person
    domain: str
    connection: dict[str, Any]

    def new_email(self) -> str:
        return f"p{uuid4().hex[:12]}@{self.domain}"


@pytest.fixture
async def new_browser(auth: AuthService) -> AsyncIterator[NewBrowser]:
    """Open browsers; they are closed when the test ends."""
    async with AsyncExitStack() as stack:

        def open_one() -> Browser:
            browser = Browser(auth)
            stack.push_async_callback(browser.client.aclose)
            return browser

        yield open_one


@pytest.fixture
async def company(
    auth: AuthService, acme: Person, provider: Provider, name_server: NameServer
) -> Company:
    domain = f"{uuid4().hex[:12]}.test"
    await prove_domain(auth, name_server, acme, domain)
    return Company(acme, domain, await connect(auth, provider, acme, domain))


async def change(auth: AuthService, company: Company, **settings: object) -> httpx.Response:
    path = f"{CONNECTIONS}/{company.connection['id']}"
    return await auth.client.patch(path, json=settings, headers=company.admin.bearer)


async def newest_refusal(auth: AuthService, admin: Person) -> str:
    reply = await auth.get(f"{AUDIT}?event_type=sso.refused", headers=admin.bearer)
    entries = reply.json()["data"]
    return str(entries[0]["description"]) if entries else ""


class TestLogin:
    async def test_a_new_person_gets_an_account_and_a_session(
        self, auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
    ) -> None:
        email = company.new_email()
        name = provider.put_person(email)

        reply = await new_browser().log_in(email, name=name)

        assert reply.status_code == 200, await newest_refusal(auth, company.admin)
        user = reply.json()["user"]
        assert user["email"] == email
        assert user["company_id"] == str(company.admin.tenant_id)
        assert (user["role"], user["email_verified"]) == ("user", True)
        assert (user["first_name"], user["last_name"]) == ("Grace", "Hopper")
        bearer = {"authorization": f"Bearer {reply.json()['access_token']}"}
        assert (await auth.get(ME, headers=bearer)).status_code == 200
        # Nobody has a password for the account.
        guess = await auth.post(
            "/api/v1/auth/login", json={"email": email, "password": "password-guess"}
        )
        assert guess.status_code == 401

    async def test_the_same_person_comes_back_to_the_same_account(
        self, auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
    ) -> None:
        email = company.new_email()
        name = provider.put_person(email)

        first = await new_browser().log_in(email, name=name)
        again = await new_browser().log_in(email, name=name)

        assert first.json()["user"]["id"] == again.json()["user"]["id"]

    async def test_the_secret_may_go_in_the_body(
        self, auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
    ) -> None:
        await auth.client.delete(
            f"{CONNECTIONS}/{company.connection['id']}", headers=company.admin.bearer
        )
        await connect(auth, provider, company.admin, company.domain, method="client_secret_post")
        email = company.new_email()

        reply = await new_browser().log_in(email, name=provider.put_person(email))

        assert reply.status_code == 200

    async def test_links_to_the_companys_own_user(
        self, auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
    ) -> None:
        email = company.new_email()
        added = await auth.post(
            "/api/v1/auth/user",
            json={"email": email, "password": PASSWORD, "first_name": "A", "last_name": "B"},
            headers=company.admin.bearer,
        )

        reply = await new_browser().log_in(email, name=provider.put_person(email))

        assert reply.json()["user"]["id"] == added.json()["id"]

    async def test_a_provider_that_changed_its_keys_is_asked_again(
        self, auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
    ) -> None:
        email = company.new_email()
        name = provider.put_person(email)
        assert (await new_browser().log_in(email, name=name)).status_code == 200
        provider.replace_key()
        # Keys are looked up again after some seconds only.
        auth.wiring.federation.providers._key_refresh_seconds = 0.0  # type: ignore[attr-defined]

        assert (await new_browser().log_in(email, name=name)).status_code == 200

    async def test_of_many_first_logins_at_once_one_account_comes(
        self, auth: AuthService, company: Company
    ) -> None:
        # Past the provider: the code exchanges of one person would follow one another there.
        admit = auth.wiring.public.sso.complete_login.admit
        tenant_id = company.admin.tenant_id
        async with auth.wiring.unit_of_work(tenant_id) as uow:
            connection = await uow.sso.get(UUID(company.connection["id"]))
        assert connection is not None
        identity = ProvidedIdentity(
            subject=uuid4().hex,
            email=company.new_email(),
            email_verified=True,
            first_name="Grace",
            last_name="Hopper",
            groups=(),
        )

        admitted = await asyncio.gather(
            *(admit(tenant_id, connection, identity, now=utc_now()) for _ in range(8))
        )

        assert len({user_id for user_id, _ in admitted}) == 1


class TestState:
    async def test_the_request_carries_pkce_and_a_cookie_for_this_browser(
        self, auth: AuthService, company: Company, new_browser: NewBrowser
    ) -> None:
        reply = await new_browser().at_provider(company.new_email())

        query = query_of(reply.headers["location"])
        assert query["code_challenge_method"] == "S256"
        assert min(len(query[name]) for name in ("state", "nonce", "code_challenge")) >= 43
        cookie = reply.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert "path=/" in cookie

    async def test_over_https_the_cookie_is_bound_to_the_host(
        self, company: Company, auth: AuthService, new_browser: NewBrowser
    ) -> None:
        start = auth.wiring.public.sso.start_login
        object.__setattr__(start, "public_url", "https://app.example.com")
        try:
            reply = await new_browser().at_provider(company.new_email())
        finally:
            object.__setattr__(start, "public_url", str(auth.client.base_url).rstrip("/"))

        cookie = reply.headers["set-cookie"]
        assert cookie.startswith("__Host-sso=")
        assert "Secure" in cookie
        assert "Domain" not in cookie

    async def test_another_browser_cannot_end_a_login(
        self, auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
    ) -> None:
        email = company.new_email()
        browser, other = new_browser(), new_browser()
        url = await browser.back(email, name=provider.put_person(email))
        await other.at_provider(email)

        stolen = await other.client.get(url)
        own = await browser.client.get(url)

        assert (stolen.status_code, stolen.json()["code"]) == (403, "sso_refused")
        assert "another browser" in await newest_refusal(auth, company.admin)
        # Used up by the attempt.
        assert own.status_code == 403

    async def test_a_callback_is_good_once(
        self, auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
    ) -> None:
        email = company.new_email()
        browser = new_browser()
        url = await browser.back(email, name=provider.put_person(email))
        cookies = dict(browser.client.cookies)

        replies = await asyncio.gather(
            *(auth.client.get(url, headers={"cookie": f"sso={cookies['sso']}"}) for _ in range(8))
        )

        assert sorted(reply.status_code for reply in replies) == [200] + [403] * 7

    async def test_a_login_runs_out(
        self, auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
    ) -> None:
        email = company.new_email()
        browser = new_browser()
        url = await browser.back(email, name=provider.put_person(email))
        complete = auth.wiring.public.sso.complete_login
        query = query_of(url)
        late = type(complete)(**(vars(complete) | {"clock": lambda: utc_now() + LOGIN_LIFETIME}))

        with pytest.raises(Exception, match="could not be signed in"):
            await late(
                state=query["state"],
                browser=browser.client.cookies["sso"],
                code=query["code"],
                error="",
                issuer="",
                address="127.0.0.1",
            )

        assert "too long" in await newest_refusal(auth, company.admin)

    @pytest.mark.parametrize("state", ["", "unknown", "x" * 4000])
    async def test_unknown_states_are_refused_alike(self, auth: AuthService, state: str) -> None:
        reply = await auth.get(CALLBACK, params={"state": state, "code": "c"})

        assert (reply.status_code, reply.json()["code"]) == (403, "sso_refused")

    async def test_another_provider_cannot_answer(
        self, auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
    ) -> None:
        email = company.new_email()
        browser = new_browser()
        url = await browser.back(email, name=provider.put_person(email))

        reply = await browser.client.get(httpx.URL(url).copy_set_param("iss", "https://evil.test"))

        assert reply.status_code == 403
        assert "another provider" in await newest_refusal(auth, company.admin)

    async def test_people_see_a_page_and_no_details(
        self, auth: AuthService, company: Company, new_browser: NewBrowser
    ) -> None:
        browser = new_browser()
        started = await browser.at_provider(company.new_email())
        state = query_of(started.headers["location"])["state"]

        reply = await browser.client.get(
            str(auth.client.base_url).rstrip("/") + CALLBACK,
            params={"state": state, "error": "access_denied<script>"},
            headers={"accept": "text/html,*/*"},
        )

        assert reply.status_code == 403
        assert reply.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert "script" not in reply.text
        assert "the provider refused" in await newest_refusal(auth, company.admin)


class TestTrust:
    async def test_unverified_addresses_stay_out(
        self, auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
    ) -> None:
        email = company.new_email()
        name = provider.put_person(email, verified=False)

        reply = await new_browser().log_in(email, name=name)

        assert reply.status_code == 403
        assert "verified" in await newest_refusal(auth, company.admin)
        assert await user_with(auth, company, email) is None

    async def test_addresses_of_other_domains_stay_out(
        self, auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
    ) -> None:
        name = provider.put_person(f"{uuid4().hex[:8]}@elsewhere.test")

        reply = await new_browser().log_in(company.new_email(), name=name)

        assert reply.status_code == 403
        assert "domain" in await newest_refusal(auth, company.admin)

    async def test_users_of_other_companies_cannot_be_taken_over(
        self,
        auth: AuthService,
        company: Company,
        provider: Provider,
        globex: Person,
        new_browser: NewBrowser,
    ) -> None:
        victim = company.new_email()
        added = await auth.post(
            "/api/v1/auth/user",
            json={"email": victim, "password": PASSWORD, "first_name": "A", "last_name": "B"},
            headers=globex.bearer,
        )
        assert added.status_code == 201

        reply = await new_browser().log_in(victim, name=provider.put_person(victim))

        assert (reply.status_code, reply.json()["code"]) == (403, "sso_refused")
        assert "another company" in await newest_refusal(auth, company.admin)

    async def test_a_domain_that_is_no_longer_proven_lets_nobody_in(
        self, auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
    ) -> None:
        email = company.new_email()
        browser = new_browser()
        url = await browser.back(email, name=provider.put_person(email))
        async with auth.wiring.unit_of_work(company.admin.tenant_id) as uow:
            for domain in await uow.email_domains.all():
                domain.proven_at = None

        reply = await browser.client.get(url)
        started = await new_browser().at_provider(email)

        assert reply.status_code == 403
        assert (started.status_code, started.json()["code"]) == (404, "sso_not_configured")

    async def test_super_admins_do_not_come_through_a_provider(
        self, auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
    ) -> None:
        email = company.new_email()
        added = await auth.post(
            "/api/v1/auth/user",
            json={"email": email, "password": PASSWORD, "first_name": "A", "last_name": "B"},
            headers=company.admin.bearer,
        )
        await set_fields(auth, company, UUID(added.json()["id"]), role="super_admin")

        reply = await new_browser().log_in(email, name=provider.put_person(email))

        assert reply.status_code == 403
        assert "super admins" in await newest_refusal(auth, company.admin)

    async def test_who_was_suspended_stays_out(
        self, auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
    ) -> None:
        email = company.new_email()
        name = provider.put_person(email)
        first = await new_browser().log_in(email, name=name)
        await set_fields(auth, company, UUID(first.json()["user"]["id"]), status="suspended")

        assert (await new_browser().log_in(email, name=name)).status_code == 403

    async def test_a_disabled_connection_lets_nobody_in(
        self, auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
    ) -> None:
        email = company.new_email()
        browser = new_browser()
        url = await browser.back(email, name=provider.put_person(email))

        await change(auth, company, enabled=False)

        assert (await browser.client.get(url)).status_code == 403
        assert (await new_browser().at_provider(email)).status_code == 404


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


async def first_domain(auth: AuthService, company: Company) -> dict[str, Any]:
    listed = await auth.get(DOMAINS, headers=company.admin.bearer)
    return dict(listed.json()["domains"][0])


async def user_with(auth: AuthService, company: Company, email: str) -> User | None:
    async with auth.wiring.unit_of_work(company.admin.tenant_id) as uow:
        return await uow.directory.user_by_email(email)


async def set_fields(auth: AuthService, company: Company, user_id: UUID, **fields: object) -> None:
    async with auth.wiring.unit_of_work(company.admin.tenant_id) as uow:
        user = await uow.users.get(user_id)
        assert user is not None
        for name, value in fields.items():
            setattr(user, name, value)

"""Logging in through a real identity provider (Canaille), from the browser's first request on."""

import asyncio
from uuid import UUID, uuid4

import httpx
import pytest

from services.auth.domain.clock import utc_now
from services.auth.domain.federation import (
    LOGIN_LIFETIME,
    ProvidedIdentity,
)
from tests.auth.conftest import PASSWORD, AuthService, Person, registration
from tests.auth.federation import (
    CALLBACK,
    CONNECTIONS,
    Company,
    NewBrowser,
    Provider,
    change,
    connect,
    newest_refusal,
    query_of,
    set_fields,
    user_with,
)

ME = "/api/v1/auth/user/me"


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
        auth.wiring.federation.providers._key_refresh_seconds = 0.0  # type: ignore[attr-defined]  # beyond its port

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
        async with auth.wiring.unit_of_work(globex.tenant_id) as uow:
            user = await uow.users.get(UUID(added.json()["id"]))
            assert user is not None
            user.email_verified = True

        reply = await new_browser().log_in(victim, name=provider.put_person(victim))

        assert (reply.status_code, reply.json()["code"]) == (403, "sso_refused")
        assert "another company" in await newest_refusal(auth, company.admin)

    async def test_an_address_that_nobody_proved_goes_to_its_owner(
        self,
        auth: AuthService,
        company: Company,
        provider: Provider,
        globex: Person,
        new_browser: NewBrowser,
    ) -> None:
        victim = company.new_email()
        squatter = (
            await auth.post(
                "/api/v1/auth/register", json=registration(email=victim, company_name="Initech")
            )
        ).json()

        reply = await new_browser().log_in(victim, name=provider.put_person(victim))

        assert reply.status_code == 200, reply.text
        assert reply.json()["user"]["email"] == victim
        assert reply.json()["user"]["id"] != squatter["user"]["id"]
        assert reply.json()["user"]["company_id"] == str(company.admin.tenant_id)

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

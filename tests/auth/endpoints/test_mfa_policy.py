"""What a company demands of logins, and what its admins do for who has lost everything."""

from tests.auth.conftest import (
    AuthService,
    Person,
    StartAuth,
    add_colleague,
    is_shut_out,
    log_in,
    person_of,
    registration,
)
from tests.auth.second_factors import MFA, enroll, half_logged_in, set_policy

ME = "/api/v1/auth/user/me"
KEYS = "/api/v1/auth/api-keys"


class TestPolicy:
    async def test_is_the_admins(self, auth: AuthService, acme: Person) -> None:
        colleague = await add_colleague(auth, acme)

        stranger = await auth.client.put(f"{MFA}/policy", json={"mfa": "off"})
        user = await auth.client.put(f"{MFA}/policy", json={"mfa": "off"}, headers=colleague.bearer)

        assert (stranger.status_code, user.status_code) == (401, 403)
        assert (await auth.get(f"{MFA}/policy", headers=acme.bearer)).json() == {
            "mfa": "optional",
            "step_up_for_api_keys": False,
        }

    async def test_required_lets_in_only_as_far_as_enrolling(
        self, auth: AuthService, acme: Person
    ) -> None:
        colleague = await add_colleague(auth, acme)
        await set_policy(auth, acme, mfa="required_all")

        reply = await log_in(auth, colleague.email)
        assert reply.json()["mfa_enrollment_required"] is True
        person = person_of(reply.json())
        for path in (ME, "/api/v1/company", "/api/v1/user/profile"):
            assert (await auth.get(path, headers=person.bearer)).status_code == 403
        assert (await auth.post(KEYS, json={"name": "k"}, headers=person.bearer)).status_code == 403
        await enroll(auth, person)
        refreshed = await auth.post(
            "/api/v1/auth/refresh", json={"refresh_token": person.refresh_token}
        )

        whole = {"authorization": f"Bearer {refreshed.json()['access_token']}"}
        assert refreshed.json()["mfa_enrollment_required"] is False
        assert (await auth.get(ME, headers=whole)).status_code == 200

    async def test_binds_sessions_that_stand_at_their_next_refresh(
        self, auth: AuthService, acme: Person
    ) -> None:
        colleague = await add_colleague(auth, acme)
        await set_policy(auth, acme, mfa="required_all")

        refreshed = await auth.post(
            "/api/v1/auth/refresh", json={"refresh_token": colleague.refresh_token}
        )

        limited = {"authorization": f"Bearer {refreshed.json()['access_token']}"}
        assert (await auth.get(ME, headers=limited)).status_code == 403
        assert (await auth.post("/api/v1/auth/logout", headers=limited)).status_code == 200

    async def test_required_for_admins_leaves_users_alone(
        self, auth: AuthService, acme: Person
    ) -> None:
        colleague = await add_colleague(auth, acme)
        await set_policy(auth, acme, mfa="required_admins")

        admin, user = await log_in(auth, acme.email), await log_in(auth, colleague.email)

        assert admin.json()["mfa_enrollment_required"] is True
        assert user.json()["mfa_enrollment_required"] is False

    async def test_the_last_factor_stays_while_it_is_required(
        self, auth: AuthService, acme: Person
    ) -> None:
        await enroll(auth, acme)
        await set_policy(auth, acme, mfa="required_admins")

        reply = await auth.client.delete(f"{MFA}/totp", headers=acme.bearer)

        assert (reply.status_code, reply.json()["code"]) == (409, "mfa_required")
        await half_logged_in(auth, acme)

    async def test_off_asks_nobody(self, auth: AuthService, acme: Person) -> None:
        await enroll(auth, acme)
        await set_policy(auth, acme, mfa="off")

        assert "access_token" in (await log_in(auth, acme.email)).json()
        refused = await auth.post(f"{MFA}/totp", headers=acme.bearer)
        assert refused.json()["code"] == "mfa_off"

    async def test_the_platform_has_a_default(self, start_auth: StartAuth) -> None:
        auth = await start_auth(mfa_enabled=False)
        registered = await auth.post(
            "/api/v1/auth/register", json=registration(company_name="Acme")
        )
        person = person_of(registered.json())

        assert (await auth.post(f"{MFA}/totp", headers=person.bearer)).status_code == 403
        await set_policy(auth, person, mfa="optional")
        assert (await auth.post(f"{MFA}/totp", headers=person.bearer)).status_code == 200

    async def test_another_companys_is_its_own(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        await set_policy(auth, acme, mfa="required_all")

        assert (await log_in(auth, globex.email)).json()["mfa_enrollment_required"] is False


class TestReset:
    async def test_an_admin_helps_who_has_lost_everything(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        colleague = await add_colleague(auth, acme)
        await enroll(auth, colleague)
        path = f"/api/v1/user/{colleague.user_id}/mfa/reset"

        stranger = await auth.post(path)
        foreign = await auth.post(path, headers=globex.bearer)
        themselves = await auth.post(path, headers=colleague.bearer)
        done = await auth.post(path, headers=acme.bearer)

        assert (stranger.status_code, foreign.status_code) == (401, 404)
        assert (themselves.status_code, done.status_code) == (403, 200)
        assert "access_token" in (await log_in(auth, colleague.email)).json()
        assert await is_shut_out(auth, colleague)
        log = await auth.get("/api/v1/audit-log?event_type=mfa.reset", headers=acme.bearer)
        [entry] = log.json()["data"]
        assert entry["risk_level"] == "critical"

"""Authenticator apps, recovery codes, policies, and confirming that it is oneself."""

import asyncio
import base64
from datetime import timedelta

import pyotp
import pytest

from libs.common.database import Database
from services.auth.domain.clock import utc_now
from tests.auth.conftest import (
    PASSWORD,
    AuthService,
    Deliver,
    Mailbox,
    Person,
    StartAuth,
    log_in,
    person_of,
    registration,
)
from tests.auth.second_factors import (
    MFA,
    enroll,
    forget_proof,
    half_logged_in,
    later,
    set_policy,
)

FINISH = "/api/v1/auth/login/mfa"
STEP_UP = f"{MFA}/step-up"
ME = "/api/v1/auth/user/me"
KEYS = "/api/v1/auth/api-keys"


class TestEnrolling:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", MFA),
            ("POST", f"{MFA}/totp"),
            ("POST", f"{MFA}/totp/confirm"),
            ("DELETE", f"{MFA}/totp"),
            ("POST", f"{MFA}/recovery-codes"),
            ("POST", STEP_UP),
            ("POST", f"{STEP_UP}/options"),
        ],
    )
    async def test_strangers_and_keys_may_not(
        self, auth: AuthService, acme: Person, method: str, path: str
    ) -> None:
        key = await auth.post(
            KEYS, json={"name": "k", "scopes": ["full_access"]}, headers=acme.bearer
        )
        pair = {"x-api-key": key.json()["api_key"], "x-api-secret": key.json()["api_secret"]}

        assert (await auth.client.request(method, path)).status_code == 401
        assert (await auth.client.request(method, path, headers=pair)).status_code == 403

    async def test_shows_the_secret_in_every_form(self, auth: AuthService, acme: Person) -> None:
        body = (await auth.post(f"{MFA}/totp", headers=acme.bearer)).json()

        parsed = pyotp.parse_uri(body["provisioning_uri"])
        assert parsed.secret == body["secret"]
        assert parsed.name == acme.email
        assert body["qr_svg"].startswith("<svg")
        assert base64.b64decode(body["qr_png"]).startswith(b"\x89PNG")

    async def test_counts_once_confirmed(self, auth: AuthService, acme: Person) -> None:
        begun = await auth.post(f"{MFA}/totp", headers=acme.bearer)
        assert "access_token" in (await log_in(auth, acme.email)).json()
        wrong = await auth.post(f"{MFA}/totp/confirm", json={"code": "000000"}, headers=acme.bearer)
        assert wrong.status_code in (200, 400)

        totp = pyotp.TOTP(begun.json()["secret"])
        await auth.post(f"{MFA}/totp/confirm", json={"code": totp.now()}, headers=acme.bearer)

        await half_logged_in(auth, acme)
        state = (await auth.get(MFA, headers=acme.bearer)).json()
        assert (state["enabled"], state["totp"], state["recovery_codes_left"]) == (True, True, 10)

    async def test_is_not_overwritten(self, auth: AuthService, acme: Person) -> None:
        await enroll(auth, acme)

        again = await auth.post(f"{MFA}/totp", headers=acme.bearer)

        assert again.status_code == 409

    async def test_needs_a_recent_proof(self, auth: AuthService, acme: Person) -> None:
        await forget_proof(auth, acme)
        refused = await auth.post(f"{MFA}/totp", headers=acme.bearer)
        assert (refused.status_code, refused.json()["code"]) == (403, "step_up_required")

        wrong = await auth.post(STEP_UP, json={"password": "guess"}, headers=acme.bearer)
        assert wrong.status_code == 400
        trail = await auth.get("/api/v1/audit-log?action=mfa.failed", headers=acme.bearer)
        assert "Did not confirm to be themselves." in trail.text
        stepped = await auth.post(STEP_UP, json={"password": PASSWORD}, headers=acme.bearer)

        assert stepped.status_code == 200
        assert (await auth.post(f"{MFA}/totp", headers=acme.bearer)).status_code == 200

    async def test_tells_the_owner(
        self, auth: AuthService, acme: Person, mailbox: Mailbox, deliver: Deliver
    ) -> None:
        await enroll(auth, acme)
        await deliver()

        assert mailbox.told(acme.email, "asks for a second factor")

    async def test_secrets_are_encrypted_and_codes_hashed(
        self, auth: AuthService, acme: Person, database: Database
    ) -> None:
        totp, codes = await enroll(auth, acme)

        async with database.lean(acme.tenant_id) as connection:
            devices = await connection.fetch("SELECT * FROM totp_devices")
            hashes = await connection.fetch("SELECT * FROM recovery_codes")

        assert len(devices) == 1
        assert len(hashes) == 10
        everything = repr([list(row.values()) for row in (*devices, *hashes)])
        assert totp.secret not in everything
        assert not any(code in everything for code in codes)


class TestLogin:
    @pytest.mark.parametrize("shift", [0, 30])
    async def test_a_code_finishes_it(self, auth: AuthService, acme: Person, shift: int) -> None:
        totp, _ = await enroll(auth, acme)
        token = await half_logged_in(auth, acme)

        code = totp.at(utc_now() + timedelta(seconds=shift))
        reply = await auth.post(FINISH, json={"mfa_token": token, "code": code})

        assert reply.status_code == 200
        person = person_of(reply.json())
        assert (await auth.get(ME, headers=person.bearer)).json()["two_factor_enabled"] is True

    async def test_two_steps_away_is_too_far(self, auth: AuthService, acme: Person) -> None:
        totp, _ = await enroll(auth, acme)
        token = await half_logged_in(auth, acme)

        for seconds in (-61, 61):
            code = totp.at(utc_now() + timedelta(seconds=seconds))
            reply = await auth.post(FINISH, json={"mfa_token": token, "code": code})
            assert reply.status_code == 401
            assert reply.json()["code"] == "second_factor_refused"

    async def test_the_token_is_good_for_nothing_else(
        self, auth: AuthService, acme: Person
    ) -> None:
        await enroll(auth, acme)
        token = await half_logged_in(auth, acme)

        bearer = {"authorization": f"Bearer {token}"}
        assert (await auth.get(ME, headers=bearer)).status_code == 401
        for path, body in (
            ("/api/v1/auth/refresh", {"refresh_token": token}),
            ("/api/v1/verify", {"token": token}),
            ("/api/v1/auth/login/passkey", {"challenge_token": token, "passkey": {"id": "AA"}}),
        ):
            assert (await auth.post(path, json=body)).status_code in (400, 401), path
        for other in (acme.access_token, acme.refresh_token, "mt_guess"):
            reply = await auth.post(FINISH, json={"mfa_token": other[:200], "code": "123456"})
            assert reply.status_code == 401

    async def test_allows_five_attempts(self, auth: AuthService, acme: Person) -> None:
        totp, _ = await enroll(auth, acme)
        token = await half_logged_in(auth, acme)
        for _ in range(5):
            await auth.post(FINISH, json={"mfa_token": token, "recovery_code": "aaaa-bbbb"})
        reply = await auth.post(FINISH, json={"mfa_token": token, "code": totp.now()})

        assert reply.status_code == 401
        # A new login has new attempts, within the account's own limit.
        token = await half_logged_in(auth, acme)
        again = await auth.post(FINISH, json={"mfa_token": token, "code": totp.now()})
        assert again.status_code == 200

    async def test_the_account_has_a_limit_over_all_logins(self, start_auth: StartAuth) -> None:
        auth = await start_auth(
            rate_limits={
                "second_factor": "4/900",
                **dict.fromkeys(("login", "register", "public", "mail"), "100000/60"),
            }
        )
        registered = await auth.post(
            "/api/v1/auth/register", json=registration(company_name="Acme")
        )
        person = person_of(registered.json())
        await enroll(auth, person)
        statuses = []
        for _ in range(4):
            token = await half_logged_in(auth, person)
            reply = await auth.post(FINISH, json={"mfa_token": token, "recovery_code": "aaaa-bbbb"})
            statuses.append(reply.status_code)

        # The confirmation was the first of four.
        assert statuses == [401, 401, 401, 429]

    async def test_of_fifty_equal_codes_one_is_accepted(
        self, auth: AuthService, acme: Person
    ) -> None:
        totp, _ = await enroll(auth, acme)
        code = totp.now()

        replies = await asyncio.gather(
            *(auth.post(STEP_UP, json={"code": code}, headers=acme.bearer) for _ in range(50))
        )

        assert sorted(reply.status_code for reply in replies) == [200] + [400] * 49

    async def test_of_parallel_logins_with_one_code_one_is_let_in(
        self, auth: AuthService, acme: Person
    ) -> None:
        totp, _ = await enroll(auth, acme)
        tokens = [await half_logged_in(auth, acme) for _ in range(8)]
        code = totp.now()

        replies = await asyncio.gather(
            *(auth.post(FINISH, json={"mfa_token": token, "code": code}) for token in tokens)
        )

        assert sorted(reply.status_code for reply in replies) == [200] + [401] * 7

    async def test_an_earlier_code_is_worthless_after_a_later_one(
        self, auth: AuthService, acme: Person
    ) -> None:
        totp, _ = await enroll(auth, acme)
        first = await auth.post(STEP_UP, json={"code": later(totp)}, headers=acme.bearer)

        second = await auth.post(STEP_UP, json={"code": totp.now()}, headers=acme.bearer)

        assert (first.status_code, second.status_code) == (200, 400)

    async def test_a_new_password_ends_logins_that_are_half_done(
        self, auth: AuthService, acme: Person
    ) -> None:
        totp, _ = await enroll(auth, acme)
        token = await half_logged_in(auth, acme)
        changed = await auth.client.put(
            "/api/v1/auth/password",
            json={"current_password": PASSWORD, "new_password": "another long one"},
            headers=acme.bearer,
        )

        reply = await auth.post(FINISH, json={"mfa_token": token, "code": totp.now()})

        assert (changed.status_code, reply.status_code) == (200, 401)

    async def test_failures_stand_in_the_trail(self, auth: AuthService, acme: Person) -> None:
        await enroll(auth, acme)
        token = await half_logged_in(auth, acme)
        await auth.post(FINISH, json={"mfa_token": token, "recovery_code": "aaaa-bbbb"})

        log = await auth.get("/api/v1/audit-log?event_type=mfa.failed", headers=acme.bearer)

        assert [entry["risk_level"] for entry in log.json()["data"]] == ["high"]


class TestRecoveryCodes:
    async def test_each_is_good_once(
        self, auth: AuthService, acme: Person, mailbox: Mailbox, deliver: Deliver
    ) -> None:
        _, codes = await enroll(auth, acme)
        assert len(set(codes)) == 10
        tokens = [await half_logged_in(auth, acme) for _ in range(5)]

        replies = await asyncio.gather(
            *(
                auth.post(FINISH, json={"mfa_token": token, "recovery_code": codes[0].upper()})
                for token in tokens
            )
        )

        assert sorted(reply.status_code for reply in replies) == [200] + [401] * 4
        await deliver()
        assert mailbox.told(acme.email, "with a recovery code")

    async def test_new_ones_replace_the_old(self, auth: AuthService, acme: Person) -> None:
        _, old = await enroll(auth, acme)

        reply = await auth.post(f"{MFA}/recovery-codes", headers=acme.bearer)

        new = reply.json()["recovery_codes"]
        assert not set(new) & set(old)
        token = await half_logged_in(auth, acme)
        for code, status in ((old[3], 401), (new[3], 200)):
            reply = await auth.post(FINISH, json={"mfa_token": token, "recovery_code": code})
            assert reply.status_code == status

    async def test_of_another_are_worthless(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        _, codes = await enroll(auth, globex)
        await enroll(auth, acme)
        token = await half_logged_in(auth, acme)

        reply = await auth.post(FINISH, json={"mfa_token": token, "recovery_code": codes[0]})

        assert reply.status_code == 401


class TestStepUp:
    @pytest.mark.parametrize(
        ("method", "path"), [("DELETE", f"{MFA}/totp"), ("POST", f"{MFA}/recovery-codes")]
    )
    async def test_a_stolen_session_changes_no_second_factor(
        self, auth: AuthService, acme: Person, method: str, path: str
    ) -> None:
        totp, _ = await enroll(auth, acme)
        await forget_proof(auth, acme)

        refused = await auth.client.request(method, path, headers=acme.bearer)
        by_password = await auth.post(STEP_UP, json={"password": PASSWORD}, headers=acme.bearer)
        stepped = await auth.post(STEP_UP, json={"code": totp.now()}, headers=acme.bearer)
        done = await auth.client.request(method, path, headers=acme.bearer)

        assert (refused.status_code, refused.json()["code"]) == (403, "step_up_required")
        assert by_password.status_code == 400
        assert (stepped.status_code, done.status_code) == (200, 200)

    async def test_for_api_keys_where_the_company_wants_it(
        self, auth: AuthService, acme: Person
    ) -> None:
        await forget_proof(auth, acme)
        assert (
            await auth.post(KEYS, json={"name": "free"}, headers=acme.bearer)
        ).status_code == 201
        await auth.post(STEP_UP, json={"password": PASSWORD}, headers=acme.bearer)
        await set_policy(auth, acme, step_up_for_api_keys=True)
        await forget_proof(auth, acme)

        refused = await auth.post(KEYS, json={"name": "guarded"}, headers=acme.bearer)
        await auth.post(STEP_UP, json={"password": PASSWORD}, headers=acme.bearer)
        made = await auth.post(KEYS, json={"name": "guarded"}, headers=acme.bearer)

        assert (refused.status_code, made.status_code) == (403, 201)

    async def test_for_all_that_a_thief_could_do_with_keys(
        self, auth: AuthService, acme: Person
    ) -> None:
        made = (await auth.post(KEYS, json={"name": "guarded"}, headers=acme.bearer)).json()
        path = f"{KEYS}/{made['id']}"
        await set_policy(auth, acme, step_up_for_api_keys=True)
        await forget_proof(auth, acme)

        async def tried() -> list[int]:
            """Another name, other places to use it from, another key like it."""
            replies = [
                await auth.client.patch(path, json={"name": "renamed"}, headers=acme.bearer),
                await auth.client.patch(
                    path, json={"allowed_ips": ["192.0.2.0/24"]}, headers=acme.bearer
                ),
                await auth.post(f"{path}/rotate", json={}, headers=acme.bearer),
            ]
            return [reply.status_code for reply in replies]

        before = await tried()
        await auth.post(STEP_UP, json={"password": PASSWORD}, headers=acme.bearer)

        assert before == [200, 403, 403]
        assert await tried() == [200, 200, 201]

    @pytest.mark.parametrize("body", [{}, {"code": "123456", "password": "x"}, {"code": "12"}])
    async def test_takes_one_proof(
        self, auth: AuthService, acme: Person, body: dict[str, str]
    ) -> None:
        reply = await auth.post(STEP_UP, json=body, headers=acme.bearer)

        assert reply.status_code == 400

    async def test_disabling_forgets_the_codes(self, auth: AuthService, acme: Person) -> None:
        await enroll(auth, acme)

        reply = await auth.client.delete(f"{MFA}/totp", headers=acme.bearer)

        assert reply.status_code == 200
        assert "access_token" in (await log_in(auth, acme.email)).json()
        state = (await auth.get(MFA, headers=acme.bearer)).json()
        assert (state["enabled"], state["recovery_codes_left"]) == (False, 0)

"""Passkeys, signed by an authenticator in software."""

import asyncio
from typing import Any

import pytest

from tests.auth.authenticator import Authenticator
from tests.auth.conftest import (
    PUBLIC_URL,
    AuthService,
    Person,
    add_colleague,
    log_in,
    person_of,
)

PASSKEYS = "/api/v1/auth/passkeys"
LOGIN = "/api/v1/auth/login/passkey"
FINISH = "/api/v1/auth/login/mfa"
MFA = "/api/v1/auth/mfa"
ME = "/api/v1/auth/user/me"


async def begin(auth: AuthService, person: Person) -> dict[str, Any]:
    reply = await auth.post(f"{PASSKEYS}/options", headers=person.bearer)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


async def enroll(
    auth: AuthService, person: Person, device: Authenticator | None = None
) -> tuple[Authenticator, dict[str, Any]]:
    """Set a passkey up; return the device and what was answered."""
    device = device or Authenticator(PUBLIC_URL)
    begun = await begin(auth, person)
    reply = await auth.post(
        PASSKEYS,
        json={
            "challenge_token": begun["challenge_token"],
            "credential": device.create(begun["passkey_options"]),
            "name": "Laptop",
        },
        headers=person.bearer,
    )
    assert reply.status_code == 201, reply.text
    return device, reply.json()


async def log_in_alone(auth: AuthService, device: Authenticator) -> Any:
    begun = (await auth.post(f"{LOGIN}/options")).json()
    return await auth.post(
        LOGIN,
        json={
            "challenge_token": begun["challenge_token"],
            "passkey": device.get(begun["passkey_options"]),
        },
    )


class TestEnrolling:
    @pytest.mark.parametrize(
        ("method", "path"),
        [("GET", PASSKEYS), ("POST", PASSKEYS), ("POST", f"{PASSKEYS}/options")],
    )
    async def test_strangers_may_not(self, auth: AuthService, method: str, path: str) -> None:
        assert (await auth.client.request(method, path)).status_code == 401

    async def test_is_kept_and_asked_for(self, auth: AuthService, acme: Person) -> None:
        _, made = await enroll(auth, acme)

        assert len(made["recovery_codes"]) == 10
        listed = (await auth.get(PASSKEYS, headers=acme.bearer)).json()["passkeys"]
        assert [(one["id"], one["name"]) for one in listed] == [(made["passkey"]["id"], "Laptop")]
        half = (await log_in(auth, acme.email)).json()
        assert half["methods"] == ["passkey", "recovery_code"]

    async def test_a_second_one_leaves_the_codes(self, auth: AuthService, acme: Person) -> None:
        await enroll(auth, acme)

        _, second = await enroll(auth, acme)

        assert second["recovery_codes"] == []

    async def test_an_authenticator_is_told_what_it_has(
        self, auth: AuthService, acme: Person
    ) -> None:
        await enroll(auth, acme)

        options = (await begin(auth, acme))["passkey_options"]

        assert len(options["excludeCredentials"]) == 1
        assert options["rp"]["id"] == "127.0.0.1"

    @pytest.mark.parametrize("fault", ["origin", "challenge", "twice", "another's", "junk"])
    async def test_what_does_not_hold_is_refused(
        self, auth: AuthService, acme: Person, globex: Person, fault: str
    ) -> None:
        begun = await begin(auth, acme)
        device = Authenticator(PUBLIC_URL)
        if fault == "origin":
            device.origin = "http://127.0.0.1.evil.example"
        options = begun["passkey_options"]
        if fault == "challenge":
            options = (await begin(auth, acme))["passkey_options"]
        body = {
            "challenge_token": begun["challenge_token"],
            "credential": device.create(options) if fault != "junk" else {"id": [1]},
        }
        person = globex if fault == "another's" else acme
        if fault == "twice":
            first = await auth.post(PASSKEYS, json=body, headers=acme.bearer)
            assert first.status_code == 201

        reply = await auth.post(PASSKEYS, json=body, headers=person.bearer)

        assert (reply.status_code, reply.json()["code"]) == (400, "proof_refused")

    async def test_one_authenticator_serves_one_account(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        device, _ = await enroll(auth, acme)
        begun = await begin(auth, globex)

        reply = await auth.post(
            PASSKEYS,
            json={
                "challenge_token": begun["challenge_token"],
                "credential": device.create(begun["passkey_options"]),
            },
            headers=globex.bearer,
        )

        assert reply.status_code == 400


class TestAlone:
    async def test_logs_in_without_a_name(self, auth: AuthService, acme: Person) -> None:
        device, _ = await enroll(auth, acme)

        reply = await log_in_alone(auth, device)

        assert reply.status_code == 200
        person = person_of(reply.json())
        assert person.user_id == acme.user_id
        assert (await auth.get(ME, headers=person.bearer)).status_code == 200

    async def test_must_know_its_user(self, auth: AuthService, acme: Person) -> None:
        device, _ = await enroll(auth, acme, Authenticator(PUBLIC_URL, verifies=False))

        reply = await log_in_alone(auth, device)

        assert (reply.status_code, reply.json()["code"]) == (401, "second_factor_refused")

    async def test_a_signature_is_good_once(self, auth: AuthService, acme: Person) -> None:
        device, _ = await enroll(auth, acme)
        begun = (await auth.post(f"{LOGIN}/options")).json()
        body = {
            "challenge_token": begun["challenge_token"],
            "passkey": device.get(begun["passkey_options"]),
        }

        replies = await asyncio.gather(*(auth.post(LOGIN, json=body) for _ in range(10)))

        assert sorted(reply.status_code for reply in replies) == [200] + [401] * 9

    async def test_a_copy_gives_itself_away(self, auth: AuthService, acme: Person) -> None:
        device, _ = await enroll(auth, acme)
        assert (await log_in_alone(auth, device)).status_code == 200
        device.sign_count -= 1

        assert (await log_in_alone(auth, device)).status_code == 401

    async def test_a_signature_for_another_page_is_refused(
        self, auth: AuthService, acme: Person
    ) -> None:
        device, _ = await enroll(auth, acme)
        device.origin = "https://phish.example"

        assert (await log_in_alone(auth, device)).status_code == 401
        trail = await auth.get("/api/v1/audit-log?action=login.failed", headers=acme.bearer)
        assert "A passkey was refused." in trail.text

    async def test_a_stranger_to_us_is_refused(self, auth: AuthService) -> None:
        assert (await log_in_alone(auth, Authenticator(PUBLIC_URL))).status_code == 401

    async def test_a_key_of_ones_own_does_not_pass_for_anothers(
        self, auth: AuthService, acme: Person
    ) -> None:
        device, _ = await enroll(auth, acme)
        thief = Authenticator(PUBLIC_URL)
        thief.credential_id = device.credential_id
        thief.sign_count = 100

        assert (await log_in_alone(auth, thief)).status_code == 401

    async def test_a_suspended_user_stays_out(self, auth: AuthService, acme: Person) -> None:
        colleague = await add_colleague(auth, acme)
        device, _ = await enroll(auth, colleague)
        await auth.client.patch(
            f"/api/v1/user/{colleague.user_id}/status",
            json={"status": "suspended"},
            headers=acme.bearer,
        )

        assert (await log_in_alone(auth, device)).status_code == 403

    @pytest.mark.parametrize("passkey", [{}, {"id": 1}, {"id": "é"}, {"id": "AA"}, {"id": "!"}])
    async def test_junk_is_refused(self, auth: AuthService, passkey: dict[str, Any]) -> None:
        begun = (await auth.post(f"{LOGIN}/options")).json()

        reply = await auth.post(
            LOGIN, json={"challenge_token": begun["challenge_token"], "passkey": passkey}
        )

        assert reply.status_code == 401


class TestAsSecondFactor:
    async def test_finishes_a_login(self, auth: AuthService, acme: Person) -> None:
        device, _ = await enroll(auth, acme, Authenticator(PUBLIC_URL, verifies=False))
        half = (await log_in(auth, acme.email)).json()

        reply = await auth.post(
            FINISH,
            json={
                "mfa_token": half["mfa_token"],
                "passkey": device.get(half["passkey_options"]),
            },
        )

        assert reply.status_code == 200

    async def test_another_users_does_not(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        await enroll(auth, acme)
        other, _ = await enroll(auth, globex)
        half = (await log_in(auth, acme.email)).json()

        reply = await auth.post(
            FINISH,
            json={"mfa_token": half["mfa_token"], "passkey": other.get(half["passkey_options"])},
        )

        assert reply.status_code == 401

    async def test_confirms_a_sensitive_act(self, auth: AuthService, acme: Person) -> None:
        device, made = await enroll(auth, acme)
        begun = (await auth.post(f"{MFA}/step-up/options", headers=acme.bearer)).json()
        body = {
            "challenge_token": begun["challenge_token"],
            "passkey": device.get(begun["passkey_options"]),
        }

        first = await auth.post(f"{MFA}/step-up", json=body, headers=acme.bearer)
        again = await auth.post(f"{MFA}/step-up", json=body, headers=acme.bearer)

        assert (first.status_code, again.status_code) == (200, 400)
        assert made["passkey"]["id"]


class TestRemoving:
    async def test_another_user_finds_nothing(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        _, made = await enroll(auth, acme)
        path = f"{PASSKEYS}/{made['passkey']['id']}"

        assert (await auth.client.delete(path)).status_code == 401
        assert (await auth.client.delete(path, headers=globex.bearer)).status_code == 404
        assert (await auth.client.delete(path, headers=acme.bearer)).status_code == 200
        assert "access_token" in (await log_in(auth, acme.email)).json()

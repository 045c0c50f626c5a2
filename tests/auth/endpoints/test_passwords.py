"""Proven addresses, forgotten and changed passwords."""

import asyncio
from datetime import timedelta
from statistics import median
from time import perf_counter

import pytest

from libs.common.database import Database
from services.auth.domain.clock import utc_now
from services.auth.domain.tokens import Purpose, link_token_hash
from tests.auth.conftest import (
    PASSWORD,
    AuthService,
    Deliver,
    Mailbox,
    Person,
    StartAuth,
    log_in,
    new_email,
)
from tests.auth.endpoints.test_sessions import stops_working
from tests.auth.ranks import p_of_same_ranks
from tests.auth.second_factors import enroll

FORGOT = "/api/v1/auth/password/forgot"
RESET = "/api/v1/auth/password/reset"
CHANGE = "/api/v1/auth/password"
ME = "/api/v1/auth/user/me"
NEW = "another long password"


@pytest.fixture
def quick_hashing() -> None:
    """Hash as in production: one of these tests measures how long that takes."""


async def verified(auth: AuthService, person: Person) -> bool:
    reply = await auth.get(ME, headers=person.bearer)
    return bool(reply.json()["email_verified"])


class TestVerification:
    async def test_registering_sends_the_link(
        self, auth: AuthService, acme: Person, mailbox: Mailbox, deliver: Deliver
    ) -> None:
        await deliver()

        reply = await auth.post("/api/v1/verify", json={"token": mailbox.token_for(acme.email)})

        assert reply.status_code == 200
        assert await verified(auth, acme)

    async def test_a_link_works_once(
        self, auth: AuthService, acme: Person, mailbox: Mailbox, deliver: Deliver
    ) -> None:
        await deliver()
        token = mailbox.token_for(acme.email)

        replies = await asyncio.gather(
            *(auth.post("/api/v1/verify", json={"token": token}) for _ in range(10))
        )

        assert sorted(reply.status_code for reply in replies) == [200] + [400] * 9
        refused = next(reply for reply in replies if reply.status_code == 400)
        assert refused.json()["code"] == "link_refused"

    async def test_can_be_asked_for_again(
        self, auth: AuthService, acme: Person, mailbox: Mailbox, deliver: Deliver
    ) -> None:
        known = await auth.post("/api/v1/send", json={"email": acme.email.upper()})
        unknown = await auth.post("/api/v1/send", json={"email": new_email()})
        await deliver()

        assert known.status_code == unknown.status_code == 200
        assert known.json() == unknown.json()
        assert len(mailbox.to(acme.email)) == 2

    @pytest.mark.parametrize("token", ["ot_guess", "rt_x", "é", "x" * 200, "ot_" + "A" * 43])
    async def test_junk_is_refused(self, auth: AuthService, token: str) -> None:
        for path, more in (("/api/v1/verify", {}), (RESET, {"password": NEW})):
            reply = await auth.post(path, json={"token": token, **more})

            assert reply.status_code == 400
            assert reply.json()["code"] == "link_refused"


class TestForgotten:
    async def test_a_link_sets_a_new_password_and_ends_all_sessions(
        self, auth: AuthService, acme: Person, mailbox: Mailbox, deliver: Deliver
    ) -> None:
        await auth.post(FORGOT, json={"email": acme.email})
        await deliver()
        token = mailbox.token_for(acme.email)

        reply = await auth.post(RESET, json={"token": token, "password": NEW})

        assert reply.status_code == 200
        assert (await auth.get(ME, headers=acme.bearer)).status_code == 401
        refreshed = await auth.post(
            "/api/v1/auth/refresh", json={"refresh_token": acme.refresh_token}
        )
        assert refreshed.status_code == 401
        assert (await log_in(auth, acme.email)).status_code == 401
        assert (await log_in(auth, acme.email, NEW)).json()["user"]["email_verified"] is True
        await deliver()
        assert mailbox.told(acme.email, "password of your account was changed")

    async def test_who_registered_anothers_address_keeps_no_way_in(
        self, auth: AuthService, acme: Person, mailbox: Mailbox, deliver: Deliver
    ) -> None:
        await enroll(auth, acme)
        made = await auth.post(
            "/api/v1/auth/api-keys", json={"name": "k", "scopes": ["read"]}, headers=acme.bearer
        )
        pair = {"x-api-key": made.json()["api_key"], "x-api-secret": made.json()["api_secret"]}
        assert (await auth.get(ME, headers=pair)).status_code == 200

        await self._reset(auth, acme, mailbox, deliver, NEW)

        assert await stops_working(auth, pair)
        login = (await log_in(auth, acme.email, NEW)).json()
        assert login["user"]["two_factor_enabled"] is False

    async def test_an_address_that_was_verified_keeps_its_second_factor(
        self, auth: AuthService, acme: Person, mailbox: Mailbox, deliver: Deliver
    ) -> None:
        await self._reset(auth, acme, mailbox, deliver, PASSWORD)
        acme.access_token = (await log_in(auth, acme.email)).json()["access_token"]
        await enroll(auth, acme)

        await self._reset(auth, acme, mailbox, deliver, NEW)

        assert (await log_in(auth, acme.email, NEW)).json()["mfa_required"] is True

    async def _reset(
        self, auth: AuthService, person: Person, mailbox: Mailbox, deliver: Deliver, password: str
    ) -> None:
        # The mails of before, so that the newest link is the one that is meant.
        await deliver()
        await auth.post(FORGOT, json={"email": person.email})
        await deliver()
        body = {"token": mailbox.token_for(person.email), "password": password}
        assert (await auth.post(RESET, json=body)).status_code == 200

    async def test_of_many_uses_of_a_link_one_counts(
        self, auth: AuthService, acme: Person, mailbox: Mailbox, deliver: Deliver
    ) -> None:
        await auth.post(FORGOT, json={"email": acme.email})
        await deliver()
        token = mailbox.token_for(acme.email)

        replies = await asyncio.gather(
            *(auth.post(RESET, json={"token": token, "password": f"{NEW} {i}"}) for i in range(8))
        )

        assert sorted(reply.status_code for reply in replies) == [200] + [400] * 7

    async def test_a_link_uses_up_the_others(
        self, auth: AuthService, acme: Person, mailbox: Mailbox, deliver: Deliver
    ) -> None:
        await auth.post(FORGOT, json={"email": acme.email})
        await deliver()
        first = mailbox.token_for(acme.email)
        await auth.post(FORGOT, json={"email": acme.email})
        await deliver()

        second = await auth.post(
            RESET, json={"token": mailbox.token_for(acme.email), "password": NEW}
        )
        again = await auth.post(RESET, json={"token": first, "password": PASSWORD})

        assert (second.status_code, again.status_code) == (200, 400)

    async def test_a_link_has_its_time_and_its_purpose(
        self, auth: AuthService, acme: Person
    ) -> None:
        async with auth.wiring.unit_of_work(acme.tenant_id) as uow:
            late = uow.one_time_tokens.issue(
                Purpose.RESET_PASSWORD,
                user_id=acme.user_id,
                now=utc_now() - timedelta(minutes=30, seconds=1),
            )
            other = uow.one_time_tokens.issue(
                Purpose.VERIFY_EMAIL, user_id=acme.user_id, now=utc_now()
            )

        for token in (late, other):
            reply = await auth.post(RESET, json={"token": token, "password": NEW})
            assert reply.status_code == 400
        assert (await log_in(auth, acme.email)).status_code == 200

    async def test_no_token_lies_in_the_database(
        self,
        auth: AuthService,
        acme: Person,
        mailbox: Mailbox,
        deliver: Deliver,
        database: Database,
    ) -> None:
        await auth.post(FORGOT, json={"email": acme.email})
        await deliver()
        token = mailbox.token_for(acme.email)

        async with database.lean(acme.tenant_id) as connection:
            tokens = await connection.fetch("SELECT * FROM one_time_tokens")
            jobs = await connection.fetch("SELECT payload::text FROM jobs")

        assert link_token_hash(token) in [row["token_hash"] for row in tokens]
        everything = repr([list(row.values()) for row in (*tokens, *jobs)])
        assert token not in everything
        assert acme.email not in everything

    async def test_mails_wait_for_the_server(
        self, auth: AuthService, acme: Person, mailbox: Mailbox, deliver: Deliver
    ) -> None:
        await deliver()
        before = len(mailbox.to(acme.email))
        await auth.post(FORGOT, json={"email": acme.email})
        mailbox.refuse_with = "421 not now"
        try:
            await deliver()
        finally:
            mailbox.refuse_with = None
        assert len(mailbox.to(acme.email)) == before

        while len(mailbox.to(acme.email)) == before:
            await asyncio.sleep(0.1)
            await deliver()

        reply = await auth.post(
            RESET, json={"token": mailbox.token_for(acme.email), "password": NEW}
        )
        assert reply.status_code == 200

    async def test_known_and_unknown_get_the_same(self, auth: AuthService, acme: Person) -> None:
        known = await auth.post(FORGOT, json={"email": acme.email})
        unknown = await auth.post(FORGOT, json={"email": new_email()})

        assert known.status_code == unknown.status_code == 200
        assert known.content == unknown.content

    async def test_mails_to_one_address_are_bounded_whoever_it_is(
        self, start_auth: StartAuth
    ) -> None:
        auth = await start_auth(rate_limits={"mail": "3/900", "public": "100000/60"})
        email = new_email()

        statuses = [(await auth.post(FORGOT, json={"email": email})).status_code for _ in range(5)]

        assert statuses == [200, 200, 200, 429, 429]


class TestChange:
    async def test_strangers_and_keys_may_not(self, auth: AuthService, acme: Person) -> None:
        body = {"current_password": PASSWORD, "new_password": NEW}
        key = await auth.post(
            "/api/v1/auth/api-keys",
            json={"name": "k", "scopes": ["full_access"]},
            headers=acme.bearer,
        )
        pair = {"x-api-key": key.json()["api_key"], "x-api-secret": key.json()["api_secret"]}

        assert (await auth.client.put(CHANGE, json=body)).status_code == 401
        assert (await auth.client.put(CHANGE, json=body, headers=pair)).status_code == 403

    async def test_keeps_this_session_and_ends_the_others(
        self, auth: AuthService, acme: Person
    ) -> None:
        other = (await log_in(auth, acme.email)).json()["access_token"]

        reply = await auth.client.put(
            CHANGE,
            json={"current_password": PASSWORD, "new_password": NEW},
            headers=acme.bearer,
        )

        assert reply.status_code == 200
        assert (await auth.get(ME, headers=acme.bearer)).status_code == 200
        ended = await auth.get(ME, headers={"authorization": f"Bearer {other}"})
        assert ended.status_code == 401
        assert (await log_in(auth, acme.email, NEW)).status_code == 200

    async def test_of_many_at_once_one_knew_the_present_one(
        self, auth: AuthService, acme: Person
    ) -> None:
        replies = await asyncio.gather(
            *(
                auth.client.put(
                    CHANGE,
                    json={"current_password": PASSWORD, "new_password": f"{NEW} {i}"},
                    headers=acme.bearer,
                )
                for i in range(4)
            )
        )

        assert sorted(reply.status_code for reply in replies) == [200, 400, 400, 400]

    async def test_asks_for_the_present_one(self, auth: AuthService, acme: Person) -> None:
        reply = await auth.client.put(
            CHANGE,
            json={"current_password": "a guess", "new_password": NEW},
            headers=acme.bearer,
        )

        assert reply.status_code == 400
        assert reply.json()["code"] == "wrong_password"
        assert (await log_in(auth, acme.email)).status_code == 200


async def test_no_login_with_the_old_password_outlives_a_change(
    auth: AuthService, acme: Person
) -> None:
    """Logins are under way while the password changes: none of their sessions may remain."""
    logins = [asyncio.create_task(log_in(auth, acme.email)) for _ in range(12)]
    changed = await auth.client.put(
        CHANGE, json={"current_password": PASSWORD, "new_password": NEW}, headers=acme.bearer
    )
    replies = await asyncio.gather(*logins)

    assert changed.status_code == 200
    assert {reply.status_code for reply in replies} <= {200, 401}
    sessions = await auth.get("/api/v1/auth/sessions", headers=acme.bearer)
    assert [one["current"] for one in sessions.json()["sessions"]] == [True]


class TestLinkPages:
    @pytest.mark.parametrize("page", ["verify-email", "reset-password", "join"])
    async def test_let_only_their_own_script_run(self, auth: AuthService, page: str) -> None:
        reply = await auth.get(f"/api/v1/auth/link/{page}")

        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith("text/html")
        policy = reply.headers["content-security-policy"]
        assert "unsafe-inline" not in policy
        assert policy.count("'sha256-") == 2
        assert reply.headers["referrer-policy"] == "no-referrer"

    async def test_there_is_no_other(self, auth: AuthService) -> None:
        assert (await auth.get("/api/v1/auth/link/else")).status_code == 404


@pytest.mark.parametrize("path", ["/api/v1/auth/login", FORGOT])
async def test_time_tells_nobody_who_is_known(auth: AuthService, acme: Person, path: str) -> None:
    body = {"password": "not the right one"} if path.endswith("login") else {}
    pairs = 30

    async def seconds(email: str) -> float:
        began = perf_counter()
        await auth.post(path, json={"email": email, **body})
        return perf_counter() - began

    # By chance alone one in a hundred would fail; three times in a row nobody does.
    for _ in range(3):
        known, unknown = [], []
        for i in range(pairs):
            # In turns, either first, so that both meet the same noise.
            if i % 2:
                known.append(await seconds(acme.email))
                unknown.append(await seconds(new_email()))
            else:
                unknown.append(await seconds(new_email()))
                known.append(await seconds(acme.email))
        if p_of_same_ranks(known, unknown) > 0.01:
            break
    else:
        pytest.fail(f"medians {median(known):.5f} s and {median(unknown):.5f} s differ")

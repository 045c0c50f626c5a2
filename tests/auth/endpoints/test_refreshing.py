"""Tokens for refresh tokens: one chain, and none for anybody else."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from services.auth.domain.sessions import PREDECESSOR_GRACE
from tests.auth.conftest import (
    AuthService,
    Person,
)
from tests.auth.endpoints.test_sessions import stops_working

REFRESH = "/api/v1/auth/refresh"
ME = "/api/v1/auth/user/me"


class TestRefresh:
    async def test_an_idempotency_key_is_no_way_to_anothers_tokens(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        """Both come from one address, with the same key and, as SDKs do, without a body."""
        replies = [
            await auth.post(
                REFRESH,
                headers={
                    "authorization": f"Bearer {person.refresh_token}",
                    "idempotency-key": "refresh",
                },
            )
            for person in (acme, globex, acme)
        ]

        assert [reply.status_code for reply in replies] == [200, 200, 200]
        tokens = [reply.json()["refresh_token"] for reply in replies]
        assert tokens[0] == tokens[2] != tokens[1]
        replayed = ["idempotency-replayed" in reply.headers for reply in replies]
        assert replayed == [False, False, True]

    async def test_takes_the_token_as_bearer_or_in_the_body(
        self, auth: AuthService, acme: Person
    ) -> None:
        first = await auth.post(
            REFRESH,
            headers={
                "authorization": f"Bearer {acme.refresh_token}",
                "content-type": "application/x-www-form-urlencoded",
            },
        )
        # The docs' form, with the access token as Bearer beside it.
        second = await auth.post(
            REFRESH, json={"refresh_token": first.json()["refresh_token"]}, headers=acme.bearer
        )

        assert (first.status_code, second.status_code) == (200, 200)
        assert second.json()["refresh_token"] != first.json()["refresh_token"]
        bearer = {"authorization": f"Bearer {second.json()['access_token']}"}
        assert (await auth.get(ME, headers=bearer)).status_code == 200

    async def test_fifty_at_once_leave_one_live_chain(
        self, auth: AuthService, acme: Person
    ) -> None:
        async def refresh() -> httpx.Response:
            while True:
                response = await auth.post(REFRESH, json={"refresh_token": acme.refresh_token})
                # A crowd on a slow machine is asked to come again.
                if response.status_code != 503:
                    return response

        responses = await asyncio.gather(*(refresh() for _ in range(50)))

        assert {response.status_code for response in responses} == {200}
        successors = {response.json()["refresh_token"] for response in responses}
        assert len(successors) == 1
        assert (await auth.post(REFRESH, json={"refresh_token": successors.pop()})).is_success

    async def test_an_old_token_ends_the_session(self, auth: AuthService, acme: Person) -> None:
        newest = acme.refresh_token
        for _ in range(2):
            response = await auth.post(REFRESH, json={"refresh_token": newest})
            newest = response.json()["refresh_token"]

        # Two generations back: no repetition, but a copy.
        reused = await auth.post(REFRESH, json={"refresh_token": acme.refresh_token})

        assert reused.status_code == 401
        assert (await auth.post(REFRESH, json={"refresh_token": newest})).status_code == 401
        assert await stops_working(auth, acme.bearer)

    async def test_the_predecessor_is_forgiven_for_seconds_only(
        self, auth: AuthService, acme: Person
    ) -> None:
        use = auth.wiring.public.refresh_session
        await use(acme.refresh_token, address=None)
        late = use.clock() + PREDECESSOR_GRACE + timedelta(seconds=1)
        later = type(use)(**(vars(use) | {"clock": lambda: late}))

        with pytest.raises(Exception, match="cannot be used"):
            await later(acme.refresh_token, address=None)

        assert (await auth.post(REFRESH, json={"refresh_token": acme.refresh_token})).is_error

    @pytest.mark.parametrize("token", ["", "rt_unknown", "rt_" + "x" * 5000, "garbage", "rt_ü"])
    async def test_refuses_all_others_alike(self, auth: AuthService, token: str) -> None:
        response = await auth.post(REFRESH, json={"refresh_token": token})

        assert response.status_code == 401
        assert response.json()["code"] == "refresh_refused"

    async def test_an_access_token_is_no_refresh_token(
        self, auth: AuthService, acme: Person
    ) -> None:
        assert (await auth.post(REFRESH, headers=acme.bearer)).status_code == 401

    async def test_bad_bodies_are_clear_errors(self, auth: AuthService) -> None:
        headers = {"content-type": "application/json"}

        broken = await auth.post(REFRESH, content=b"{", headers=headers)
        wrong = await auth.post(REFRESH, json={"refresh_token": 7})
        text = await auth.post(REFRESH, json="rt_1")

        assert [r.status_code for r in (broken, wrong, text)] == [400, 400, 400]

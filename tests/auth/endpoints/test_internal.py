"""What only the platform's services may ask."""

import pytest

from libs.common.security import SigningKey, public_keys
from tests.auth.conftest import NOBODY, AuthService, Person, StartAuth
from tests.auth.endpoints.test_api_keys import make_key

VERIFY = "/internal/api-keys/verify"


class TestAccess:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/internal/jwks"),
            ("POST", VERIFY),
            ("GET", f"/internal/sessions/{NOBODY}"),
        ],
    )
    async def test_users_and_strangers_may_not(
        self, auth: AuthService, acme: Person, method: str, path: str
    ) -> None:
        stranger = await auth.client.request(method, path)
        user = await auth.client.request(method, path, headers=acme.bearer)

        assert (stranger.status_code, user.status_code) == (401, 401)


class TestVerifyApiKey:
    async def test_says_whom_a_pair_acts_for(self, auth: AuthService, acme: Person) -> None:
        key = await make_key(auth, acme, scopes=["read"])

        response = await auth.internal(
            "POST", VERIFY, json={"api_key": key["x-api-key"], "api_secret": key["x-api-secret"]}
        )

        body = response.json()
        assert body["tenant_id"] == str(acme.tenant_id)
        assert body["user_id"] == str(acme.user_id)
        assert body["scopes"] == ["read"]
        assert body["expires_at"] is None

    @pytest.mark.parametrize("api_key", ["ak_unknown", "", "no key at all", "ak_" + "x" * 400])
    async def test_404_for_all_others(self, auth: AuthService, api_key: str) -> None:
        response = await auth.internal(
            "POST", VERIFY, json={"api_key": api_key, "api_secret": "as_x"}
        )

        assert response.status_code == 404


class TestSessions:
    async def test_are_seen_by_their_tenant_only(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        async with auth.wiring.unit_of_work(acme.tenant_id) as uow:
            session_id = (await uow.session.scalars(uow.sessions.owned())).one().id
        path = f"/internal/sessions/{session_id}"

        own = await auth.internal("GET", path, tenant_id=acme.tenant_id)
        foreign = await auth.internal("GET", path, tenant_id=globex.tenant_id)
        unnamed = await auth.internal("GET", path)

        assert own.json()["active"] is True
        assert "company:update" in own.json()["permissions"]
        assert foreign.json()["active"] is False
        assert foreign.json()["permissions"] is None
        assert unnamed.status_code == 400


class TestSigningKeys:
    async def test_replicas_share_one_key(self, start_auth: StartAuth) -> None:
        first, second = await start_auth(), await start_auth()

        one = (await first.internal("GET", "/internal/jwks")).json()
        other = (await second.internal("GET", "/internal/jwks")).json()

        assert one == other
        assert len(public_keys(one)) == len(one["keys"]) >= 1

    async def test_only_the_public_half_is_shown(self, auth: AuthService) -> None:
        response = await auth.get("/.well-known/jwks.json")

        [key] = response.json()["keys"]
        assert set(key) == set(SigningKey.generate().public_jwk)

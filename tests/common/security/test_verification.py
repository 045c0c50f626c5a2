import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from aiohttp import web
from redis.asyncio import Redis

from libs.common.errors import Unauthenticated, Unavailable
from libs.common.permissions import ROLE_SCOPES
from libs.common.rate_limits import Rate
from libs.common.resources import open_redis
from libs.common.security import (
    CallerKind,
    CallerVerifier,
    Scope,
    ServiceTokens,
    SigningKey,
    sign_token,
)
from libs.common.security.short_cache import PROCESS_CACHE_SECONDS
from libs.common.security.verification import REDIS_CACHE_SECONDS

USER_KEY = SigningKey.generate("user-key")
SERVICE_KEY = SigningKey.generate("documents")
ACME = UUID("11111111-1111-4111-8111-111111111111")


@dataclass
class AuthStandIn:
    """What auth would answer, over real HTTP."""

    active_sessions: set[str] = field(default_factory=set)
    api_keys: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    permissions: list[str] | None = None
    limits: dict[str, str] = field(default_factory=dict)
    groups: list[UUID] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    broken: bool = False
    silent: bool = False
    refuses_us: bool = False

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if self.silent:
            await asyncio.sleep(5)
        if self.refuses_us:
            return web.json_response({}, status=401)
        if self.broken:
            return web.json_response({}, status=503)
        if request.path == "/internal/jwks":
            return web.json_response({"keys": [USER_KEY.public_jwk]})
        if request.path == "/internal/api-keys/verify":
            body = await request.json()
            found = self.api_keys.get((body["api_key"], body["api_secret"]))
            return web.json_response(found or {}, status=200 if found else 404)
        session_id = request.path.rpartition("/")[2]
        answer: dict[str, Any] = {"active": session_id in self.active_sessions}
        if self.permissions is not None:
            answer |= {
                "role": "user",
                "permissions": self.permissions,
                "limits": self.limits,
                "groups": [str(group) for group in self.groups],
                "origins": self.origins,
            }
        return web.json_response(answer)


@pytest.fixture
async def auth() -> AuthStandIn:
    return AuthStandIn()


@pytest.fixture
async def verifier(auth: AuthStandIn, redis: Redis) -> AsyncIterator[CallerVerifier]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", auth.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    jwks = json.dumps({"keys": [SERVICE_KEY.public_jwk]})
    tokens = ServiceTokens("documents", private_pem=SERVICE_KEY.pem, jwks_json=jwks)
    async with aiohttp.ClientSession() as http:
        yield CallerVerifier(f"http://127.0.0.1:{port}", redis=redis, tokens=tokens, http=http)
    await runner.cleanup()


def make_token(auth: AuthStandIn, **changes: Any) -> str:
    session = str(uuid4())
    auth.active_sessions.add(session)
    now = int(time.time())
    claims = {
        "iss": "knowrithm",
        "aud": "knowrithm-api",
        "sub": str(uuid4()),
        "jti": "1",
        "iat": now,
        "nbf": now,
        "exp": now + 60,
        "kind": "user",
        "tenant": str(ACME),
        "role": "user",
        "scopes": ["agents:read", "not:known"],
        "session": session,
    } | changes
    return sign_token(claims, key=USER_KEY, typ="at+jwt")


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


class TestAnonymous:
    async def test_is_nobody(self, verifier: CallerVerifier) -> None:
        assert await verifier.verify({}) is None

    @pytest.mark.parametrize(
        "headers",
        [
            {"authorization": "Basic YTpi"},
            {"authorization": "Bearer "},
            {"authorization": "Bearer nonsense"},
            {"authorization": "Bearer ak_x"},
            {"x-api-key": "ak_x"},
            {"x-api-key": "xx", "x-api-secret": "as_x"},
            {"x-api-key": "ak_x", "x-api-secret": "y" * 1000},
        ],
    )
    async def test_bad_credentials_are_refused(
        self, verifier: CallerVerifier, headers: dict[str, str]
    ) -> None:
        with pytest.raises(Unauthenticated):
            await verifier.verify(headers)


class TestUserTokens:
    async def test_give_the_caller(self, verifier: CallerVerifier, auth: AuthStandIn) -> None:
        caller = await verifier.verify(bearer(make_token(auth)))

        assert caller is not None
        assert (caller.kind, caller.tenant_id) == (CallerKind.USER, ACME)
        assert caller.scopes == {Scope.AGENTS_READ}

    async def test_win_over_key_headers(self, verifier: CallerVerifier, auth: AuthStandIn) -> None:
        headers = bearer(make_token(auth)) | {"x-api-key": "ak_bad", "x-api-secret": "as_bad"}

        caller = await verifier.verify(headers)

        assert caller is not None
        assert caller.kind is CallerKind.USER

    async def test_allow_what_their_session_does_by_now(
        self, verifier: CallerVerifier, auth: AuthStandIn
    ) -> None:
        auth.permissions, auth.limits = ["audit:read", "not:known"], {"search": "5/60"}
        auth.groups = [uuid4()]
        auth.origins = ["https://app.example.com"]
        token = make_token(auth, role="admin", scopes=sorted(ROLE_SCOPES["admin"]))

        caller = await verifier.verify(bearer(token))

        assert caller is not None
        assert caller.role == "user"
        assert caller.scopes == {Scope.AUDIT_READ}
        assert caller.limits == {"search": Rate(5, 60)}
        assert caller.groups == set(auth.groups)
        assert caller.origins == {"https://app.example.com"}

    async def test_of_leads_are_used_on_any_page(
        self, verifier: CallerVerifier, auth: AuthStandIn
    ) -> None:
        auth.permissions, auth.origins = ["agents:read"], ["https://app.example.com"]

        lead = await verifier.verify(bearer(make_token(auth, kind="lead", role="lead")))

        assert lead is not None
        assert lead.origins == frozenset()

    async def test_made_for_less_never_allow_more(
        self, verifier: CallerVerifier, auth: AuthStandIn
    ) -> None:
        auth.permissions = ["agents:read", "audit:read"]
        token = make_token(auth, scopes=["agents:read", "agents:write"])

        caller = await verifier.verify(bearer(token))

        assert caller is not None
        assert caller.scopes == {Scope.AGENTS_READ}

    async def test_end_with_their_session(
        self, verifier: CallerVerifier, auth: AuthStandIn
    ) -> None:
        token = make_token(auth)
        await verifier.verify(bearer(token))
        auth.active_sessions.clear()

        await asyncio.sleep(PROCESS_CACHE_SECONDS + REDIS_CACHE_SECONDS + 0.1)

        with pytest.raises(Unauthenticated):
            await verifier.verify(bearer(token))

    async def test_have_their_session_in_one_tenant_only(
        self, verifier: CallerVerifier, auth: AuthStandIn, redis: Redis
    ) -> None:
        session = str(uuid4())
        auth.active_sessions.add(session)
        await verifier.verify(bearer(make_token(auth, session=session)))
        auth.active_sessions.clear()  # as auth says to every other tenant
        stranger = make_token(auth, session=session, tenant=str(uuid4()))
        auth.active_sessions.clear()

        with pytest.raises(Unauthenticated):
            await verifier.verify(bearer(stranger))

        assert "/internal/sessions/" + session == auth.asked[-1]
        assert len(auth.asked) == 3

    async def test_hold_through_a_short_outage_of_auth(
        self, verifier: CallerVerifier, auth: AuthStandIn, redis: Redis
    ) -> None:
        token = make_token(auth)
        await verifier.verify(bearer(token))
        auth.broken = True
        await redis.flushdb()
        await asyncio.sleep(PROCESS_CACHE_SECONDS + 0.1)

        assert await verifier.verify(bearer(token)) is not None
        with pytest.raises(Unavailable):
            await verifier.verify(bearer(make_token(auth)))

    async def test_are_not_refused_because_we_are(
        self, verifier: CallerVerifier, auth: AuthStandIn
    ) -> None:
        await verifier.verify(bearer(make_token(auth)))
        auth.refuses_us = True

        with pytest.raises(Unavailable):
            await verifier.verify(bearer(make_token(auth)))
        with pytest.raises(Unavailable):
            await verifier.verify({"x-api-key": "ak_1", "x-api-secret": "as_1"})

    async def test_do_not_queue_for_an_auth_that_is_silent(
        self, verifier: CallerVerifier, auth: AuthStandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("libs.common.security.verification.AUTH_TIMEOUT_SECONDS", 0.2)
        auth.silent = True
        started = time.monotonic()

        refusals = await asyncio.gather(
            *(verifier.verify(bearer(make_token(auth))) for _ in range(20)),
            return_exceptions=True,
        )

        assert {type(refusal) for refusal in refusals} == {Unavailable}
        assert time.monotonic() - started < 1

    async def test_do_not_each_wait_for_a_redis_that_is_silent(
        self, verifier: CallerVerifier, auth: AuthStandIn
    ) -> None:
        gone = asyncio.Event()

        async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await gone.wait()
            writer.close()

        server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        silent = open_redis(f"redis://127.0.0.1:{port}", timeout_seconds=0.2)
        verifier._redis = silent
        started = time.monotonic()

        for _ in range(10):
            assert await verifier.verify(bearer(make_token(auth))) is not None

        assert time.monotonic() - started < 1
        gone.set()
        await silent.aclose()
        server.close()

    async def test_ask_auth_once_for_many(
        self, verifier: CallerVerifier, auth: AuthStandIn
    ) -> None:
        token = make_token(auth)

        await asyncio.gather(*(verifier.verify(bearer(token)) for _ in range(50)))

        assert len(auth.asked) == 2  # the public keys, the session

    @pytest.mark.parametrize(
        "changes",
        [
            {"kind": "service"},
            {"kind": "api_key"},
            {"tenant": "x"},
            {"tenant": None},
            {"scopes": None},
            {"scopes": "agents:read"},
            {"scopes": {"agents:read": True}},
            {"scopes": [["agents:read"]]},
            {"role": ["admin"]},
            {"role": None},
            {"session": None},
            {"sub": "x"},
        ],
    )
    async def test_with_odd_claims_are_refused(
        self, verifier: CallerVerifier, auth: AuthStandIn, changes: dict[str, Any]
    ) -> None:
        with pytest.raises(Unauthenticated):
            await verifier.verify(bearer(make_token(auth, **changes)))


class TestApiKeys:
    @pytest.fixture
    def key_id(self, auth: AuthStandIn) -> UUID:
        key_id = uuid4()
        auth.api_keys["ak_1", "as_1"] = {
            "tenant_id": str(ACME),
            "key_id": str(key_id),
            "user_id": str(uuid4()),
            "permissions": ["agents:read"],
            "origins": ["https://app.example.com"],
        }
        return key_id

    @pytest.mark.parametrize(
        "headers",
        [
            {"x-api-key": "ak_1", "x-api-secret": "as_1"},
            {"authorization": "Bearer ak_1:as_1"},
        ],
    )
    async def test_give_the_caller(
        self, verifier: CallerVerifier, key_id: UUID, headers: dict[str, str]
    ) -> None:
        caller = await verifier.verify(headers)

        assert caller is not None
        assert (caller.kind, caller.id, caller.tenant_id) == (CallerKind.API_KEY, key_id, ACME)
        assert caller.may(Scope.AGENTS_READ)
        assert not caller.may(Scope.AGENTS_WRITE)
        assert caller.origins == {"https://app.example.com"}

    async def test_need_their_secret(self, verifier: CallerVerifier, key_id: UUID) -> None:
        await verifier.verify({"x-api-key": "ak_1", "x-api-secret": "as_1"})

        with pytest.raises(Unauthenticated):
            await verifier.verify({"x-api-key": "ak_1", "x-api-secret": "as_2"})

    async def test_revocation_bites_within_five_seconds(
        self, verifier: CallerVerifier, auth: AuthStandIn, key_id: UUID
    ) -> None:
        headers = {"x-api-key": "ak_1", "x-api-secret": "as_1"}
        await verifier.verify(headers)
        auth.api_keys.clear()

        await asyncio.sleep(4.5)

        with pytest.raises(Unauthenticated):
            await verifier.verify(headers)

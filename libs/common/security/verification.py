"""From the headers of a request to a verified caller, without a hop on the hot path.

User tokens are verified here, with the public keys that `auth` publishes; whether their session
still stands, what its user may do by now, and whether an API key holds, is asked of `auth`
through two short caches: this process (2 s) and Redis (2 s). So a revocation or another role
bites everywhere within five seconds. While `auth` is out of reach, what it said within the last
minute still holds.
"""

import asyncio
import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import aiohttp
import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from libs.common.errors import Unauthenticated, Unavailable
from libs.common.permissions import Scope, scopes_named, scopes_of_role
from libs.common.rate_limits import Rate
from libs.common.security.callers import Caller, CallerKind
from libs.common.security.service_tokens import ServiceTokens
from libs.common.security.short_cache import ShortCache
from libs.common.security.tokens import key_id_of, public_keys, verify_token

log = structlog.get_logger(__name__)

ISSUER = "knowrithm"
AUDIENCE = "knowrithm-api"
ACCESS_TYP = "at+jwt"

REDIS_CACHE_SECONDS = 2
REDIS_REST_SECONDS = 2.0
JWKS_SECONDS = 300.0
JWKS_RETRY_SECONDS = 2.0
AUTH_TIMEOUT_SECONDS = 2.0
_MAX_CACHED = 20_000
_MAX_SECRET_LENGTH = 512
_KEY_PREFIX = "ak_"


def session_cache_key(session_id: UUID) -> str:
    """The Redis key under which a session's state is cached; `auth` deletes it on revocation.

    What stands there counts for one tenant only, whose id it begins with.
    """
    return f"platform:live-session:{session_id}"


def api_key_cache_key(digest: str) -> str:
    """The Redis key under which an API key's caller is cached, by `api_key_digest`."""
    return f"platform:api-key:{digest}"


def api_key_digest(api_key: str, api_secret: str) -> str:
    """Name a key pair without telling it: SHA-256 over both, lengths apart."""
    material = f"{len(api_key)}:{api_key}:{api_secret}".encode()
    return hashlib.sha256(material).hexdigest()


@dataclass(slots=True)
class _Verified:
    """What a token says, and the caller that it is as its session stands."""

    claimed: Caller
    expires_at: float
    caller: Caller
    session: "_Session | None" = None


@dataclass(frozen=True, slots=True)
class _Session:
    """What auth last said of a session that stands; None where it leaves the token its word."""

    role: str | None
    scopes: frozenset[Scope] | None
    limits: Mapping[str, Rate]
    groups: frozenset[UUID]
    origins: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Key:
    """What auth last said of an API key that holds."""

    caller: Caller
    expires_at: float


class CallerVerifier:
    """Verifies the callers of one process.

    Args:
        auth_url: Base URL of the auth service.
        redis: For the short cache; it may be down.
        tokens: Our own identity towards auth.
        http: The process's HTTP session.
    """

    def __init__(
        self,
        auth_url: str,
        *,
        redis: Redis,
        tokens: ServiceTokens,
        http: aiohttp.ClientSession,
    ) -> None:
        self._auth_url = auth_url.rstrip("/")
        self._redis = redis
        self._tokens = tokens
        self._http = http
        self._redis_rests_until = 0.0
        self._keys: dict[str, Any] = {}
        self._keys_at = -JWKS_SECONDS
        self._keys_failed_at = -JWKS_RETRY_SECONDS
        self._keys_lock = asyncio.Lock()
        self._bearers: OrderedDict[str, _Verified] = OrderedDict()
        self._sessions: ShortCache[_Session | None] = ShortCache()
        self._api_keys: ShortCache[_Key | None] = ShortCache()

    async def verify(self, headers: Mapping[str, str]) -> Caller | None:
        """Return the caller; None when the request carries no credentials.

        A Bearer header is the identity of the call and wins over key headers, which some
        clients send on every call. A key pair may also stand in it, as `ak_…:secret`, for
        clients that know no other place.

        Args:
            headers: Looked up by lower-case name.

        Raises:
            Unauthenticated: There are credentials, and they do not hold.
            Unavailable: They cannot be verified at the moment.
        """
        authorization = headers.get("authorization")
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            token = token.strip()
            if scheme.lower() != "bearer" or not token:
                raise Unauthenticated
            if token.startswith(_KEY_PREFIX):
                api_key, _, secret = token.partition(":")
                return await self._caller_of_key(api_key, secret)
            return await self._caller_of_token(token)
        if "x-api-key" in headers:
            secret = headers.get("x-api-secret", "")
            return await self._caller_of_key(headers["x-api-key"], secret)
        return None

    async def _caller_of_token(self, token: str) -> Caller:
        now = time.time()
        verified = self._bearers.get(token)
        if verified is None or verified.expires_at <= now:
            claims = verify_token(
                token,
                keys=await self._keys_for(token),
                audience=AUDIENCE,
                issuer=ISSUER,
                typ=ACCESS_TYP,
                now=now,
            )
            caller = _caller_from_claims(claims)
            verified = _Verified(caller, float(claims["exp"]), caller)
            self._bearers[token] = verified
            if len(self._bearers) > _MAX_CACHED:
                self._bearers.popitem(last=False)
        session = await self._session_of(verified.claimed)
        if session is None:
            raise Unauthenticated
        if session is not verified.session:
            verified.session = session
            verified.caller = _as_it_stands(verified.claimed, session)
        return verified.caller

    async def _session_of(self, caller: Caller) -> _Session | None:
        """Return what is known of a caller's session; None when it does not stand."""
        session_id = caller.session_id
        if session_id is None:
            return None

        async def ask() -> _Session | None:
            key = session_cache_key(session_id)
            cached = _unbound(caller.tenant_id, await self._from_redis(key))
            if cached is not None:
                return _session(orjson.loads(cached))
            answer = await self._ask_auth(
                "GET", f"/internal/sessions/{session_id}", tenant_id=caller.tenant_id
            )
            await self._to_redis(key, _bound(caller.tenant_id, orjson.dumps(answer)))
            return _session(answer)

        return await self._sessions.get(f"{caller.tenant_id}:{session_id}", ask)

    async def _caller_of_key(self, api_key: str, secret: str) -> Caller:
        if not api_key.startswith(_KEY_PREFIX) or not secret:
            raise Unauthenticated
        if len(api_key) > _MAX_SECRET_LENGTH or len(secret) > _MAX_SECRET_LENGTH:
            raise Unauthenticated
        digest = api_key_digest(api_key, secret)

        async def ask() -> _Key | None:
            key = api_key_cache_key(digest)
            cached = await self._from_redis(key)
            if cached is not None:
                return _key(orjson.loads(cached))
            answer = await self._ask_auth(
                "POST",
                "/internal/api-keys/verify",
                json={"api_key": api_key, "api_secret": secret},
            )
            await self._to_redis(key, orjson.dumps(answer))
            return _key(answer)

        known = await self._api_keys.get(digest, ask)
        if known is None or known.expires_at <= time.time():
            raise Unauthenticated
        return known.caller

    async def _keys_for(self, token: str) -> Mapping[str, Any]:
        """Return the published keys, fetched again when they are old or lack the token's."""
        kid = key_id_of(token)
        if kid is None:
            raise Unauthenticated
        age = time.monotonic() - self._keys_at
        if age < JWKS_SECONDS and (kid in self._keys or age < JWKS_RETRY_SECONDS):
            return self._keys
        async with self._keys_lock:
            if time.monotonic() - self._keys_failed_at < JWKS_RETRY_SECONDS:
                # Those who waited here must not each wait for auth once more.
                if kid not in self._keys:
                    raise _identity_unavailable()
            elif time.monotonic() - self._keys_at >= min(age, JWKS_RETRY_SECONDS):
                try:
                    answer = await self._ask_auth("GET", "/internal/jwks")
                except Unavailable:
                    self._keys_failed_at = time.monotonic()
                    if kid not in self._keys:
                        raise
                else:
                    self._keys = public_keys(answer or {})
                    self._keys_at = time.monotonic()
        return self._keys

    async def _ask_auth(
        self,
        method: str,
        path: str,
        *,
        tenant_id: UUID | None = None,
        json: object | None = None,
    ) -> dict[str, Any] | None:
        """Ask auth; None when it answers 404: there is no such thing.

        A 401 is about us: a clock that is wrong or a key that is not ours must not look to every
        caller as if their own credentials had ended.

        Raises:
            Unavailable: No answer, or one that says nothing about the question.
        """
        headers = {"authorization": f"Bearer {self._tokens.token_for('auth')}"}
        if tenant_id is not None:
            headers["x-tenant-id"] = str(tenant_id)
        if json is not None:
            headers["content-type"] = "application/json"
        try:
            async with self._http.request(
                method,
                self._auth_url + path,
                data=None if json is None else orjson.dumps(json),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=AUTH_TIMEOUT_SECONDS),
            ) as response:
                if response.status == 404:
                    return None
                if response.status != 200:
                    log.warning("auth_answered", status=response.status, path=path)
                    raise _identity_unavailable()
                answer: dict[str, Any] = orjson.loads(await response.read())
                return answer
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _identity_unavailable() from error

    async def _from_redis(self, key: str) -> bytes | None:
        if time.monotonic() < self._redis_rests_until:
            return None
        try:
            value: bytes | None = await self._redis.get(key)
        except (RedisError, OSError):
            self._redis_failed()
            return None
        return value

    async def _to_redis(self, key: str, value: bytes) -> None:
        if time.monotonic() < self._redis_rests_until:
            return
        try:
            await self._redis.set(key, value, ex=REDIS_CACHE_SECONDS)
        except (RedisError, OSError):
            self._redis_failed()

    def _redis_failed(self) -> None:
        # Left alone for a moment, so that one that hangs does not slow down every caller.
        self._redis_rests_until = time.monotonic() + REDIS_REST_SECONDS


def _identity_unavailable() -> Unavailable:
    return Unavailable(
        "Credentials cannot be verified at the moment. Try again shortly.",
        code="identity_unavailable",
        retry_after_seconds=2,
    )


def _bound(tenant_id: UUID, value: bytes) -> bytes:
    return tenant_id.bytes + value


def _unbound(tenant_id: UUID, cached: bytes | None) -> bytes | None:
    """Return what was cached for this tenant; what was cached for another is nothing."""
    if cached is None or not cached.startswith(tenant_id.bytes):
        return None
    return cached[len(tenant_id.bytes) :]


def _session(answer: Mapping[str, Any] | None) -> _Session | None:
    if answer is None or answer.get("active") is not True:
        return None
    names = answer.get("permissions")
    return _Session(
        role=answer.get("role"),
        scopes=None if names is None else scopes_named(names),
        limits=_limits(answer),
        groups=_groups(answer),
        origins=frozenset(answer.get("origins") or ()),
    )


def _as_it_stands(claimed: Caller, session: _Session) -> Caller:
    """Return a token's caller with what its session has become since it was signed.

    A token that was made for less than its role allows never allows more, and a lead stays one.
    """
    scopes = claimed.scopes
    if session.scopes is not None:
        whole = claimed.kind is CallerKind.USER and scopes == scopes_of_role(claimed.role or "")
        scopes = session.scopes if whole else session.scopes & scopes
    return replace(
        claimed,
        scopes=scopes,
        role=session.role if claimed.kind is CallerKind.USER and session.role else claimed.role,
        limits=session.limits,
        groups=session.groups if claimed.kind is CallerKind.USER else frozenset(),
        # Leads talk to agents from their customers' pages.
        origins=session.origins if claimed.kind is CallerKind.USER else frozenset(),
    )


def _groups(answer: Mapping[str, Any]) -> frozenset[UUID]:
    return frozenset(UUID(group) for group in answer.get("groups") or ())


def _limits(answer: Mapping[str, Any]) -> dict[str, Rate]:
    return {name: Rate.parse(text) for name, text in (answer.get("limits") or {}).items()}


def _key(answer: Mapping[str, Any] | None) -> _Key | None:
    if answer is None:
        return None
    expires = answer.get("expires_at")
    caller = Caller(
        kind=CallerKind.API_KEY,
        id=UUID(answer["key_id"]),
        tenant_id=UUID(answer["tenant_id"]),
        scopes=scopes_named(answer["permissions"]),
        user_id=UUID(answer["user_id"]) if answer.get("user_id") else None,
        limits=_limits(answer),
        groups=_groups(answer),
        origins=frozenset(answer.get("origins") or ()),
        networks=tuple(ip_network(network) for network in answer.get("networks") or ()),
    )
    return _Key(caller, datetime.fromisoformat(expires).timestamp() if expires else math.inf)


def _caller_from_claims(claims: Mapping[str, Any]) -> Caller:
    try:
        kind = CallerKind(claims["kind"])
        if kind not in (CallerKind.USER, CallerKind.LEAD):
            raise Unauthenticated
        if not isinstance(claims["role"], str) or not isinstance(claims["scopes"], list):
            raise Unauthenticated
        subject = UUID(claims["sub"])
        return Caller(
            kind=kind,
            id=subject,
            tenant_id=UUID(claims["tenant"]),
            scopes=scopes_named(claims["scopes"]),
            role=str(claims["role"]),
            session_id=UUID(claims["session"]),
            user_id=subject if kind is CallerKind.USER else None,
            impersonator_id=UUID(claims["act"]["sub"]) if "act" in claims else None,
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise Unauthenticated from error

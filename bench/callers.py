"""What it costs a service to know its caller, and to encrypt a field.

The very code that stands before every route, in this process, against the running platform's auth
and Redis: the token or key, whether it still holds, and the rate limit. Calls come in small bursts
as a busy caller's do, so the look-ups that caches save most calls fall on the others as in life;
what the bursts themselves cost is measured without calls, and taken off.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID, uuid4

from starlette.requests import Request

from bench.api import Key
from bench.stack import Platform
from libs.common.crypto import Cipher
from libs.common.http import caller_with
from libs.common.http.client import open_http_session
from libs.common.http.rates import RateLimits
from libs.common.http.request_info import SCOPE_KEY, RequestInfo
from libs.common.rate_limits import RateLimiter
from libs.common.resources import REDIS_READ_SECONDS, open_redis
from libs.common.security import CallerVerifier, Scope, ServiceTokens
from ops.local.home import Home
from ops.secrets import load_secrets

SECONDS: Final = 6.0
BURST: Final = 10
PAUSE_SECONDS: Final = 0.05
FIELDS: Final = 20_000
# The limiter's own work is wanted, not its verdict.
_UNBOUND: Final = {"default": "10000000/60"}
_SERVICE: Final = "agents"


async def caller_costs(platform: Platform, *, token: str, key: Key) -> dict[str, float]:
    """Return the CPU milliseconds of a call by a user's token and by an API key."""
    async with _door(platform) as come_in:
        idle = await _spent(None)
        found = {}
        for name, headers in (
            ("caller.token_ms", {b"authorization": f"Bearer {token}".encode()}),
            (
                "caller.key_ms",
                {b"x-api-key": key.id.encode(), b"x-api-secret": key.secret.encode()},
            ),
        ):
            await come_in(headers)
            calls = SECONDS / PAUSE_SECONDS * BURST

            async def call(headers: Mapping[bytes, bytes] = headers) -> None:
                await come_in(headers)

            found[name] = max(await _spent(call) - idle, 0.0) * 1000 / calls
    return found


def field_cost() -> float:
    """Return the CPU microseconds of encrypting a field, and of decrypting it, the dearer one."""
    tenant_id, row = uuid4(), uuid4()
    cipher = Cipher(tenant_id, {1: bytes(32)})
    plaintext = b"ada.lovelace@example.com"
    sealed = cipher.encrypt(plaintext, table="leads", column="email", row=row)
    encrypting = _microseconds(
        lambda: cipher.encrypt(plaintext, table="leads", column="email", row=row)
    )
    decrypting = _microseconds(
        lambda: cipher.decrypt(sealed, table="leads", column="email", row=row)
    )
    return max(encrypting, decrypting)


def _microseconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    for _ in range(FIELDS):
        work()
    return (time.process_time() - started) * 1_000_000 / FIELDS


async def _spent(call: Callable[[], Awaitable[None]] | None) -> float:
    """Return the CPU seconds of this process while bursts of calls go by."""
    started, bursts = time.process_time(), int(SECONDS / PAUSE_SECONDS)
    next_at = time.monotonic()
    for _ in range(bursts):
        if call is not None:
            for _ in range(BURST):
                await call()
        next_at += PAUSE_SECONDS
        await asyncio.sleep(max(next_at - time.monotonic(), 0))
    return time.process_time() - started


@asynccontextmanager
async def _door(
    platform: Platform,
) -> AsyncIterator[Callable[[Mapping[bytes, bytes]], Awaitable[object]]]:
    """Yield what stands before a route: headers in, a verified caller out."""
    state = json.loads((platform.home / "run" / "state.json").read_text(encoding="utf-8"))
    ports: dict[str, int] = state["ports"]
    folder = Home(platform.home).secrets
    redis = open_redis(
        f"redis://:{load_secrets(folder).redis_password}@127.0.0.1:{ports['valkey']}/0",
        timeout_seconds=REDIS_READ_SECONDS,
    )
    http = open_http_session()
    rate_limits = RateLimits(RateLimiter(redis), _UNBOUND)
    verifier = CallerVerifier(
        f"http://127.0.0.1:{ports['auth']}",
        redis=redis,
        tokens=ServiceTokens(
            _SERVICE,
            private_pem=(folder / f"{_SERVICE}.pem").read_text(encoding="utf-8"),
            jwks_json=(folder / "jwks.json").read_text(encoding="utf-8"),
        ),
        http=http,
    )
    resources = SimpleNamespace(caller_verifier=verifier, rate_limits=rate_limits)
    app = SimpleNamespace(state=SimpleNamespace(resources=resources))
    declared = caller_with(Scope.AGENTS_READ)

    async def come_in(headers: Mapping[bytes, bytes]) -> UUID:
        scope: dict[str, Any] = {
            "type": "http",
            "app": app,
            "client": ("127.0.0.1", 1),
            SCOPE_KEY: RequestInfo("bench", "/api/v1/agent", headers),
        }
        return (await declared(Request(scope))).tenant_id

    try:
        yield come_in
    finally:
        await rate_limits.stop()
        await http.close()
        await redis.aclose()

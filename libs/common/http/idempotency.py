"""`Idempotency-Key`: a write that is sent twice runs once.

The first request with a key claims it in PostgreSQL, runs, and leaves its reply there, encrypted
(it may hold a new API key's secret). Within 24 hours the same key and request get that reply
again; the same key with another request is refused; a twin that arrives while the first is still
running waits for its reply. A key belongs to the caller who sent it, and to nobody else.

Replies that ask for a repetition (5xx, 429, 401 …) are not kept: the key is free again. If a
process dies in the middle, the key is free once its lock has run out; what the dead process had
committed by then stays, so use cases must not depend on keys for their integrity.
"""

import contextlib
import tempfile
from hashlib import sha256
from typing import IO, TYPE_CHECKING, Final
from uuid import UUID

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.common.database import PLATFORM_TENANT
from libs.common.errors import Invalid, Unauthenticated
from libs.common.http.access import (
    CallerWith,
    InternalCaller,
    access_of,
    admit,
    identify,
    identify_service,
    refusal_of,
)
from libs.common.http.cross_origin import refuse_foreign_page
from libs.common.http.idempotency_keys import KeyRecord, StoredReply
from libs.common.http.rates import client_address
from libs.common.http.request_info import request_info
from libs.common.http.routes import FOUND_KEY

if TYPE_CHECKING:
    from libs.common.resources import Resources

MAX_KEY_BYTES: Final = 255
MAX_STORED_BYTES: Final = 1024 * 1024
SPOOL_BYTES: Final = 1024 * 1024
_READ_BYTES: Final = 64 * 1024
_NOT_KEPT: Final = frozenset({401, 408, 413, 425, 429})
_KEPT_HEADERS: Final = frozenset({b"content-type", b"location", b"content-disposition"})


class BadKey(Invalid):
    """The idempotency key is empty, too long, or not plain text."""

    code = "idempotency_key_invalid"
    message = "Idempotency-Key must be 1 to 255 printable ASCII characters."


async def answer_once(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a write that carries an `Idempotency-Key`.

    Raises:
        BadKey: The key is not usable.
        KeyReused: It was used with another request.
        TwinRunning: Its first request did not finish while we waited.
        DatabaseUnavailable: Nothing was run.
    """
    request = Request(scope)
    info = request_info(scope)
    key = info.headers[b"idempotency-key"]
    if not 0 < len(key) <= MAX_KEY_BYTES or not (key.isascii() and key.decode().isprintable()):
        raise BadKey
    tenant_id, identity = await _identity(request)
    resources: Resources = request.app.state.resources
    with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as spool:
        request_hash = await _read_body(scope, receive, spool)
        record = KeyRecord(
            resources.database,
            resources.key_ring,
            tenant_id=tenant_id,
            key_hash=sha256(identity.encode() + b"\0" + key).digest(),
            request_hash=request_hash,
        )
        stored = await record.claim()
        if stored is not None:
            await _replay(stored, send)
            return
        reply = _CapturedReply(send)
        try:
            async with record.kept_locked():
                await app(scope, _Replayed(spool, receive), reply)
        except BaseException:
            await record.release()
            raise
    if reply.result is None:
        await record.release()
    else:
        await record.finish(reply.result)
    await reply.send_held()


async def _identity(request: Request) -> tuple[UUID, str]:
    """Name who sent the key.

    Those whom nobody knows are told apart by their address, and by what they show instead of
    credentials: a refresh token in the header is all that tells one such request from another.

    Raises:
        Unauthenticated: The route is not for strangers.
        RateLimited: A budget of the caller's, or of the address, is used up.
    """
    info = request_info(request.scope)
    access = access_of(request.scope[FOUND_KEY].dependant)
    if isinstance(access, InternalCaller):
        with contextlib.suppress(Unauthenticated):
            await identify_service(request, info, tenant_needed=access.tenant_needed)
    else:
        await identify(request, info)
        if isinstance(access, CallerWith) and info.caller is None:
            # Nothing is read or written for strangers whom the route would refuse anyhow.
            raise await refusal_of(request, info)
        # Replays and twins that wait never reach the route, which would count and refuse them.
        await admit(request, info)
        if isinstance(access, CallerWith):
            refuse_foreign_page(request, info)
    if info.caller is None:
        shown = sha256(info.headers.get(b"authorization", b"")).hexdigest()
        return PLATFORM_TENANT, f"anonymous:{client_address(request)}:{shown}"
    return info.caller.tenant_id, info.caller.key


async def _read_body(scope: Scope, receive: Receive, spool: IO[bytes]) -> bytes:
    """Copy the body to `spool`, and return the hash of the whole request."""
    content_type = request_info(scope).headers.get(b"content-type", b"")
    digest = _BodyDigest(boundary_of(content_type))
    for part in (scope["method"].encode(), scope["path"].encode(), scope["query_string"]):
        digest.add_field(part)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        digest.add(chunk)
        spool.write(chunk)
        if not message.get("more_body", False):
            break
    spool.seek(0)
    return digest.result()


def boundary_of(content_type: bytes) -> bytes | None:
    """Return a multipart body's boundary."""
    kind, _, rest = content_type.partition(b";")
    if not kind.strip().lower().startswith(b"multipart/"):
        return None
    for parameter in rest.split(b";"):
        name, _, value = parameter.strip().partition(b"=")
        if name.strip().lower() == b"boundary":
            return value.strip().strip(b'"') or None
    return None


class _BodyDigest:
    """Hashes a body; a multipart boundary, new with every attempt, counts as always the same."""

    def __init__(self, boundary: bytes | None) -> None:
        self._hash = sha256()
        self._boundary = boundary
        self._tail = b""

    def add_field(self, value: bytes) -> None:
        self._hash.update(len(value).to_bytes(8, "big") + value)

    def add(self, chunk: bytes) -> None:
        if self._boundary is None:
            self._hash.update(chunk)
            return
        data = (self._tail + chunk).replace(self._boundary, b"\0boundary\0")
        # A boundary may be cut by the chunk's end, so its length less one byte waits.
        keep = len(self._boundary) - 1
        cut = max(len(data) - keep, 0)
        self._hash.update(data[:cut])
        self._tail = data[cut:]

    def result(self) -> bytes:
        self._hash.update(self._tail)
        return self._hash.digest()


class _Replayed:
    """Gives the application the body that was read before; then what the connection says."""

    def __init__(self, spool: IO[bytes], receive: Receive) -> None:
        self._spool = spool
        self._receive = receive
        self._ended = False

    async def __call__(self) -> Message:
        if self._ended:
            return await self._receive()
        chunk = self._spool.read(_READ_BYTES)
        self._ended = len(chunk) < _READ_BYTES
        return {"type": "http.request", "body": chunk, "more_body": not self._ended}


class _CapturedReply:
    """Holds a reply back until it is kept; one that is streamed or too large goes on at once."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._held: list[Message] = []
        self._passing = False
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()
        self._too_large = False
        self._complete = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = [
                (bytes(name), bytes(value))
                for name, value in message.get("headers", ())
                if name in _KEPT_HEADERS
            ]
        elif message["type"] == "http.response.body":
            body = message.get("body", b"")
            if len(self._body) + len(body) > MAX_STORED_BYTES:
                self._too_large = True
                self._body.clear()
            elif not self._too_large:
                self._body += body
            self._complete = not message.get("more_body", False)
            if not self._complete:
                await self.send_held()
                self._passing = True
        if self._passing:
            await self._send(message)
        else:
            self._held.append(message)

    @property
    def result(self) -> StoredReply | None:
        """The reply to keep; None when it is not one to be repeated."""
        if not self._complete or self._too_large:
            return None
        if self._status >= 500 or self._status in _NOT_KEPT:
            return None
        return StoredReply(self._status, self._headers, bytes(self._body))

    async def send_held(self) -> None:
        """Send what has been held back."""
        held, self._held = self._held, []
        for message in held:
            await self._send(message)


async def _replay(stored: StoredReply, send: Send) -> None:
    headers = [
        *stored.headers,
        (b"content-length", b"%d" % len(stored.body)),
        (b"idempotency-replayed", b"true"),
    ]
    await send({"type": "http.response.start", "status": stored.status, "headers": headers})
    await send({"type": "http.response.body", "body": stored.body})

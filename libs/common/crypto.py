"""Envelope encryption: root key → tenant key → data key per purpose → AES-256-GCM.

The service's root key (`root_keys`) wraps one random key per tenant, kept in the service's
`tenant_keys` table. Data keys are derived from it by HKDF (RFC 5869), one per purpose, and cached,
so that a field costs microseconds. What is encrypted is bound to its tenant, table, column and
row: moved anywhere else, it does not decrypt. Without its tenant key nothing decrypts, which is
how a tenant is erased.

A field is stored as

    b"KW" | format (1 byte) | tenant key version (4) | nonce (12) | ciphertext and tag

and a file as the same head, with a nonce prefix (7) in place of the nonce, followed by chunks of
64 KiB, each with its tag. A chunk's nonce is prefix | counter (4) | last flag (1), the STREAM
construction (Hoang et al., 2015), so that chunks cannot be reordered, dropped or cut off.
"""

import os
import struct
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import text

from libs.common.database import Database, DatabaseUnavailable
from libs.common.root_keys import (
    KEY_BYTES,
    DecryptionFailed,
    LocalRootKey,
    RootKey,
    RootKeyUnavailable,
)

CHUNK_BYTES = 64 * 1024

_MAGIC = b"KW"
_FIELD_FORMAT = 1
_STREAM_FORMAT = 2
_HEAD = struct.Struct(">2sBI")
_NONCE_BYTES = 12
_PREFIX_BYTES = 7
_TAG_BYTES = 16
_COUNTER_LIMIT = 2**32

# A new version is known everywhere before it encrypts anything.
KEYS_FRESH_SECONDS = 20.0
NEW_KEY_RESTS_SECONDS = 60
# Keys of tenants that nobody asks for leave the memory: an erased one's, too.
KEYS_KEPT_SECONDS = 900.0

_SELECT_KEYS = text(
    "SELECT version, wrapped_key,"
    " version = 1 OR created_at <= now() - make_interval(secs => :rests) AS encrypts"
    " FROM tenant_keys WHERE tenant_id = :tenant_id"
)
_INSERT_KEY = text(
    "INSERT INTO tenant_keys (tenant_id, version, wrapped_key) VALUES (:tenant_id, 1, :wrapped)"
    " ON CONFLICT DO NOTHING"
)


class Cipher:
    """Encrypts for one tenant and purpose; made by `KeyRing.cipher`.

    Args:
        tenant_id: Bound into everything that is encrypted.
        keys: The data keys by tenant key version.
        encrypts: The version that encrypts; the highest unless told otherwise.
    """

    def __init__(
        self, tenant_id: UUID, keys: dict[int, bytes], *, encrypts: int | None = None
    ) -> None:
        self._tenant = tenant_id.bytes
        self._ciphers = {version: AESGCM(key) for version, key in keys.items()}
        self._newest = encrypts or max(keys)

    @property
    def version(self) -> int:
        """The tenant key version that encrypts."""
        return self._newest

    @staticmethod
    def prefix_of(version: int) -> bytes:
        """Return what a field begins with that was encrypted under a version."""
        return _HEAD.pack(_MAGIC, _FIELD_FORMAT, version)

    def encrypt(self, plaintext: bytes, *, table: str, column: str, row: UUID | str) -> bytes:
        """Encrypt a field's value for the one place where it will be stored."""
        nonce = os.urandom(_NONCE_BYTES)
        head = _HEAD.pack(_MAGIC, _FIELD_FORMAT, self._newest)
        place = self._place(head, table, column, str(row))
        return head + nonce + self._ciphers[self._newest].encrypt(nonce, plaintext, place)

    def decrypt(self, ciphertext: bytes, *, table: str, column: str, row: UUID | str) -> bytes:
        """Decrypt a field read from the place it was encrypted for.

        Raises:
            DecryptionFailed: It was altered, or encrypted for another place, tenant or purpose.
        """
        cipher, head = self._opened(ciphertext[: _HEAD.size], _FIELD_FORMAT)
        nonce = ciphertext[_HEAD.size : _HEAD.size + _NONCE_BYTES]
        sealed = ciphertext[_HEAD.size + _NONCE_BYTES :]
        place = self._place(head, table, column, str(row))
        return _decrypted(cipher, nonce, sealed, place)

    async def encrypt_stream(
        self, chunks: AsyncIterator[bytes], *, object_key: str
    ) -> AsyncIterator[bytes]:
        """Encrypt a file for its place in the object store, holding little of it at a time."""
        head = _HEAD.pack(_MAGIC, _STREAM_FORMAT, self._newest)
        prefix = os.urandom(_PREFIX_BYTES)
        cipher = self._ciphers[self._newest]
        place = self._place(head, "objects", "content", object_key)
        yield head + prefix
        counter = 0
        async for piece, last in _pieces(chunks, CHUNK_BYTES):
            yield cipher.encrypt(_stream_nonce(prefix, counter, last=last), piece, place)
            counter += 1

    async def decrypt_stream(
        self, chunks: AsyncIterator[bytes], *, object_key: str
    ) -> AsyncIterator[bytes]:
        """Decrypt a file read from the object store.

        Raises:
            DecryptionFailed: As `decrypt`; also when the file was cut short. What came before
                the fault has been yielded by then.
        """
        start, rest = await _head_and_rest(chunks, _HEAD.size + _PREFIX_BYTES)
        cipher, head = self._opened(start[: _HEAD.size], _STREAM_FORMAT)
        prefix = start[_HEAD.size :]
        place = self._place(head, "objects", "content", object_key)
        counter = 0
        async for piece, last in _pieces(rest, CHUNK_BYTES + _TAG_BYTES):
            yield _decrypted(cipher, _stream_nonce(prefix, counter, last=last), piece, place)
            counter += 1

    def _opened(self, head: bytes, expected_format: int) -> tuple[AESGCM, bytes]:
        if len(head) != _HEAD.size:
            raise DecryptionFailed("too short")
        magic, found_format, version = _HEAD.unpack(head)
        cipher = self._ciphers.get(version)
        if magic != _MAGIC or found_format != expected_format or cipher is None:
            raise DecryptionFailed("unknown format or key version")
        return cipher, head

    def _place(self, head: bytes, *names: str) -> bytes:
        # Lengths first, so that no two places give the same bytes.
        parts = [head, self._tenant]
        for name in names:
            encoded = name.encode()
            parts += [struct.pack(">I", len(encoded)), encoded]
        return b"".join(parts)


@dataclass(slots=True)
class _TenantKeys:
    """A tenant's keys by version, as they were read; `encrypts` is the version in use."""

    wrapped: dict[int, bytes]
    keys: dict[int, bytes]
    encrypts: int
    read_at: float


class KeyRing:
    """The tenants' keys of one service, unwrapped on first use and cached.

    Args:
        root_key: The service's own; wraps. Of 32 bytes, or kept elsewhere.
        database: Has the `tenant_keys` table.
        also: Root keys that open what they once wrapped, or what others wrap already: while the
            root key is being replaced, old and new processes work side by side.
    """

    def __init__(
        self,
        root_key: RootKey | bytes,
        database: Database,
        *,
        also: Sequence[RootKey | bytes] = (),
    ) -> None:
        self._root = _as_root(root_key)
        self._roots = (self._root, *map(_as_root, also))
        self._database = database
        self._tenant_keys: dict[UUID, _TenantKeys] = {}
        self._ciphers: dict[tuple[UUID, str], tuple[_TenantKeys, Cipher]] = {}
        self._swept_at = time.monotonic()

    async def cipher(self, tenant_id: UUID, purpose: str) -> Cipher:
        """Return the cipher for one purpose of a tenant; makes the tenant's key on first use.

        Raises:
            DecryptionFailed: The tenant's key was wrapped by another root key.
            DatabaseUnavailable: The key is not cached and PostgreSQL cannot be reached.
            RootKeyUnavailable: It is not cached, and the root key's keeper cannot be reached.
        """
        known = await self._keys_of(tenant_id)
        made = self._ciphers.get((tenant_id, purpose))
        if made is not None and made[0] is known:
            return made[1]
        keys = {version: _data_key(key, tenant_id, purpose) for version, key in known.keys.items()}
        cipher = Cipher(tenant_id, keys, encrypts=known.encrypts)
        self._ciphers[tenant_id, purpose] = known, cipher
        return cipher

    async def _keys_of(self, tenant_id: UUID) -> _TenantKeys:
        known = self._tenant_keys.get(tenant_id)
        if known is not None and time.monotonic() - known.read_at < KEYS_FRESH_SECONDS:
            return known
        # No lock: whoever comes second finds what the first has stored, here or in the table, and
        # while PostgreSQL is away nobody waits behind the others. One looks again at known keys;
        # the others go on with them meanwhile, rather than all ask for a connection at once.
        if known is not None:
            known.read_at = time.monotonic()
        try:
            read = await self._load(tenant_id)
        except (DatabaseUnavailable, RootKeyUnavailable):
            if known is None:
                raise
            # No new key comes from a database that is away; nobody waits for it each time.
            return known
        self._sweep()
        if known is not None and (read.keys, read.encrypts) == (known.keys, known.encrypts):
            # The same keys: the ciphers made of them stay.
            known.read_at, known.wrapped = read.read_at, read.wrapped
            self._tenant_keys.setdefault(tenant_id, known)
            return known
        self._tenant_keys[tenant_id] = read
        return read

    async def _load(self, tenant_id: UUID) -> _TenantKeys:
        # The root key may be a network away: no connection is held while it is asked.
        rows = await self._rows(tenant_id)
        if not rows:
            # Two processes may be first at once: whoever comes second reads the other's key.
            wrapped = await self.wrap(os.urandom(KEY_BYTES), tenant_id, version=1)
            rows = await self._rows(tenant_id, first=wrapped)
        known = self._tenant_keys.get(tenant_id)
        keys = {}
        for version, wrapped, _ in rows:
            if known is not None and known.wrapped.get(version) == wrapped:
                keys[version] = known.keys[version]
            else:
                keys[version] = await self._unwrap(wrapped, tenant_id, version)
        return _TenantKeys(
            wrapped={version: wrapped for version, wrapped, _ in rows},
            keys=keys,
            encrypts=max(version for version, _, encrypts in rows if encrypts),
            read_at=time.monotonic(),
        )

    async def _rows(
        self, tenant_id: UUID, *, first: bytes | None = None
    ) -> list[tuple[int, bytes, bool]]:
        """Return versions, wrapped keys and whether they encrypt; with `first` there is one."""
        parameters = {"tenant_id": tenant_id, "rests": NEW_KEY_RESTS_SECONDS}
        async with self._database.session(tenant_id) as session:
            if first is not None:
                await session.execute(_INSERT_KEY, parameters | {"wrapped": first})
            rows = (await session.execute(_SELECT_KEYS, parameters)).all()
        return [(version, bytes(wrapped), bool(encrypts)) for version, wrapped, encrypts in rows]

    def _sweep(self) -> None:
        now = time.monotonic()
        if now - self._swept_at < KEYS_KEPT_SECONDS:
            return
        self._swept_at = now
        stale = {
            tenant_id
            for tenant_id, known in self._tenant_keys.items()
            if now - known.read_at > KEYS_KEPT_SECONDS
        }
        for tenant_id in stale:
            del self._tenant_keys[tenant_id]
        for made in [made for made in self._ciphers if made[0] in stale]:
            del self._ciphers[made]

    async def wrap(self, key: bytes, tenant_id: UUID, *, version: int) -> bytes:
        """Encrypt a tenant's key under the root key, for its row."""
        return await self._root.wrap(key, _wrapping_place(tenant_id, version))

    async def wrapped_anew(self, wrapped: bytes, tenant_id: UUID, *, version: int) -> bytes | None:
        """Return a tenant's key under the root key; None when it is under it already.

        Raises:
            DecryptionFailed: None of the root keys opens it.
            RootKeyUnavailable: A root key's keeper cannot be reached.
        """
        with suppress(DecryptionFailed):
            await self._root.unwrap(wrapped, _wrapping_place(tenant_id, version))
            if await self._root.is_newest(wrapped):
                return None
        key = await self._unwrap(wrapped, tenant_id, version)
        return await self.wrap(key, tenant_id, version=version)

    async def _unwrap(self, wrapped: bytes, tenant_id: UUID, version: int) -> bytes:
        away: RootKeyUnavailable | None = None
        for root in self._roots:
            try:
                return await root.unwrap(wrapped, _wrapping_place(tenant_id, version))
            except DecryptionFailed:
                continue
            except RootKeyUnavailable as error:
                # Another may open it; if none does, it may be this one's.
                away = error
        if away is not None:
            raise away
        raise DecryptionFailed(
            "MASTER_ENCRYPTION_KEY is not the one that encrypted what is in the database"
        )


def _as_root(key: RootKey | bytes) -> RootKey:
    return LocalRootKey(key) if isinstance(key, bytes) else key


def _wrapping_place(tenant_id: UUID, version: int) -> bytes:
    return b"tenant_keys" + tenant_id.bytes + struct.pack(">I", version)


def _data_key(tenant_key: bytes, tenant_id: UUID, purpose: str) -> bytes:
    info = b"knowrithm data key\x00" + purpose.encode()
    hkdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=tenant_id.bytes, info=info)
    return hkdf.derive(tenant_key)


def _decrypted(cipher: AESGCM, nonce: bytes, sealed: bytes, place: bytes) -> bytes:
    try:
        return cipher.decrypt(nonce, sealed, place)
    except (InvalidTag, ValueError) as error:
        raise DecryptionFailed("altered, or from another place") from error


def _stream_nonce(prefix: bytes, counter: int, *, last: bool) -> bytes:
    if counter >= _COUNTER_LIMIT:
        raise ValueError("a file of more than 256 TiB cannot be encrypted as one")
    return prefix + struct.pack(">I?", counter, last)


async def _head_and_rest(
    chunks: AsyncIterator[bytes], size: int
) -> tuple[bytes, AsyncIterator[bytes]]:
    buffer = b""
    async for chunk in chunks:
        buffer += chunk
        if len(buffer) >= size:
            break
    start, remainder = buffer[:size], buffer[size:]

    async def rest() -> AsyncIterator[bytes]:
        if remainder:
            yield remainder
        async for chunk in chunks:
            yield chunk

    return start, rest()


async def _pieces(chunks: AsyncIterator[bytes], size: int) -> AsyncIterator[tuple[bytes, bool]]:
    """Cut a stream into pieces of `size` bytes; the last one, marked, may be shorter or empty."""
    buffer = bytearray()
    async for chunk in chunks:
        buffer += chunk
        for piece in _taken(buffer, size):
            yield piece, False
    yield bytes(buffer), True


def _taken(buffer: bytearray, size: int) -> Iterator[bytes]:
    # One byte more than a piece must be there, or the piece might be the last.
    while len(buffer) > size:
        piece = bytes(buffer[:size])
        del buffer[:size]
        yield piece

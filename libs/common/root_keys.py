"""Root keys: what wraps the tenants' keys, wherever it is kept.

Four kinds behind one port, told apart by how `MASTER_ENCRYPTION_KEY` is written:

    base64 of 32 bytes                              the key itself, in the variable or in a file
    aws-kms://alias/knowrithm?region=eu-central-1   a key in AWS KMS, by id, alias or ARN
    vault://vault.example.com:8200/transit/name     a key of a Vault transit engine
    vault+http://…                                  the same without TLS

`{service}` in a URL stands for the service's name. The last two never hand out the root key: a
tenant's key travels there once a process, to be unwrapped, and stays in memory.
"""

import asyncio
import base64
import binascii
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from libs.common.errors import Unavailable

KEY_BYTES: Final = 32
TIMEOUT_SECONDS: Final = 5.0
_NONCE_BYTES: Final = 12
_LOCAL_LENGTH: Final = _NONCE_BYTES + KEY_BYTES + 16
_KMS: Final = b"kms1"
_VAULT: Final = b"vlt1"
_CHECK: Final = b"check at the start"


class DecryptionFailed(Exception):
    """The bytes are not what was encrypted here: altered, moved, or under a key that is gone."""


class RootKeyUnavailable(Unavailable):
    """The root key cannot be used: its keeper is away, or does not let us.

    Args:
        reason: For operators; callers are told no more than to come back.
    """

    code = "keys_unavailable"
    message = "The encryption keys cannot be reached. Try again in a moment."

    def __init__(self, reason: str) -> None:
        super().__init__(retry_after_seconds=2)
        self.reason = reason


class RootKey(Protocol):
    """Wraps keys of 32 bytes, each for its place."""

    async def wrap(self, key: bytes, place: bytes) -> bytes:
        """Return the key wrapped.

        Raises:
            RootKeyUnavailable: Its keeper is away, or does not do it for us.
        """
        ...

    async def unwrap(self, wrapped: bytes, place: bytes) -> bytes:
        """Return the key; raises what `wrap` does.

        Raises:
            DecryptionFailed: It was wrapped by another root key or for another place.
        """
        ...

    async def is_newest(self, wrapped: bytes) -> bool:
        """Tell whether it is wrapped under the newest version of a root key that has versions."""
        ...

    async def check(self) -> None:
        """Find out whether the root key can be used; raises what `wrap` does."""
        ...


@dataclass(frozen=True)
class LocalRootKey:
    """A root key in our own memory."""

    key: bytes = field(repr=False)

    @cached_property
    def _cipher(self) -> AESGCM:
        return AESGCM(self.key)

    async def wrap(self, key: bytes, place: bytes) -> bytes:
        """Return the key wrapped."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key, place)

    async def unwrap(self, wrapped: bytes, place: bytes) -> bytes:
        """Return the key.

        Raises:
            DecryptionFailed: It was wrapped by another root key or for another place.
        """
        if len(wrapped) != _LOCAL_LENGTH:
            raise DecryptionFailed("wrapped by another kind of root key")
        try:
            return self._cipher.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], place)
        except InvalidTag as error:
            raise DecryptionFailed("wrapped by another root key") from error

    async def is_newest(self, wrapped: bytes) -> bool:
        """It has one version."""
        del wrapped
        return True

    async def check(self) -> None:
        """It is there."""


@dataclass(frozen=True, kw_only=True)
class KmsRootKey:
    """A symmetric key of AWS KMS; credentials come from AWS' usual variables or the role.

    Attributes:
        key_id: Id, ARN or `alias/name`.
        service: Part of the encryption context, as is the place.
        region: AWS_REGION when None.
        endpoint: For KMS at another address than AWS' own.
    """

    key_id: str
    service: str
    region: str | None = None
    endpoint: str | None = None

    async def wrap(self, key: bytes, place: bytes) -> bytes:
        """Return the key as KMS encrypted it."""
        answer = await self._ask("encrypt", Plaintext=key, **self._bound(place))
        return _KMS + bytes(answer["CiphertextBlob"])

    async def unwrap(self, wrapped: bytes, place: bytes) -> bytes:
        """Return the key; KMS refuses what another of its keys has wrapped."""
        if not wrapped.startswith(_KMS) or len(wrapped) == _LOCAL_LENGTH:
            raise DecryptionFailed("wrapped by another kind of root key")
        blob = wrapped[len(_KMS) :]
        answer = await self._ask("decrypt", CiphertextBlob=blob, **self._bound(place))
        return bytes(answer["Plaintext"])

    async def is_newest(self, wrapped: bytes) -> bool:
        """KMS keeps the versions of its keys to itself."""
        del wrapped
        return True

    async def check(self) -> None:
        """Wrap and unwrap something."""
        await _round_trip(self)

    def _bound(self, place: bytes) -> dict[str, Any]:
        context = {"service": self.service, "place": base64.b64encode(place).decode()}
        return {"KeyId": self.key_id, "EncryptionContext": context}

    @cached_property
    def _client(self) -> Any:
        # 40 MB and a third of a second, for those who use it.
        import boto3  # noqa: PLC0415 - as said above
        from botocore.config import Config  # noqa: PLC0415 - as above

        config = Config(
            connect_timeout=TIMEOUT_SECONDS,
            read_timeout=TIMEOUT_SECONDS,
            retries={"max_attempts": 2, "mode": "standard"},
        )
        return boto3.session.Session().client(
            "kms", region_name=self.region, endpoint_url=self.endpoint, config=config
        )

    async def _ask(self, action: str, **arguments: Any) -> dict[str, Any]:
        return await asyncio.to_thread(self._asked, action, arguments)

    def _asked(self, action: str, arguments: dict[str, Any]) -> dict[str, Any]:
        from botocore.exceptions import (  # noqa: PLC0415 - as above
            BotoCoreError,
            ClientError,
        )

        name = f"AWS KMS, key {self.key_id}"
        try:
            answer: dict[str, Any] = getattr(self._client, action)(**arguments)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in {"InvalidCiphertextException", "IncorrectKeyException"}:
                raise DecryptionFailed("wrapped by another key of AWS KMS") from error
            raise RootKeyUnavailable(f"{name}: {code or error}") from error
        except BotoCoreError as error:
            raise RootKeyUnavailable(f"{name}: {error}") from error
        return answer


@dataclass(frozen=True, kw_only=True)
class VaultRootKey:
    """A key of a transit secrets engine of HashiCorp Vault, or OpenBao.

    The token comes from VAULT_TOKEN or the file that VAULT_TOKEN_FILE names, which is read anew
    for each call: an agent may renew it. VAULT_NAMESPACE and VAULT_CACERT mean what they mean to
    Vault's own client.

    Attributes:
        address: `https://host:port`.
        mount: Where the engine is mounted.
        name: The key's; of a type that knows associated data, such as `aes256-gcm96`.
    """

    address: str
    mount: str
    name: str

    async def wrap(self, key: bytes, place: bytes) -> bytes:
        """Return the key as Vault encrypted it, under the newest version."""
        body = {"plaintext": _base64(key), "associated_data": _base64(place)}
        answer = await self._ask("encrypt", body)
        return _VAULT + str(answer["ciphertext"]).encode()

    async def unwrap(self, wrapped: bytes, place: bytes) -> bytes:
        """Return the key."""
        if not wrapped.startswith(_VAULT) or len(wrapped) == _LOCAL_LENGTH:
            raise DecryptionFailed("wrapped by another kind of root key")
        ciphertext = wrapped[len(_VAULT) :].decode()
        body = {"ciphertext": ciphertext, "associated_data": _base64(place)}
        answer = await self._ask("decrypt", body)
        return base64.b64decode(answer["plaintext"])

    async def is_newest(self, wrapped: bytes) -> bool:
        """Tell whether the key has not been rotated since."""
        newest = await self.wrap(bytes(KEY_BYTES), _CHECK)
        return _version(wrapped) == _version(newest)

    async def check(self) -> None:
        """Wrap and unwrap something."""
        await _round_trip(self)

    async def _ask(self, action: str, body: dict[str, str]) -> dict[str, Any]:
        import ssl  # noqa: PLC0415 - for those whose key is in a vault

        import aiohttp  # noqa: PLC0415 - as above

        headers = {"X-Vault-Token": self._token(), "X-Vault-Request": "true"}
        if namespace := os.environ.get("VAULT_NAMESPACE"):
            headers["X-Vault-Namespace"] = namespace
        url = f"{self.address}/v1/{self.mount}/{action}/{self.name}"
        name = f"Vault at {self.address}, key {self.name} of {self.mount}"
        authority = os.environ.get("VAULT_CACERT")
        try:
            tls = ssl.create_default_context(cafile=authority) if authority else True
            async with (
                aiohttp.ClientSession(
                    timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
                ) as session,
                session.post(
                    url, json=body, headers=headers, ssl=tls, allow_redirects=False
                ) as reply,
            ):
                status, said = reply.status, await _json_of(reply)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise RootKeyUnavailable(f"{name} cannot be reached: {error!r}") from error
        if status == 200:
            answer: dict[str, Any] = said["data"]
            return answer
        complaint = "; ".join(map(str, said.get("errors") or [])) or f"status {status}"
        if status == 400 and action == "decrypt":
            raise DecryptionFailed(f"Vault does not open it: {complaint}")
        raise RootKeyUnavailable(f"{name}: {complaint}")

    def _token(self) -> str:
        if file := os.environ.get("VAULT_TOKEN_FILE"):
            try:
                return Path(file).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise RootKeyUnavailable(f"VAULT_TOKEN_FILE cannot be read: {error}") from error
        if token := os.environ.get("VAULT_TOKEN"):
            return token
        raise RootKeyUnavailable("Vault keeps the root key: set VAULT_TOKEN or VAULT_TOKEN_FILE")


def read_root_key(text: str, *, service: str) -> RootKey:
    """Return the root key that a setting describes; nobody is asked yet.

    Raises:
        ValueError: It is written in none of the ways; says what to write.
    """
    if "://" not in text:
        try:
            key = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise ValueError("must be base64 of 32 random bytes, aws-kms://… or vault://…")
        return LocalRootKey(key)
    parts = urlsplit(text.replace("{service}", service))
    given = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if parts.scheme == "aws-kms":
        key_id = unquote(parts.netloc + parts.path).strip("/")
        if not key_id or given.keys() - {"region", "endpoint"}:
            raise ValueError("write aws-kms://alias/name?region=eu-central-1")
        return KmsRootKey(
            key_id=key_id,
            service=service,
            region=given.get("region"),
            endpoint=given.get("endpoint"),
        )
    if parts.scheme in {"vault", "vault+http"}:
        mount, _, name = parts.path.strip("/").rpartition("/")
        if not (parts.netloc and mount and name) or "@" in parts.netloc or given:
            raise ValueError("write vault://host:8200/transit/name, without a token in it")
        scheme = "https" if parts.scheme == "vault" else "http"
        return VaultRootKey(address=f"{scheme}://{parts.netloc}", mount=mount, name=name)
    raise ValueError("must be base64 of 32 random bytes, aws-kms://… or vault://…")


async def _round_trip(root: RootKey) -> None:
    key = os.urandom(KEY_BYTES)
    if await root.unwrap(await root.wrap(key, _CHECK), _CHECK) != key:
        raise RootKeyUnavailable("The root key does not open what it has wrapped")


async def _json_of(reply: Any) -> dict[str, Any]:
    try:
        said = await reply.json(content_type=None)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _version(wrapped: bytes) -> bytes:
    """Return what stands between `vault:` and the ciphertext: `v3`."""
    return wrapped[len(_VAULT) :].split(b":", 2)[1]


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()

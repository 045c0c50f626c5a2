"""A Vault that has a transit engine and nothing else, over HTTP on a real socket.

No Vault or OpenBao can be had from the package registries, so this follows the documented API:
https://developer.hashicorp.com/vault/api-docs/secret/transit (encrypt, decrypt, rotate, with
associated data) and https://developer.hashicorp.com/vault/api-docs#http-status-codes.
"""

import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


@dataclass
class Vault:
    """The server's state.

    Attributes:
        keys: The versions of each transit key, oldest first.
        requests: How many were answered.
    """

    token: str = "hvs.only-for-tests"
    mount: str = "transit"
    sealed: bool = False
    keys: dict[str, list[bytes]] = field(default_factory=dict)
    requests: int = 0
    address: str = ""

    def create(self, name: str) -> None:
        """Make a key of the type aes256-gcm96, or rotate it."""
        self.keys.setdefault(name, []).append(os.urandom(32))

    async def answer(self, request: web.Request) -> web.Response:
        """Encrypt or decrypt."""
        self.requests += 1
        name, mount = request.match_info["name"], request.match_info["mount"]
        if self.sealed:
            return _refused(503, "Vault is sealed")
        known = (request.headers.get("X-Vault-Token"), mount) == (self.token, self.mount)
        if not known or name not in self.keys:
            return _refused(403, "1 error occurred:\n\t* permission denied\n\n")
        body = await request.json()
        try:
            if request.match_info["action"] == "encrypt":
                return _answered({"ciphertext": _encrypted(self.keys[name], body)})
            return _answered({"plaintext": _decrypted(self.keys[name], body)})
        except IndexError:
            return _refused(400, "invalid ciphertext: version is too new")
        except (InvalidTag, ValueError):
            return _refused(400, "cipher: message authentication failed")


@asynccontextmanager
async def running_vault() -> AsyncIterator[Vault]:
    """Serve one on the loopback."""
    vault = Vault()
    app = web.Application()
    app.router.add_post("/v1/{mount}/{action:encrypt|decrypt}/{name}", vault.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]  # the one way to its port
    vault.address = f"127.0.0.1:{port}"
    try:
        yield vault
    finally:
        await runner.cleanup()


def _answered(data: dict[str, str]) -> web.Response:
    return web.json_response({"request_id": "x", "lease_id": "", "data": data})


def _refused(status: int, complaint: str) -> web.Response:
    return web.json_response({"errors": [complaint]}, status=status)


def _encrypted(versions: list[bytes], body: dict[str, str]) -> str:
    nonce, place = os.urandom(12), base64.b64decode(body.get("associated_data", ""))
    sealed = AESGCM(versions[-1]).encrypt(nonce, base64.b64decode(body["plaintext"]), place)
    return f"vault:v{len(versions)}:{base64.b64encode(nonce + sealed).decode()}"


def _decrypted(versions: list[bytes], body: dict[str, str]) -> str:
    _, version, text = body["ciphertext"].split(":")
    content, place = base64.b64decode(text), base64.b64decode(body.get("associated_data", ""))
    cipher = AESGCM(versions[int(version.removeprefix("v")) - 1])
    return base64.b64encode(cipher.decrypt(content[:12], content[12:], place)).decode()

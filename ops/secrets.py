"""The platform's passwords and keys: made once, kept in one folder.

Every service gets a root key of its own, derived from one (HKDF, RFC 5869), and an EC key pair with
which it proves its name to the others. Compose and Kubernetes take the same values as variables and
files (`python -m ops secrets`).
"""

import base64
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ops.errors import OpsError
from ops.local.home import read_json, write_private
from ops.services import SERVICES

ROOT_KEY_BYTES = 32
# In place of a key: the one that was made at the first start, which nobody has written down.
GENERATED = "generated"


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """What the launcher and the services need to know, and nobody else.

    Attributes:
        root_key: Base64 of 32 bytes; every service's root key is derived from it.
        role_passwords: By role name without prefix, such as `documents` and `documents_worker`.
    """

    root_key: str
    postgres_password: str
    owner_password: str
    redis_password: str
    model_server_key: str
    object_store_secret: str
    role_passwords: dict[str, str]

    @classmethod
    def generate(cls) -> "Secrets":
        """Return new ones."""
        return cls(
            root_key=base64.b64encode(secrets.token_bytes(ROOT_KEY_BYTES)).decode(),
            postgres_password=secrets.token_urlsafe(24),
            owner_password=secrets.token_urlsafe(24),
            redis_password=secrets.token_urlsafe(24),
            model_server_key=secrets.token_urlsafe(24),
            object_store_secret=secrets.token_urlsafe(24),
            role_passwords={
                role: secrets.token_urlsafe(24)
                for service in SERVICES
                for role in (service, f"{service}_worker")
            },
        )

    def root_key_of(self, service: str, *, given: str | None = None) -> str:
        """Return the root key of one service, base64.

        Args:
            given: The operator's own MASTER_ENCRYPTION_KEY, which wins over the generated one.

        Raises:
            OpsError: the given key is not base64 of 32 bytes.
        """
        try:
            return derived_root_key(given or self.root_key, service)
        except ValueError as error:
            raise OpsError(f"MASTER_ENCRYPTION_KEY cannot be used: {error}.") from error

    def also_root_keys_of(self, service: str, *, given: str | None) -> str:
        """Return the root keys of one service that only open, base64, separated by commas.

        Args:
            given: MASTER_ENCRYPTION_KEYS_ALSO: keys, or the word `generated` for the one that
                was made at the first start.

        Raises:
            OpsError: One of them is not base64 of 32 bytes.
        """
        words = [word.strip() for word in (given or "").split(",") if word.strip()]
        try:
            keys = [self.root_key if word == GENERATED else word for word in words]
            return ",".join(derived_root_key(key, service) for key in keys)
        except ValueError as error:
            raise OpsError(f"MASTER_ENCRYPTION_KEYS_ALSO cannot be used: {error}.") from error


def derived_root_key(text: str, service: str) -> str:
    """Return a service's own root key: base64, or the URL of its keeper.

    Raises:
        ValueError: The text is not base64 of 32 bytes, nor such a URL.
    """
    if "://" in text:
        check_root_key_url(text, service=service)
        return text.replace("{service}", service)
    info = f"knowrithm/{service}".encode()
    derive = HKDF(algorithm=SHA256(), length=ROOT_KEY_BYTES, salt=None, info=info)
    return base64.b64encode(derive.derive(read_root_key(text))).decode()


def check_root_key_url(text: str, *, service: str = "service") -> None:
    """See whether a root key that is kept elsewhere is named as it should be.

    Raises:
        ValueError: It is not; says how.
    """
    from libs.common.root_keys import read_root_key as read  # noqa: PLC0415 - for those who need it

    read(text, service=service)


def read_root_key(text: str) -> bytes:
    """Return the bytes of a root key.

    Raises:
        ValueError: it is not base64 of 32 bytes.
    """
    try:
        root = base64.b64decode(text, validate=True)
    except ValueError:
        root = b""
    if len(root) != ROOT_KEY_BYTES:
        raise ValueError("not base64 of 32 bytes; make one with `openssl rand -base64 32`")
    return root


def load_secrets(folder: Path) -> Secrets:
    """Return the secrets of a folder, generating what is not there yet.

    Raises:
        OpsError: the file is there and cannot be read as ours. New secrets would not open the data.
    """
    path = folder / "secrets.json"
    known = read_json(path)
    if path.exists() and not known:
        raise _damaged(path)
    # An older version may not have had all of them.
    content = asdict(Secrets.generate()) | known
    if content.keys() != known.keys():
        write_private(path, json.dumps(content, indent=2) + "\n")
    try:
        loaded = Secrets(**content)
    except TypeError:
        raise _damaged(path) from None
    write_service_keys(folder)
    return loaded


def _damaged(path: Path) -> OpsError:
    return OpsError(
        f"{path} is damaged: restore it from a backup, or start anew with `make reset`."
    )


def write_service_keys(folder: Path) -> None:
    """Make a key pair for each service that has none, and the JWKS of all public halves."""
    keys = []
    for service in SERVICES:
        path = folder / f"{service}.pem"
        if not path.exists():
            private = ec.generate_private_key(ec.SECP256R1())
            pem = private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            write_private(path, pem.decode())
        loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise OpsError(f"{path} holds no EC key: remove it, and a new one is made.")
        keys.append(_public_jwk(loaded, kid=service))
    write_private(folder / "jwks.json", json.dumps({"keys": keys}, indent=2) + "\n")


def _public_jwk(key: ec.EllipticCurvePrivateKey, *, kid: str) -> dict[str, str]:
    numbers = key.public_key().public_numbers()

    def number(value: int) -> str:
        return base64.urlsafe_b64encode(value.to_bytes(32, "big")).rstrip(b"=").decode()

    return {
        "kty": "EC",
        "crv": "P-256",
        "x": number(numbers.x),
        "y": number(numbers.y),
        "kid": kid,
        "alg": "ES256",
        "use": "sig",
    }

"""JSON Web Tokens, and everything that python-jose does not check.

One algorithm (ES256), one type a purpose, no critical extensions, keys from a fixed map by `kid`,
required claims, issuer and audience, at most 4 KiB. Whatever is wrong, the caller is told the
same: 401, and no reason.
"""

import base64
import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jose import jwk, jws
from jose.exceptions import JOSEError

from libs.common.errors import Unauthenticated

ALGORITHM = "ES256"
MAX_TOKEN_BYTES = 4096
CLOCK_SKEW_SECONDS = 30
# Base64 readers pass over letters that are none: one token would have many spellings.
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}")
REQUIRED_CLAIMS = ("iss", "aud", "sub", "jti", "iat", "nbf", "exp")
# What the library raises for a token that is none: not all of it are JOSEErrors, and brackets
# nested a thousand deep fit into 4 KiB.
_MALFORMED = (
    JOSEError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    RecursionError,
)
# Dates beyond the year 9999 are mistakes or attacks.
_LATEST = 253_402_300_799

Claims = dict[str, Any]


@dataclass(frozen=True)
class SigningKey:
    """An EC P-256 private key and the name (`kid`) under which its public half is published."""

    kid: str
    pem: str

    @classmethod
    def generate(cls, kid: str | None = None) -> "SigningKey":
        """Make a new key; without a name it is called by its thumbprint."""
        private = ec.generate_private_key(ec.SECP256R1())
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return cls(kid or hashlib.sha256(pem.encode()).hexdigest()[:16], pem)

    @cached_property
    def jose(self) -> Any:
        """The key in the form that signs without parsing PEM again."""
        return jwk.construct(self.pem, algorithm=ALGORITHM)

    @cached_property
    def public_jwk(self) -> dict[str, str]:
        """The public half as a JWK (RFC 7517)."""
        private = load_pem_private_key(self.pem.encode(), password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise TypeError("signing keys are EC P-256 keys")
        numbers = private.public_key().public_numbers()
        return {
            "kty": "EC",
            "crv": "P-256",
            "alg": ALGORITHM,
            "use": "sig",
            "kid": self.kid,
            "x": _base64url(numbers.x.to_bytes(32, "big")),
            "y": _base64url(numbers.y.to_bytes(32, "big")),
        }


def public_keys(jwks: Mapping[str, Any]) -> dict[str, Any]:
    """Return verification keys by `kid` from a JWKS; entries of another kind are left out."""
    keys = {}
    for entry in jwks.get("keys", []):
        if entry.get("kty") == "EC" and entry.get("crv") == "P-256" and entry.get("kid"):
            keys[str(entry["kid"])] = jwk.construct(dict(entry), algorithm=ALGORITHM)
    return keys


def sign_token(claims: Mapping[str, object], *, key: SigningKey, typ: str) -> str:
    """Sign claims as they are; the caller gives all of `REQUIRED_CLAIMS`."""
    headers = {"kid": key.kid, "typ": typ}
    return str(jws.sign(dict(claims), key.jose, headers=headers, algorithm=ALGORITHM))


def verify_token(
    token: str,
    *,
    keys: Mapping[str, Any],
    audience: str,
    issuer: str,
    typ: str,
    now: float,
) -> Claims:
    """Return the claims of a token that holds in every respect.

    Args:
        token: In compact form.
        keys: Verification keys by `kid`, as from `public_keys`.
        audience: Must be the token's `aud`.
        issuer: Must be the token's `iss`.
        typ: Must be the header's `typ`.
        now: Seconds since the epoch.

    Raises:
        Unauthenticated: Whatever is wrong with it.
    """
    try:
        if len(token) > MAX_TOKEN_BYTES or _COMPACT.fullmatch(token) is None:
            raise Unauthenticated
        header = jws.get_unverified_header(token)
        if header.get("alg") != ALGORITHM or header.get("typ") != typ or "crit" in header:
            raise Unauthenticated
        key = keys.get(str(header.get("kid")))
        if key is None:
            raise Unauthenticated
        payload = jws.verify(token, key, algorithms=[ALGORITHM])
        claims = json.loads(payload, object_pairs_hook=_each_named_once)
        _check_claims(claims, audience=audience, issuer=issuer, now=now)
    except _MALFORMED as error:
        raise Unauthenticated from error
    return dict(claims)


def key_id_of(token: str) -> str | None:
    """Return the `kid` that a token names, unverified; None when it has none to be read."""
    if len(token) > MAX_TOKEN_BYTES:
        return None
    try:
        kid = jws.get_unverified_header(token).get("kid")
    except _MALFORMED:
        return None
    return kid if isinstance(kid, str) else None


def _check_claims(claims: object, *, audience: str, issuer: str, now: float) -> None:
    if not isinstance(claims, dict) or any(name not in claims for name in REQUIRED_CLAIMS):
        raise Unauthenticated
    times = [claims["iat"], claims["nbf"], claims["exp"]]
    for time in times:
        if isinstance(time, bool) or not isinstance(time, int | float):
            raise Unauthenticated
        if not math.isfinite(time) or not 0 <= time <= _LATEST:
            raise Unauthenticated
    issued, not_before, expires = times
    if expires <= now - CLOCK_SKEW_SECONDS or max(issued, not_before) > now + CLOCK_SKEW_SECONDS:
        raise Unauthenticated
    if claims["aud"] != audience or claims["iss"] != issuer:
        raise Unauthenticated
    if not isinstance(claims["sub"], str) or not isinstance(claims["jti"], str):
        raise Unauthenticated


def _each_named_once(pairs: list[tuple[str, Any]]) -> Claims:
    # Readers disagree on which of two counts (RFC 7519, section 4).
    claims = dict(pairs)
    if len(claims) != len(pairs):
        raise ValueError("a claim is named twice")
    return claims


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

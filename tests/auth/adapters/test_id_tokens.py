"""ID tokens that a provider did not make for this login, and those that it did."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from services.auth.adapters.id_tokens import UnknownKey, verify_id_token, verifying_keys
from services.auth.domain.federation_errors import ProviderFailed

ISSUER = "https://idp.example.com"
CLIENT = "knowrithm"
NONCE = "n-0S6_WzA2Mj"
NOW = 1_800_000_000.0

RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"})
ALL = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "HS256", "HS384", "HS512"]


def published(*keys: RSAKey | ECKey, **extra: object) -> list[Any]:
    return verifying_keys({"keys": [key.as_dict(private=False) | extra for key in keys]})


def claims(**changes: object) -> dict[str, Any]:
    right: dict[str, Any] = {
        "iss": ISSUER,
        "aud": CLIENT,
        "sub": "ada",
        "iat": int(NOW),
        "exp": int(NOW) + 300,
        "nonce": NONCE,
    }
    return {name: value for name, value in (right | changes).items() if value is not ...}


def signed(content: dict[str, Any], *, key: Any = RSA, alg: str = "RS256", **header: object) -> str:
    return jwt.encode({"alg": alg, "kid": key.kid, **header}, content, key, algorithms=ALL)


def verify(token: str, keys: list[Any] | None = None) -> dict[str, Any]:
    return verify_id_token(
        token,
        keys=published(RSA, EC) if keys is None else keys,
        issuer=ISSUER,
        client_id=CLIENT,
        nonce=NONCE,
        now=NOW,
    )


def by_hand(header: dict[str, Any], content: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(content).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def with_public_key_as_secret() -> str:
    pem = RSA.as_pem(private=False)
    token = by_hand({"alg": "HS256", "kid": "rsa"}, claims())[:-1]
    return (
        token
        + "."
        + base64.urlsafe_b64encode(hmac.new(pem, token.encode(), hashlib.sha256).digest())
        .rstrip(b"=")
        .decode()
    )


def with_own_key_embedded() -> str:
    return signed(claims(), key=STRANGER, jwk=STRANGER.as_dict(private=False))


@pytest.mark.parametrize(
    ("key", "alg"),
    [(RSA, "RS256"), (RSA, "PS384"), (RSA, "RS512"), (EC, "ES256")],
)
def test_takes_what_the_provider_signed(key: Any, alg: str) -> None:
    assert verify(signed(claims(), key=key, alg=alg))["sub"] == "ada"


@pytest.mark.parametrize(
    "content",
    [
        claims(aud=[CLIENT]),
        claims(aud=[CLIENT, "other"], azp=CLIENT),
        claims(azp=CLIENT),
        claims(exp=int(NOW) - 29),
        claims(iat=int(NOW) + 29),
        claims(nbf=int(NOW)),
        claims(iat=NOW + 0.5),
    ],
)
def test_takes_what_the_standard_allows(content: dict[str, Any]) -> None:
    assert verify(signed(content))["sub"] == "ada"


@pytest.mark.parametrize(
    "content",
    [
        claims(iss="https://evil.example.com"),
        claims(iss=ISSUER + "/"),
        claims(iss=...),
        claims(aud="other"),
        claims(aud=["other"]),
        claims(aud=[]),
        claims(aud={"knowrithm": 1}),
        claims(aud=...),
        claims(aud=[CLIENT, "other"]),
        claims(aud=[CLIENT, "other"], azp="other"),
        claims(azp="other"),
        claims(exp=int(NOW) - 31),
        claims(exp=...),
        claims(exp="9999999999"),
        claims(exp=True),
        claims(exp=1e300),
        claims(iat=...),
        claims(iat=int(NOW) - 601),
        claims(iat=int(NOW) + 31),
        claims(nbf=int(NOW) + 31),
        claims(nonce="another"),
        claims(nonce=...),
        claims(nonce=7),
        claims(sub=...),
        claims(sub=""),
        claims(sub=7),
        claims(sub="x" * 256),
    ],
)
def test_refuses_claims_of_another_login(content: dict[str, Any]) -> None:
    with pytest.raises(ProviderFailed):
        verify(signed(content))


@pytest.mark.parametrize(
    "forge",
    [
        lambda: by_hand({"alg": "none"}, claims()),
        lambda: by_hand({"alg": "None", "kid": "rsa"}, claims()),
        lambda: by_hand({"alg": "", "kid": "rsa"}, claims()),
        lambda: by_hand({"kid": "rsa"}, claims(), b"x"),
        lambda: by_hand({"alg": ["RS256"], "kid": "rsa"}, claims(), b"x"),
        lambda: by_hand({"alg": "RS256", "kid": "rsa"}, claims(), b"x" * 256),
        with_public_key_as_secret,
        with_own_key_embedded,
        lambda: signed(claims(), key=OctKey.import_key(b"s" * 64, {"kid": "rsa"}), alg="HS512"),
        lambda: signed(claims(), key=STRANGER),
        lambda: signed(claims(), typ="at+jwt"),
        lambda: signed(claims())[:-4] + "AAAA",
        lambda: signed(claims()) + ".",
        lambda: signed(claims(filler="x" * 40_000)),
        lambda: "",
        lambda: "a.b.c",
        lambda: "ü.ü.ü",
        lambda: by_hand({"alg": "RS256", "crit": ["exp"], "kid": "rsa"}, claims(), b"x"),
    ],
)
def test_refuses_forged_tokens(forge: Callable[[], str]) -> None:
    with pytest.raises(ProviderFailed):
        verify(forge())


def test_a_key_is_used_as_it_was_published() -> None:
    token = signed(claims(), alg="PS256")

    assert verify(token, published(RSA))["sub"] == "ada"
    with pytest.raises(UnknownKey):
        verify(token, published(RSA, alg="RS256"))
    with pytest.raises(UnknownKey):
        verify(token, published(RSA, use="enc"))
    with pytest.raises(UnknownKey):
        verify(signed(claims(), key=EC, alg="ES256"), published(RSA, EC, kid="other"))


def test_without_a_kid_there_must_be_one_key() -> None:
    other = RSAKey.generate_key(2048, {"kid": "other"})
    token = jwt.encode({"alg": "RS256"}, claims(), RSA)

    assert verify(token, published(RSA, EC))["sub"] == "ada"
    with pytest.raises(ProviderFailed, match="could not be used"):
        verify(token, published(RSA, other))


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"keys": None},
        {"keys": {"kid": "rsa"}},
        {"keys": ["x", 7, None, {}]},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "rsa"}]},
        {"keys": [{"kty": "RSA", "n": "!", "e": "AQAB"}, {"kty": ["RSA"]}]},
        {"keys": [{"kty": "EC", "alg": {"a": 1}, "use": []}]},
        # 1024 bits.
        {"keys": [{"kty": "RSA", "n": "x" * 171, "e": "AQAB", "kid": "rsa"}]},
        {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]},
    ],
)
def test_passes_over_what_is_no_signing_key(document: dict[str, Any]) -> None:
    assert verifying_keys(document) == []


def test_is_quick_with_hostile_tokens() -> None:
    started = time.perf_counter()
    for size in (10, 1000, 30_000):
        with pytest.raises(ProviderFailed):
            verify("." * 2 + "x" * size)

    assert time.perf_counter() - started < 1

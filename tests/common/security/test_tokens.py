import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from jose import jws

from libs.common.errors import Unauthenticated
from libs.common.security.tokens import (
    Claims,
    SigningKey,
    key_id_of,
    public_keys,
    sign_token,
    verify_token,
)

KEY = SigningKey.generate("k1")
KEYS = public_keys({"keys": [KEY.public_jwk]})
NESTED = base64.urlsafe_b64encode(b"[" * 2700).decode() + ".e30.AA"
"""A token whose header no parser gets to the end of."""
NOW = 1_800_000_000


def make_claims(**changes: Any) -> Claims:
    claims = {
        "iss": "knowrithm",
        "aud": "knowrithm-api",
        "sub": "someone",
        "jti": "1",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 3600,
    }
    return {name: value for name, value in (claims | changes).items() if value is not ...}


def verify(token: str, *, now: float = NOW, typ: str = "at+jwt") -> Claims:
    return verify_token(
        token, keys=KEYS, audience="knowrithm-api", issuer="knowrithm", typ=typ, now=now
    )


def encode(part: object) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def with_header(**changes: Any) -> str:
    """A correctly signed token whose header was changed afterwards."""
    _, payload, signature = sign_token(make_claims(), key=KEY, typ="at+jwt").split(".")
    header = {"alg": "ES256", "typ": "at+jwt", "kid": "k1"} | changes
    return f"{encode(header)}.{payload}.{signature}"


def signed_with_public_key_as_secret() -> str:
    head = encode({"alg": "HS256", "typ": "at+jwt", "kid": "k1"})
    body = encode(make_claims())
    secret = json.dumps(KEY.public_jwk).encode()
    mac = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{encode(mac)}"


def unsigned() -> str:
    return f"{encode({'alg': 'none', 'typ': 'at+jwt'})}.{encode(make_claims())}."


def altered_payload() -> str:
    head, _, signature = sign_token(make_claims(), key=KEY, typ="at+jwt").split(".")
    return f"{head}.{encode(make_claims(sub='somebody else'))}.{signature}"


def signed(**changes: Any) -> Callable[[], str]:
    return lambda: sign_token(make_claims(**changes), key=KEY, typ="at+jwt")


FORGERIES: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "dots": lambda: "..",
    "five parts (JWE)": lambda: "a.b.c.d.e",
    "not base64": lambda: "*.*.*",
    "not JSON": lambda: f"{encode(b'x')}.{encode(b'y')}.{encode(b'z')}",
    "nested too deep": lambda: NESTED,
    "alg none": unsigned,
    "HMAC with the public key": signed_with_public_key_as_secret,
    "altered payload": altered_payload,
    "another key": lambda: sign_token(make_claims(), key=SigningKey.generate("k1"), typ="at+jwt"),
    "unknown kid": lambda: sign_token(make_claims(), key=SigningKey("k2", KEY.pem), typ="at+jwt"),
    "kid is a path": lambda: with_header(kid="../../dev/null"),
    "kid is SQL": lambda: with_header(kid="' OR 1=1 --"),
    "kid is a URL": lambda: with_header(kid="http://127.0.0.1/key"),
    "kid is a list": lambda: with_header(kid=["k1"]),
    "no kid": lambda: with_header(kid=None),
    "embedded jwk": lambda: with_header(jwk=KEY.public_jwk, kid="other"),
    "jku": lambda: with_header(jku="http://127.0.0.1/jwks"),
    "crit": lambda: with_header(crit=["exp"]),
    "alg RS256": lambda: with_header(alg="RS256"),
    "alg ES384": lambda: with_header(alg="ES384"),
    "other typ": lambda: sign_token(make_claims(), key=KEY, typ="JWT"),
    "typ missing": lambda: with_header(typ=None),
    "huge": lambda: sign_token(make_claims(pad="x" * 5000), key=KEY, typ="at+jwt"),
    "expired": signed(exp=NOW - 31, iat=NOW - 100, nbf=NOW - 100),
    "not yet": signed(nbf=NOW + 31),
    "issued in the future": signed(iat=NOW + 31),
    "exp is infinite": signed(exp=float("inf")),
    "exp is not a number": signed(exp="tomorrow"),
    "exp is true": signed(exp=True),
    "exp is beyond dates": signed(exp=10**15),
    "exp is negative": signed(exp=-1),
    "other audience": signed(aud="someone-else"),
    "list of audiences": signed(aud=["knowrithm-api", "x"]),
    "other issuer": signed(iss="mallory"),
    "subject is a number": signed(sub=7),
    "token id is a number": signed(jti=7),
    "a claim named twice": lambda: jws.sign(
        json.dumps(make_claims())[:-1].encode() + b', "sub": "somebody else"}',
        KEY.jose,
        headers={"kid": "k1", "typ": "at+jwt"},
        algorithm="ES256",
    ),
    "a letter that base64 has not": lambda: with_header().replace(".", ".\u00e9"),
    "padded": lambda: sign_token(make_claims(), key=KEY, typ="at+jwt") + "==",
} | {
    f"no {name}": signed(**{name: ...})
    for name in ("iss", "aud", "sub", "jti", "iat", "nbf", "exp")
}


class TestVerifyToken:
    def test_returns_the_claims_of_a_good_one(self) -> None:
        token = sign_token(make_claims(), key=KEY, typ="at+jwt")

        assert verify(token) == make_claims()

    def test_tolerates_half_a_minute_of_skew(self) -> None:
        token = sign_token(make_claims(), key=KEY, typ="at+jwt")

        assert verify(token, now=NOW - 29)
        assert verify(token, now=NOW + 3600 + 29)

    @pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
    def test_refuses_forgeries_alike(self, forgery: Callable[[], str]) -> None:
        with pytest.raises(Unauthenticated) as refusal:
            verify(forgery())

        assert refusal.value.message == Unauthenticated.message

    def test_times_are_real(self) -> None:
        claims = make_claims(iat=int(time.time()), nbf=int(time.time()), exp=int(time.time()) + 5)
        token = sign_token(claims, key=KEY, typ="at+jwt")

        assert verify(token, now=time.time()) == claims


class TestKeyIdOf:
    def test_reads_the_name_of_the_key(self) -> None:
        assert key_id_of(sign_token(make_claims(), key=KEY, typ="x")) == "k1"

    @pytest.mark.parametrize("token", ["", "a.b.c", "x" * 5000, with_header(kid=["k1"]), NESTED])
    def test_gives_none_when_there_is_none(self, token: str) -> None:
        assert key_id_of(token) is None

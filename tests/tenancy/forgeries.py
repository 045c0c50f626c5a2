"""Tokens that no service may accept, made from a good one and the key that signed it.

Those signed with the platform's own key show that it is not the signature alone that counts.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import uuid4

from jose import jws

from libs.common.security import ACCESS_TYP, SigningKey, sign_token
from tests.flows.platform_keys import claims_of

HEADER: Final = {"alg": "ES256", "typ": ACCESS_TYP}


class Forge:
    """Makes forgeries.

    Args:
        token: A good one.
        key: What it was signed with.
        stranger_id: A tenant that is not the token's.
    """

    def __init__(self, token: str, key: SigningKey, *, stranger_id: str) -> None:
        self.token = token
        self.key = key
        self.claims = claims_of(token)
        self.stranger_id = stranger_id
        self.head, self.body, self.signature = token.split(".")

    def signed(self, **changes: Any) -> str:
        """Sign other claims with the platform's key; `...` leaves one out."""
        claims = {n: v for n, v in (self.claims | changes).items() if v is not ...}
        return sign_token(claims, key=self.key, typ=ACCESS_TYP)

    def signed_text(self, claims: str, *, typ: str = ACCESS_TYP) -> str:
        """Sign any text as claims with the platform's key."""
        headers = {"kid": self.key.kid, "typ": typ}
        token: str = jws.sign(
            claims.encode(), self.key.jose, headers=headers, algorithm=HEADER["alg"]
        )
        return token

    def with_header(self, **changes: Any) -> str:
        """Sign a changed header, and the good claims, with the platform's key."""
        header = {**HEADER, "kid": self.key.kid} | changes
        header = {name: value for name, value in header.items() if value is not ...}
        return self.sealed(json.dumps(header).encode(), base64url_decode(self.body))

    def sealed(self, header: bytes, payload: bytes) -> str:
        """Sign any bytes with the platform's key."""
        signing_input = f"{encode(header)}.{encode(payload)}".encode()
        return f"{signing_input.decode()}.{encode(self.key.jose.sign(signing_input))}"

    def by_hmac(self, secret: bytes, algorithm: str = "HS256") -> str:
        """Sign the good claims with a secret that everybody knows."""
        head = encode(json.dumps({**HEADER, "kid": self.key.kid, "alg": algorithm}).encode())
        digest = {"HS256": hashlib.sha256, "HS512": hashlib.sha512}[algorithm]
        mac = hmac.new(secret, f"{head}.{self.body}".encode(), digest).digest()
        return f"{head}.{self.body}.{encode(mac)}"

    def unsigned(self, algorithm: str) -> str:
        """Leave the signature out."""
        return f"{encode(json.dumps({**HEADER, 'alg': algorithm}).encode())}.{self.body}."

    def by_another_key(self, kid: str, **header: Any) -> str:
        """Sign the good claims with a key of one's own."""
        own = SigningKey.generate(kid)
        headers = {"kid": kid, "typ": ACCESS_TYP, **header}
        token: str = jws.sign(self.claims, own.jose, headers=headers, algorithm=HEADER["alg"])
        return token

    def altered(self, **changes: Any) -> str:
        """Change the claims behind the signature's back."""
        body = encode(json.dumps(self.claims | changes).encode())
        return f"{self.head}.{body}.{self.signature}"


def forgeries(forge: Forge) -> Mapping[str, str]:
    """Return the tokens by what is wrong with them."""
    now = int(time.time())
    key, claims = forge.key, forge.claims
    public = json.dumps(key.public_jwk).encode()
    own = SigningKey.generate("own")
    made: dict[str, Callable[[], str]] = {
        "alg none": lambda: forge.unsigned("none"),
        "alg None": lambda: forge.unsigned("None"),
        "alg NONE, signature kept": lambda: forge.unsigned("NONE") + forge.signature,
        "alg empty": lambda: forge.with_header(alg=""),
        "alg missing": lambda: forge.with_header(alg=...),
        "alg a list": lambda: forge.with_header(alg=["ES256"]),
        "alg RS256": lambda: forge.with_header(alg="RS256"),
        "alg ES512": lambda: forge.with_header(alg="ES512"),
        "HMAC with the public key": lambda: forge.by_hmac(public),
        "HMAC, long": lambda: forge.by_hmac(public, "HS512"),
        "HMAC with the key's x": lambda: forge.by_hmac(key.public_jwk["x"].encode()),
        "HMAC with nothing": lambda: forge.by_hmac(b""),
        "typ JWT": lambda: forge.with_header(typ="JWT"),
        "typ of a service's": lambda: forge.with_header(typ="service+jwt"),
        "typ missing": lambda: forge.with_header(typ=...),
        "typ an object": lambda: forge.with_header(typ={"at+jwt": 1}),
        "crit": lambda: forge.with_header(crit=["exp"]),
        "crit empty": lambda: forge.with_header(crit=[]),
        "crit null": lambda: forge.with_header(crit=None),
        "b64 false": lambda: forge.with_header(b64=False, crit=["b64"]),
        "compressed": lambda: forge.with_header(zip="DEF", crit=["zip"]),
        "kid unknown": lambda: forge.with_header(kid="nobody"),
        "kid missing": lambda: forge.with_header(kid=...),
        "kid a path": lambda: forge.with_header(kid="../../../../dev/null"),
        "kid SQL": lambda: forge.with_header(kid="' OR 1=1 --"),
        "kid a URL": lambda: forge.with_header(kid="http://127.0.0.1:1/key"),
        "kid a list": lambda: forge.with_header(kid=[key.kid]),
        "kid a number": lambda: forge.with_header(kid=7),
        "kid with a NUL": lambda: forge.with_header(kid=f"{key.kid}\0"),
        "own key under the platform's name": lambda: forge.by_another_key(key.kid),
        "own key, embedded": lambda: forge.by_another_key("own", jwk=own.public_jwk),
        "own key, by jku": lambda: forge.by_another_key("own", jku="http://127.0.0.1:1/jwks"),
        "own key, by x5u": lambda: forge.by_another_key("own", x5u="http://127.0.0.1:1/cert"),
        "own key, by x5c": lambda: forge.by_another_key("own", x5c=["MIIB"]),
        "key of a service": lambda: forge.by_another_key("auth"),
        "signature empty": lambda: f"{forge.head}.{forge.body}.",
        "signature of zeros": lambda: f"{forge.head}.{forge.body}.{encode(bytes(64))}",
        "signature cut": lambda: forge.token[:-8],
        "signature longer": lambda: forge.token + "AAAA",
        "signature in DER": lambda: f"{forge.head}.{forge.body}.{encode(b'0' + bytes(70))}",
        "signature of another": lambda: (
            f"{forge.head}.{forge.body}.{forge.signed(jti=uuid4().hex).split('.')[2]}"
        ),
        "claims cut": lambda: f"{forge.head}.{forge.body[:-4]}.{forge.signature}",
        "tenant swapped": lambda: forge.altered(tenant=forge.stranger_id),
        "role swapped": lambda: forge.altered(role="super_admin"),
        "scopes added": lambda: forge.altered(scopes=["platform:admin"]),
        "expired": lambda: forge.signed(exp=now - 60, iat=now - 600, nbf=now - 600),
        "exp negative": lambda: forge.signed(exp=-1),
        "exp infinite": lambda: forge.signed(exp=float("inf")),
        "exp not a number": lambda: forge.signed(exp=float("nan")),
        "exp huge": lambda: forge.signed(exp=10**300),
        "exp beyond dates": lambda: forge.signed(exp=10**12),
        "exp a text": lambda: forge.signed(exp=str(now + 600)),
        "exp true": lambda: forge.signed(exp=True),
        "nbf in the future": lambda: forge.signed(nbf=now + 600),
        "iat in the future": lambda: forge.signed(iat=now + 600),
        "iat negative": lambda: forge.signed(iat=-1),
        "iat null": lambda: forge.signed(iat=None),
        "iss another": lambda: forge.signed(iss="mallory"),
        "iss a list": lambda: forge.signed(iss=["knowrithm"]),
        "aud another": lambda: forge.signed(aud="somebody-else"),
        "aud a list": lambda: forge.signed(aud=["knowrithm-api"]),
        "aud of a service": lambda: forge.signed(aud="documents"),
        "kind of a service": lambda: forge.signed(kind="service"),
        "kind of a key": lambda: forge.signed(kind="api_key"),
        "kind unknown": lambda: forge.signed(kind="root"),
        "sub a number": lambda: forge.signed(sub=7),
        "sub no id": lambda: forge.signed(sub="admin"),
        "tenant a number": lambda: forge.signed(tenant=1),
        "tenant a list": lambda: forge.signed(tenant=[claims["tenant"]]),
        "tenant another's, session ours": lambda: forge.signed(tenant=forge.stranger_id),
        "session unknown": lambda: forge.signed(session=str(uuid4())),
        "session null": lambda: forge.signed(session=None),
        "role a list": lambda: forge.signed(role=["admin"]),
        "role a number": lambda: forge.signed(role=1),
        "jti a number": lambda: forge.signed(jti=7),
        "jti a list": lambda: forge.signed(jti=["1"]),
        "scopes a text": lambda: forge.signed(scopes="agents:read"),
        "scopes an object": lambda: forge.signed(scopes={"agents:read": True}),
        "scopes lists in a list": lambda: forge.signed(scopes=[["agents:read"]]),
        "claims a list": lambda: forge.signed_text("[]"),
        "claims a text": lambda: forge.signed_text('"admin"'),
        "claims null": lambda: forge.signed_text("null"),
        "claims empty": lambda: forge.signed_text("{}"),
        "claims nested too deep": lambda: forge.signed_text("[" * 2000 + "]" * 2000),
        "claims not UTF-8": lambda: forge.sealed(
            json.dumps({**HEADER, "kid": key.kid}).encode(), b'{"iss": "\xff\xfe"}'
        ),
        "tenant named twice": lambda: forge.signed_text(twice(claims, "tenant", forge.stranger_id)),
        "exp named twice": lambda: forge.signed_text(twice(claims, "exp", now + 10**6)),
        "header no JSON": lambda: f"{encode(b'x')}.{forge.body}.{forge.signature}",
        "header a list": lambda: f"{encode(b'[]')}.{forge.body}.{forge.signature}",
        "header nested too deep": lambda: f"{encode(b'[' * 2700)}.{forge.body}.AA",
        "not base64": lambda: "*.*.*",
        "only dots": lambda: "..",
        "two parts": lambda: f"{forge.head}.{forge.body}",
        "four parts": lambda: f"{forge.token}.AA",
        "five parts (encrypted)": lambda: f"{forge.token}.AA.AA",
        "too long": lambda: forge.signed(padding="x" * 5000),
        "in quotes": lambda: f'"{forge.token}"',
        "two tokens": lambda: f"{forge.token} {forge.token}",
        "two tokens by comma": lambda: f"{forge.token},{forge.token}",
        "in JSON": lambda: json.dumps({"access_token": forge.token}),
        "a letter of another script": lambda: f"{forge.head}.{forge.body}.é{forge.signature}",
    } | {f"{name} missing": lambda name=name: forge.signed(**{name: ...}) for name in claims}
    return {what: make() for what, make in made.items()}


# Credentials that are no tokens at all, as the headers that carry them.
JUNK: Final[tuple[Mapping[str, str], ...]] = (
    *(
        {"Authorization": value}
        for value in (
            "",
            "Bearer",
            "Bearer ",
            "bearer null",
            "Bearer undefined",
            "Bearer {}",
            "Bearer []",
            'Bearer {"alg":"none"}',
            "Bearer true",
            "Bearer 0",
            "Bearer ak_",
            "Bearer ak_:",
            'Bearer ak_{"$ne":null}:{"$ne":null}',
            "Bearer ak_x:\xff\xfe",
            "Bearer " + "[" * 3000,
            "Basic YWRtaW46YWRtaW4=",
            'Digest username="admin"',
            "Negotiate YII=",
            "AWS4-HMAC-SHA256 x",
            "\xe9\xe8",
        )
    ),
    *(
        {"X-API-Key": key, "X-API-Secret": secret}
        for key, secret in (
            ("", ""),
            ("ak_", ""),
            ("ak_x", ""),
            ("{}", "{}"),
            ("ak_{}", "{}"),
            ("null", "null"),
            ("ak_null", "null"),
            ("ak_[1,2]", '{"a": [1]}'),
            ('ak_{"$gt": ""}', '{"$gt": ""}'),
            ("ak_' OR '1'='1", "' OR '1'='1"),
            ("ak_%00", "%00"),
            ("ak_\xff\xfe", "\xff"),
            ("ak_" + "x" * 509, "y" * 512),
            ("ak_" + "\xe9" * 509, "\xe9" * 512),
            ("ak_" + "x" * 5000, "y" * 5000),
            ("ak_../../x", "../../x"),
        )
    ),
    {"X-API-Key": "ak_x"},
)


def twice(claims: Mapping[str, Any], name: str, other: object) -> str:
    """Write claims as JSON that names one of them a second time."""
    return f"{json.dumps(claims)[:-1]}, {json.dumps(name)}: {json.dumps(other)}}}"


def encode(data: bytes) -> str:
    """Write bytes as a part of a token."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def base64url_decode(part: str) -> bytes:
    """Read a part of a token."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))

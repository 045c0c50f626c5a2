"""Verifying ID tokens (OpenID Connect Core 3.1.3.7), strictly.

The library checks signatures; which algorithms and keys may be used, and what the claims must
say, is decided here. A token never says which key to fetch, or from where.
"""

import hmac
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from services.auth.domain.federation import LOGIN_LIFETIME, MAX_SUBJECT_CHARACTERS
from services.auth.domain.federation_errors import ProviderFailed

# Asymmetric ones only: a client's secret is no signing key, and a public key is no secret.
ALGORITHMS: Final = frozenset(
    f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)
)
MAX_TOKEN_CHARACTERS: Final = 32 * 1024
CLOCK_SKEW_SECONDS: Final = 30
MIN_RSA_BITS: Final = 2048
MAX_KEYS: Final = 100

_KEY_TYPES: Final[Mapping[str, type[RSAKey] | type[ECKey]]] = {"RSA": RSAKey, "EC": ECKey}
_FAMILIES: Final = {"RSA": ("RS", "PS"), "EC": ("ES",)}
_LATEST: Final = 2.0**40

VerifyingKey = RSAKey | ECKey


class _Registry(jws.JWSRegistry):
    # Some providers put certificates into the header; they are not looked at.
    max_header_length = 8 * 1024
    max_payload_length = MAX_TOKEN_CHARACTERS


class UnknownKey(ProviderFailed):
    """The token names a key that is not among those we know of."""

    def __init__(self) -> None:
        super().__init__("the token names a key that the provider does not publish")


def verifying_keys(document: Mapping[str, Any]) -> list[VerifyingKey]:
    """Return the keys of a JWKS that may sign ID tokens; others are passed over."""
    published = document.get("keys")
    keys: list[VerifyingKey] = []
    for entry in published[:MAX_KEYS] if isinstance(published, list) else ():
        if not isinstance(entry, dict) or str(entry.get("kty")) not in _KEY_TYPES:
            continue
        if entry.get("use", "sig") != "sig" or str(entry.get("alg", "RS256")) not in ALGORITHMS:
            continue
        # Whatever private parts a careless provider publishes are none of ours.
        public = {name: value for name, value in entry.items() if name not in ("d", "key_ops")}
        if entry["kty"] == "RSA" and _modulus_bits(entry) < MIN_RSA_BITS:
            continue
        try:
            keys.append(_KEY_TYPES[entry["kty"]].import_key(public))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return keys


def _modulus_bits(entry: Mapping[str, Any]) -> int:
    modulus = entry.get("n")
    return len(modulus) * 6 if isinstance(modulus, str) else 0


def verify_id_token(
    token: str,
    *,
    keys: Sequence[VerifyingKey],
    issuer: str,
    client_id: str,
    nonce: str,
    now: float,
) -> dict[str, Any]:
    """Return the claims of a token that `issuer` made for this client and login.

    Raises:
        UnknownKey: It is signed with a key that is not in `keys`.
        ProviderFailed: It does not hold.
    """
    if len(token) > MAX_TOKEN_CHARACTERS or token.count(".") != 2:
        raise ProviderFailed("the ID token is too long, or no signed JWT")
    try:
        header = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, UnicodeError) as error:
        raise ProviderFailed("the ID token cannot be read") from error
    key = _key_for(header, keys)
    try:
        found = jwt.decode(
            token,
            key,
            algorithms=[str(header["alg"])],
            registry=_Registry(algorithms=[str(header["alg"])], strict_check_header=False),
        )
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise ProviderFailed("the ID token's signature does not hold") from error
    _check(found.claims, issuer=issuer, client_id=client_id, nonce=nonce, now=now)
    return dict(found.claims)


def _key_for(header: Mapping[str, Any], keys: Sequence[VerifyingKey]) -> VerifyingKey:
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise ProviderFailed("the ID token's algorithm is not allowed")
    if "crit" in header or str(header.get("typ", "JWT")).upper() != "JWT":
        raise ProviderFailed("the ID token's header asks for what we do not do")
    fitting = [
        key
        for key in keys
        if algorithm[:2] in _FAMILIES[key.key_type]
        and key.get("alg", algorithm) == algorithm
        and (kid is None or key.kid == kid)
    ]
    if not fitting:
        raise UnknownKey
    if len(fitting) > 1:
        raise ProviderFailed("the ID token does not say which key it is signed with")
    return fitting[0]


def _check(
    claims: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, now: float
) -> None:
    if claims.get("iss") != issuer:
        raise ProviderFailed("the ID token is from another issuer")
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or client_id not in audiences:
        raise ProviderFailed("the ID token is for another client")
    # With several audiences, the one it was issued to must be named, and be us.
    if claims.get("azp", client_id if len(audiences) == 1 else None) != client_id:
        raise ProviderFailed("the ID token was issued to another client")
    issued, expires = _time(claims, "iat"), _time(claims, "exp")
    if expires <= now - CLOCK_SKEW_SECONDS:
        raise ProviderFailed("the ID token has run out")
    if not now - LOGIN_LIFETIME.total_seconds() <= issued <= now + CLOCK_SKEW_SECONDS:
        raise ProviderFailed("the ID token was not issued just now")
    if "nbf" in claims and _time(claims, "nbf") > now + CLOCK_SKEW_SECONDS:
        raise ProviderFailed("the ID token is not good yet")
    found = claims.get("nonce")
    if not isinstance(found, str) or not hmac.compare_digest(found.encode(), nonce.encode()):
        raise ProviderFailed("the ID token is not for this login")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_CHARACTERS:
        raise ProviderFailed("the ID token names nobody")


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ProviderFailed(f"the ID token's {name} is no time")
    if not math.isfinite(value) or not 0 <= value <= _LATEST:
        raise ProviderFailed(f"the ID token's {name} is no time")
    return float(value)

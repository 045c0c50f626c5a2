"""Signed statements that must be believed years later: receipts, ledgers, heads of trails.

JSON signed with a service's own EC key (JWS, ES256). Unlike a token a statement never runs out, is
as long as it must be, and names the signing key by its thumbprint (RFC 7638): a key that was
replaced still verifies what it signed, by whoever kept its public half.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from jose import jwk, jws
from jose.exceptions import JOSEError

from libs.common.security.tokens import ALGORITHM, SigningKey

MAX_STATEMENT_BYTES: Final = 4 * 1024 * 1024


class StatementRefused(Exception):
    """The statement was altered, is of another kind, or is signed by a key that is not known."""


def thumbprint(public: Mapping[str, Any]) -> str:
    """Return the thumbprint of an EC key in JWK form."""
    members = {name: public[name] for name in ("crv", "kty", "x", "y")}
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()


def sign_statement(content: Mapping[str, object], *, key: SigningKey, typ: str) -> str:
    """Return `content` signed, in compact form."""
    headers = {"kid": thumbprint(key.public_jwk), "typ": typ}
    return str(jws.sign(dict(content), key.jose, headers=headers, algorithm=ALGORITHM))


def verify_statement(
    text: str, *, jwks: Mapping[str, Any], signer: str, typ: str
) -> dict[str, Any]:
    """Return what a statement says.

    Args:
        text: As `sign_statement` returned it.
        jwks: The public keys of all services.
        signer: Whose word it has to be: the `kid` of its key. A key without `kid` is a replaced
            one, which no token is believed of any more.
        typ: The kind that is expected.

    Raises:
        StatementRefused: Whatever is wrong with it; says what.
    """
    if len(text) > MAX_STATEMENT_BYTES:
        raise StatementRefused("It is too long to be a statement.")
    try:
        header = jws.get_unverified_header(text)
        if (header.get("alg"), header.get("typ")) != (ALGORITHM, typ) or "crit" in header:
            raise StatementRefused(f"It is no {typ}.")
        known = {
            thumbprint(entry): entry
            for entry in jwks.get("keys", [])
            if entry.get("kty") == "EC"
            and entry.get("crv") == "P-256"
            # Each service has a key, and reaches the object store: only the signer's counts.
            and entry.get("kid") in (None, signer)
        }
        public = known.get(str(header.get("kid")))
        if public is None:
            raise StatementRefused("It is signed by a key that is not among the known ones.")
        key = jwk.construct(dict(public), algorithm=ALGORITHM)
        content = json.loads(jws.verify(text, key, algorithms=[ALGORITHM]))
    except (JOSEError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise StatementRefused("Its signature does not hold: it was altered.") from error
    if not isinstance(content, dict):
        raise StatementRefused(f"It is no {typ}.")
    return content

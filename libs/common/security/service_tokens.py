"""How services prove to each other who they are.

Each has a private key of its own and everybody's public keys, so no service is needed for two
others to talk. A token lives for a minute and names its audience; the tenant travels beside it
in `X-Tenant-ID`, since a token per tenant would cost a signature a request.
"""

import json
import time
from uuid import uuid4

from libs.common.errors import Unauthenticated
from libs.common.security.tokens import SigningKey, key_id_of, public_keys, sign_token, verify_token

SERVICE_TYP = "service+jwt"
LIFETIME_SECONDS = 60
RENEW_AFTER_SECONDS = 30
_MAX_VERIFIED = 256


class ServiceTokens:
    """Makes and verifies the tokens of one service.

    Args:
        service: Our own name; the `kid` of our public key.
        private_pem: Our EC P-256 key.
        jwks_json: Public keys of all services, by name.
    """

    def __init__(self, service: str, *, private_pem: str, jwks_json: str) -> None:
        self.service = service
        self._key = SigningKey(service, private_pem)
        self._public = public_keys(json.loads(jwks_json))
        self._made: dict[str, tuple[float, str]] = {}
        self._verified: dict[str, tuple[float, str]] = {}

    def token_for(self, audience: str) -> str:
        """Return a token that proves to `audience` who we are; good for half a minute or more."""
        now = time.time()
        made_at, token = self._made.get(audience, (0.0, ""))
        if now - made_at < RENEW_AFTER_SECONDS:
            return token
        claims = {
            "iss": self.service,
            "sub": self.service,
            "aud": audience,
            "jti": uuid4().hex,
            "iat": int(now),
            "nbf": int(now),
            "exp": int(now) + LIFETIME_SECONDS,
        }
        token = sign_token(claims, key=self._key, typ=SERVICE_TYP)
        self._made[audience] = (now, token)
        return token

    def verify(self, token: str) -> str:
        """Return the name of the service that made the token for us.

        Raises:
            Unauthenticated: Whatever is wrong with it.
        """
        now = time.time()
        known = self._verified.get(token)
        if known is not None and now < known[0]:
            return known[1]
        issuer = self._issuer(token)
        claims = verify_token(
            token,
            keys={issuer: self._public[issuer]},
            audience=self.service,
            issuer=issuer,
            typ=SERVICE_TYP,
            now=now,
        )
        if claims["sub"] != issuer:
            raise Unauthenticated
        if len(self._verified) >= _MAX_VERIFIED:
            self._verified.clear()
        self._verified[token] = (float(claims["exp"]), issuer)
        return issuer

    def _issuer(self, token: str) -> str:
        # A service signs with its own key only, so the key's name is the issuer to expect.
        kid = key_id_of(token)
        if kid is None or kid not in self._public:
            raise Unauthenticated
        return kid

"""Signing access tokens."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from libs.common.security import (
    ACCESS_TYP,
    AUDIENCE,
    ISSUER,
    CallerKind,
    Scope,
    SigningKey,
    scopes_of_role,
    sign_token,
)
from services.auth.domain.sessions import (
    ACCESS_TOKEN_LIFETIME,
    IMPERSONATION_LIFETIME,
    LEAD_TOKEN_LIFETIME,
)
from services.auth.domain.signing import DatedKey


class Es256AccessTokens:
    """Signs with the key whose time has come; publishes all that are in use.

    Args:
        keys: The one that signs last first, at least one.
    """

    def __init__(self, keys: Sequence[DatedKey]) -> None:
        self.use(keys)

    def use(self, keys: Sequence[DatedKey]) -> None:
        """Take these keys in place of those before."""
        self._keys = keys
        self._jwks = {"keys": [dated.key.public_jwk for dated in keys]}

    @property
    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public halves (RFC 7517), by which anybody can verify what we signed."""
        return self._jwks

    def _key_at(self, now: datetime) -> SigningKey:
        ripe = (dated.key for dated in self._keys if dated.signs_from <= now)
        # The first key ever may be a moment younger than the clock of who asks.
        return next(ripe, self._keys[-1].key)

    def sign(
        self,
        *,
        user_id: UUID,
        tenant_id: UUID,
        role: str,
        session_id: UUID,
        now: datetime,
        only: frozenset[Scope] | None = None,
        impersonator_id: UUID | None = None,
    ) -> str:
        """Return an access token; see the port."""
        scopes = scopes_of_role(role)
        claims: dict[str, object] = {
            "sub": str(user_id),
            "tenant": str(tenant_id),
            "role": role,
            "scopes": sorted(scopes if only is None else scopes & only),
            "session": str(session_id),
            "kind": CallerKind.USER,
        }
        if impersonator_id is not None:
            # RFC 8693, 4.1: who really acts.
            claims["act"] = {"sub": str(impersonator_id)}
        lifetime = ACCESS_TOKEN_LIFETIME if impersonator_id is None else IMPERSONATION_LIFETIME
        return self._signed(claims, now=now, lifetime=lifetime)

    def sign_lead(self, *, lead_id: UUID, tenant_id: UUID, session_id: UUID, now: datetime) -> str:
        """Return a lead's token, good from now on for `LEAD_TOKEN_LIFETIME`."""
        claims: dict[str, object] = {
            "sub": str(lead_id),
            "tenant": str(tenant_id),
            "role": "lead",
            "scopes": sorted(scopes_of_role("lead")),
            "session": str(session_id),
            "kind": CallerKind.LEAD,
        }
        return self._signed(claims, now=now, lifetime=LEAD_TOKEN_LIFETIME)

    def _signed(self, claims: dict[str, object], *, now: datetime, lifetime: timedelta) -> str:
        issued = int(now.timestamp())
        always: dict[str, object] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "jti": uuid4().hex,
            "iat": issued,
            "nbf": issued,
            "exp": issued + int(lifetime.total_seconds()),
        }
        return sign_token(always | claims, key=self._key_at(now), typ=ACCESS_TYP)

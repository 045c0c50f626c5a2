"""Tokens for the page that sent somebody to their identity provider."""

import hmac
from dataclasses import dataclass

from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.federation import challenge_of, secret_hash
from services.auth.domain.federation_errors import SsoRefused
from services.auth.repositories.federation import FederationLookups
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.admit_user import LogInResult
from services.auth.use_cases.open_sso_session import OpenSsoSession


@dataclass(frozen=True, kw_only=True)
class RedeemSsoHandoff:
    """Open the session that a code stands for, once, for whoever holds the verifier.

    A code that was stolen, or slipped to somebody else, is worth nothing without it.
    """

    unit_of_work: OpenUnitOfWork
    lookups: FederationLookups
    open_session: OpenSsoSession
    clock: Clock = utc_now

    async def __call__(self, *, code: str, verifier: str, address: str) -> LogInResult:
        found = await self.lookups.handoff(secret_hash(code))
        if found is None:
            raise SsoRefused
        tenant_id, user_id = found
        async with self.unit_of_work(tenant_id) as uow:
            handoff = await uow.sso.take_handoff(secret_hash(code))
        if handoff is None or handoff.expires_at <= self.clock():
            raise SsoRefused
        if not hmac.compare_digest(handoff.challenge.encode(), challenge_of(verifier).encode()):
            raise SsoRefused
        return await self.open_session(
            tenant_id, user_id, connection_id=handoff.connection_id, address=address
        )

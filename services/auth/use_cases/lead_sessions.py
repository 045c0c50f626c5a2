"""Tokens of leads, asked for by the service that keeps the leads, and their end."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import LeadSessionOver
from services.auth.domain.ports import AccessTokens, Revocations
from services.auth.domain.sessions import LEAD_TOKEN_LIFETIME
from services.auth.repositories.lead_sessions import LeadSessions


@dataclass(frozen=True, kw_only=True)
class LeadToken:
    """What a lead shows from now on."""

    access_token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class KeepLeadSession:
    """Begin a lead's session or prolong it; asked twice, it ends the same."""

    sessions: LeadSessions
    access_tokens: AccessTokens
    clock: Clock = utc_now

    async def __call__(self, tenant_id: UUID, session_id: UUID, *, lead_id: UUID) -> LeadToken:
        """Return a token for the session.

        Raises:
            LeadSessionOver: It was ended, is another lead's, or the company is closed.
        """
        now = self.clock()
        until = now + LEAD_TOKEN_LIFETIME
        if not await self.sessions.keep(
            tenant_id, session_id, lead_id=lead_id, now=now, until=until
        ):
            raise LeadSessionOver
        token = self.access_tokens.sign_lead(
            lead_id=lead_id, tenant_id=tenant_id, session_id=session_id, now=now
        )
        return LeadToken(access_token=token, expires_at=until)


@dataclass(frozen=True, kw_only=True)
class EndLeadSessions:
    """End all of a lead's sessions: their tokens stop working within seconds."""

    sessions: LeadSessions
    revocations: Revocations
    clock: Clock = utc_now

    async def __call__(self, tenant_id: UUID, lead_id: UUID) -> None:
        for session_id in await self.sessions.end_all(tenant_id, lead_id, now=self.clock()):
            await self.revocations.session_ended(session_id)

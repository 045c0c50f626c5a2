"""Coming back to earlier chats by a link in a mail, which proves that the address is one's own."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urldefrag
from uuid import UUID

from libs.common.ids import new_id
from services.conversations.domain.errors import AgentNotFound, LeadNotFound, LinkInvalid
from services.conversations.domain.leads import (
    LINK_LIFETIME,
    VISIT_LIFETIME,
    LeadTokens,
    SendLeadLink,
    new_link_token,
    new_visit_token,
    token_hash,
)
from services.conversations.domain.ports import LeadSessions, LeadVault, WidgetAgents
from services.conversations.domain.sites import check_origin, is_allowed
from services.conversations.models import LeadVisit
from services.conversations.repositories.unit_of_work import OpenUnitOfWork
from services.conversations.use_cases.register_lead import LeadThrottle

# Behind `#`, which browsers send to nobody; the widget's script reads it.
FRAGMENT: Final = "knowrithm-chat="


@dataclass(frozen=True, kw_only=True)
class RequestLeadLink:
    """Have a link mailed to an address, if somebody talked from it; who asks is not told."""

    unit_of_work: OpenUnitOfWork
    agents: WidgetAgents
    vault: LeadVault
    throttle: LeadThrottle
    public_url: str

    async def __call__(
        self, email: str, *, agent_id: UUID, page: str | None, origin: str | None
    ) -> None:
        """Queue the mail.

        Raises:
            AgentNotFound: There is no such agent, or it is not active.
            SiteNotAllowed: The page is none of the agent's.
            RateLimited: Too many come at once.
        """
        agent = await self.agents.find(agent_id)
        check_origin(origin, agent.allowed_sites)
        await self.throttle.check(agent.tenant_id, agent.id)
        index = await self.vault.index(agent.tenant_id, email)
        # Known or not, so that it does not tell.
        await self.throttle.check_address(agent.tenant_id, index)
        # Anybody may ask: the link leads nowhere but to a site that the company has named.
        target = f"{self.public_url.rstrip('/')}/api/v1/test?agent_id={agent.id}"
        if page is not None and agent.allowed_sites and is_allowed(page, agent.allowed_sites):
            target = urldefrag(page).url
        async with self.unit_of_work(agent.tenant_id) as uow:
            lead = await uow.leads.by_index(index)
            if lead is not None:
                uow.jobs.add(SendLeadLink(lead_id=lead.id, agent_id=agent.id, page=target))


@dataclass(frozen=True, kw_only=True)
class MailLeadLink:
    """Make a link and mail it; the token is stored as its hash only."""

    unit_of_work: OpenUnitOfWork
    agents: WidgetAgents
    vault: LeadVault
    sessions: LeadSessions

    async def __call__(self, tenant_id: UUID, job: SendLeadLink) -> None:
        """Send the mail, unless lead or agent are gone.

        Raises:
            Invalid: No mail server will ever take it.
            Unavailable: Try again later.
        """
        try:
            agent = await self.agents.find(job.agent_id)
        except AgentNotFound:
            return
        token = new_link_token()
        async with self.unit_of_work(tenant_id) as uow:
            lead = await uow.leads.get(job.lead_id)
            if lead is None:
                return
            await uow.visits.add_link(
                token_hash(token) or b"",
                lead_id=lead.id,
                agent_id=agent.id,
                expires_at=datetime.now(UTC) + LINK_LIFETIME,
            )
            sealed = lead.personal
        person = await self.vault.open(tenant_id, job.lead_id, sealed)
        await self.sessions.mail_link(
            tenant_id,
            recipient=person.email,
            address=f"{job.page}#{FRAGMENT}{token}",
            agent_name=agent.name,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumedLead:
    """A lead that is back, and the conversation that they were last in."""

    lead_id: UUID
    tenant_id: UUID
    tokens: LeadTokens
    conversation_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class ResumeByLink:
    """Open a visit that reaches all that the lead has said so far; a link works once."""

    unit_of_work: OpenUnitOfWork
    agents: WidgetAgents
    sessions: LeadSessions

    async def __call__(self, token: str, *, agent_id: UUID, origin: str | None) -> ResumedLead:
        """Return the new visit's tokens.

        Raises:
            AgentNotFound: There is no such agent, or it is not active.
            SiteNotAllowed: The page is none of the agent's.
            LinkInvalid: The link was used, has run out, or never was one.
        """
        agent = await self.agents.find(agent_id)
        check_origin(origin, agent.allowed_sites)
        hashed = token_hash(token)
        if hashed is None:
            raise LinkInvalid
        now = datetime.now(UTC)
        visit_id, visit_token = new_id(), new_visit_token()
        async with self.unit_of_work(agent.tenant_id) as uow:
            lead_id = await uow.visits.of_link(hashed, agent_id=agent.id, now=now)
        if lead_id is None:
            raise LinkInvalid
        try:
            # Before the link is used up: what is answered with an error has no effect.
            access_token, expires_at = await self.sessions.keep(
                agent.tenant_id, visit_id, lead_id=lead_id
            )
        except LeadNotFound as error:
            raise LinkInvalid from error
        async with self.unit_of_work(agent.tenant_id) as uow:
            if await uow.visits.use_link(hashed, agent_id=agent.id, now=now) != lead_id:
                raise LinkInvalid
            await uow.visits.keep(
                LeadVisit(
                    id=visit_id,
                    lead_id=lead_id,
                    agent_id=agent.id,
                    token_hash=token_hash(visit_token) or b"",
                    proven_at=now,
                    created_at=now,
                    expires_at=now + VISIT_LIFETIME,
                )
            )
            # From the visits that they were begun in, which nobody has proven to be this person's.
            await uow.visits.take_over(lead_id, visit_id=visit_id)
            conversation_id = await uow.visits.newest_conversation(visit_id, agent_id=agent.id)
        return ResumedLead(
            lead_id=lead_id,
            tenant_id=agent.tenant_id,
            tokens=LeadTokens(
                access_token=access_token, refresh_token=visit_token, expires_at=expires_at
            ),
            conversation_id=conversation_id,
        )

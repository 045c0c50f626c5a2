"""A visitor says who they are, and may talk to the agent from then on."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol
from uuid import UUID, uuid4

from libs.common.errors import Conflict
from libs.common.events.catalogue.conversations import LeadRegistered
from libs.common.ids import new_id
from libs.common.security import Caller, CallerKind
from services.conversations.domain.errors import ConsentNeeded, LeadNotFound
from services.conversations.domain.leads import (
    VISIT_LIFETIME,
    LeadForm,
    LeadTokens,
    WidgetAgent,
    new_visit_token,
    token_hash,
)
from services.conversations.domain.ports import LeadSessions, LeadVault, WidgetAgents
from services.conversations.domain.sites import check_origin
from services.conversations.models import Lead, LeadVisit
from services.conversations.repositories.unit_of_work import (
    ConversationsUnitOfWork,
    OpenUnitOfWork,
)

_TRIES: Final = 4


class LeadThrottle(Protocol):
    """Bounds how many strangers register with one agent, and how many mails an address gets."""

    async def check(self, tenant_id: UUID, agent_id: UUID) -> None:
        """Count one; raises `RateLimited`."""

    async def check_address(self, tenant_id: UUID, index: bytes) -> None:
        """Count a mail to an address, by its keyed hash; raises `RateLimited`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadProof:
    """What a visitor shows of an earlier visit, if anything."""

    refresh_token: str | None = field(default=None, repr=False)
    caller: Caller | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredLead:
    """A registered lead. No more of it is told than the visitor has said."""

    lead_id: UUID
    tenant_id: UUID
    tokens: LeadTokens


@dataclass(frozen=True, slots=True)
class _Visit:
    id: UUID
    token: str = field(repr=False)
    lead_id: UUID
    known: bool


@dataclass(frozen=True, kw_only=True)
class RegisterLead:
    """Find the person's record or make it, and open a visit.

    A registration without proof changes nothing of a record that is there: anybody can type
    anybody's address.
    """

    unit_of_work: OpenUnitOfWork
    agents: WidgetAgents
    vault: LeadVault
    sessions: LeadSessions
    throttle: LeadThrottle

    async def __call__(
        self, form: LeadForm, *, agent_id: UUID, origin: str | None, proof: LeadProof
    ) -> RegisteredLead:
        """Return the visit's tokens.

        Raises:
            AgentNotFound: There is no such agent, or it is not active.
            SiteNotAllowed: The page is none of the agent's.
            ConsentNeeded: The visitor does not agree to be kept.
            RateLimited: Too many come at once.
        """
        if not form.consent.data_processing:
            raise ConsentNeeded
        agent = await self.agents.find(agent_id)
        check_origin(origin, agent.allowed_sites)
        await self.throttle.check(agent.tenant_id, agent.id)
        index = await self.vault.index(agent.tenant_id, form.person.email)
        for _ in range(_TRIES):
            visit = await self._visit(agent, index, proof)
            try:
                # Signed before anything is stored: what is answered with an error has no effect.
                access_token, expires_at = await self.sessions.keep(
                    agent.tenant_id, visit.id, lead_id=visit.lead_id
                )
            except LeadNotFound:
                proof = LeadProof()
                continue
            if await self._store(agent, form, index, visit):
                return RegisteredLead(
                    lead_id=visit.lead_id,
                    tenant_id=agent.tenant_id,
                    tokens=LeadTokens(
                        access_token=access_token,
                        refresh_token=visit.token,
                        expires_at=expires_at,
                    ),
                )
        raise Conflict("Somebody else registers the same address. Try again.")

    async def _visit(self, agent: WidgetAgent, index: bytes, proof: LeadProof) -> _Visit:
        async with self.unit_of_work(agent.tenant_id) as uow:
            lead = await uow.leads.by_index(index)
            if lead is None:
                # Not ordered by time, as other ids are: it would tell when the lead was made.
                return _Visit(new_id(), new_visit_token(), uuid4(), known=False)
            earlier = await _proven(uow, proof)
        if earlier is None or earlier.lead_id != lead.id:
            return _Visit(new_id(), new_visit_token(), lead.id, known=False)
        kept = proof.refresh_token
        if kept is None or token_hash(kept) != earlier.token_hash:
            kept = new_visit_token()
        return _Visit(earlier.id, kept, lead.id, known=True)

    async def _store(self, agent: WidgetAgent, form: LeadForm, index: bytes, visit: _Visit) -> bool:
        """Store the lead and the visit; False when the lead is another by now."""
        now = datetime.now(UTC)
        sealed = await self.vault.seal(agent.tenant_id, visit.lead_id, form.person)
        async with self.unit_of_work(agent.tenant_id) as uow:
            lead = Lead(
                id=visit.lead_id,
                email_hash=index,
                personal=sealed,
                agent_id=agent.id,
                status="new",
                source=form.source,
                tags=[],
                details={},
                last_activity=now,
                created_at=now,
                updated_at=now,
            )
            consent_given(lead, form, now=now)
            if await uow.leads.add_new(lead):
                uow.outbox.record(
                    LeadRegistered(lead_id=lead.id, agent_id=agent.id), aggregate_id=lead.id
                )
            else:
                known = await uow.leads.by_index(index)
                if known is None or known.id != visit.lead_id:
                    return False
                known.last_activity = now
                if visit.known:
                    consent_given(known, form, now=now)
            await uow.visits.keep(
                LeadVisit(
                    id=visit.id,
                    lead_id=visit.lead_id,
                    agent_id=agent.id,
                    token_hash=token_hash(visit.token) or b"",
                    created_at=now,
                    expires_at=now + VISIT_LIFETIME,
                )
            )
        return True


def consent_given(lead: Lead, form: LeadForm, *, now: datetime) -> None:
    """Note what a lead agreed to, when, and what they were shown."""
    lead.consent_data_processing = form.consent.data_processing
    lead.consent_marketing = form.consent.marketing
    lead.consent_shown = form.consent.shown
    lead.consent_at = now


async def _proven(uow: ConversationsUnitOfWork, proof: LeadProof) -> LeadVisit | None:
    """Return the earlier visit that is proven, by either of its tokens."""
    now = datetime.now(UTC)
    hashed = token_hash(proof.refresh_token) if proof.refresh_token else None
    if hashed is not None:
        visit = await uow.visits.by_token(hashed, now=now)
        if visit is not None:
            return visit
    caller = proof.caller
    if caller is None or caller.kind is not CallerKind.LEAD or caller.session_id is None:
        return None
    if caller.tenant_id != uow.tenant_id:
        return None
    return await uow.visits.get(caller.session_id)

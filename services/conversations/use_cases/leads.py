"""A company's leads: adding, listing, showing, changing and deleting them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from libs.common.events.catalogue.conversations import LeadDeleted, LeadRegistered, LeadUpdated
from services.conversations.domain.errors import InvalidEmail, LeadExists, LeadNotFound
from services.conversations.domain.leads import (
    Consent,
    LeadForm,
    LeadPerson,
    LeadRecord,
    clean_email,
)
from services.conversations.domain.ports import Agents, LeadSessions, LeadVault
from services.conversations.models import Lead
from services.conversations.repositories.leads import LeadFilter
from services.conversations.repositories.unit_of_work import OpenUnitOfWork
from services.conversations.use_cases.register_lead import consent_given

_PERSONAL: Final = frozenset({"first_name", "last_name", "email", "phone", "company", "notes"})
_CONSENTS: Final = ("consent_data_processing", "consent_marketing")


@dataclass(frozen=True, kw_only=True)
class AddLead:
    """Add a lead that the company knows from elsewhere."""

    unit_of_work: OpenUnitOfWork
    agents: Agents
    vault: LeadVault

    async def __call__(
        self,
        tenant_id: UUID,
        form: LeadForm,
        *,
        agent_id: UUID | None,
        status: str,
        tags: Sequence[str],
        metadata: Mapping[str, Any],
    ) -> LeadRecord:
        """Return the new lead.

        Raises:
            AgentNotFound: The company has no such agent.
            LeadExists: The address is another's.
        """
        if agent_id is not None:
            await self.agents.profile(tenant_id, agent_id)
        now, lead_id = datetime.now(UTC), uuid4()
        lead = Lead(
            id=lead_id,
            tenant_id=tenant_id,
            email_hash=await self.vault.index(tenant_id, form.person.email),
            personal=await self.vault.seal(tenant_id, lead_id, form.person),
            agent_id=agent_id,
            status=status,
            source=form.source,
            tags=list(tags),
            details=dict(metadata),
            created_at=now,
            updated_at=now,
        )
        consent_given(lead, form, now=now)
        async with self.unit_of_work(tenant_id) as uow:
            if not await uow.leads.add_new(lead):
                raise LeadExists
            uow.outbox.record(
                LeadRegistered(lead_id=lead_id, agent_id=agent_id), aggregate_id=lead_id
            )
        return record_of(lead, form.person)


@dataclass(frozen=True, kw_only=True)
class ListLeads:
    """List a company's leads, newest first."""

    unit_of_work: OpenUnitOfWork
    vault: LeadVault

    async def __call__(
        self, tenant_id: UUID, wanted: LeadFilter, *, search: str | None, page: int, per_page: int
    ) -> tuple[list[LeadRecord], int]:
        """Return a page of leads and how many there are.

        Args:
            tenant_id: Whose.
            wanted: Which.
            search: A whole address: names are encrypted, so nothing else is found.
            page: From 1 on.
            per_page: How many.
        """
        if search:
            try:
                email = clean_email(search)
            except InvalidEmail:
                return [], 0
            wanted = replace(wanted, email_hash=await self.vault.index(tenant_id, email))
        async with self.unit_of_work(tenant_id, read_only=True) as uow:
            found, total = await uow.leads.page(wanted, page=page, per_page=per_page)
        return [await opened(self.vault, lead) for lead in found], total


@dataclass(frozen=True, kw_only=True)
class ShowLead:
    """Show one lead."""

    unit_of_work: OpenUnitOfWork
    vault: LeadVault

    async def __call__(self, tenant_id: UUID, lead_id: UUID) -> LeadRecord:
        """Raises `LeadNotFound`."""
        async with self.unit_of_work(tenant_id, read_only=True) as uow:
            lead = await uow.leads.get(lead_id)
        if lead is None:
            raise LeadNotFound
        return await opened(self.vault, lead)


@dataclass(frozen=True, kw_only=True)
class UpdateLead:
    """Change a lead; what is not named stays as it is."""

    unit_of_work: OpenUnitOfWork
    vault: LeadVault

    async def __call__(
        self, tenant_id: UUID, lead_id: UUID, changes: Mapping[str, Any]
    ) -> LeadRecord:
        """Return the lead as it is then.

        Raises:
            LeadNotFound: There is no such lead.
            LeadExists: The new address is another's.
        """
        personal = {name: changes[name] for name in changes if name in _PERSONAL}
        # Known before the row is locked: reading keys takes a transaction of its own.
        index = await self.vault.index(tenant_id, changes["email"]) if "email" in changes else None
        await self.vault.index(tenant_id, "")
        now = datetime.now(UTC)
        async with self.unit_of_work(tenant_id) as uow:
            lead = await uow.leads.locked(lead_id)
            if lead is None:
                raise LeadNotFound
            if index is not None and index != lead.email_hash:
                if await uow.leads.by_index(index) is not None:
                    raise LeadExists
                lead.email_hash = index
            person = await self.vault.open(tenant_id, lead_id, lead.personal)
            if personal:
                person = replace(person, **personal)
                lead.personal = await self.vault.seal(tenant_id, lead_id, person)
            for name in ("status", "source", "tags"):
                if name in changes:
                    setattr(lead, name, changes[name])
            if "metadata" in changes:
                lead.details = dict(changes["metadata"])
            if any(name in changes for name in _CONSENTS):
                for name in _CONSENTS:
                    setattr(lead, name, changes.get(name, getattr(lead, name)))
                lead.consent_at = now
            lead.updated_at = now
            uow.outbox.record(
                LeadUpdated(lead_id=lead_id, status=lead.status), aggregate_id=lead_id
            )
        return record_of(lead, person)


@dataclass(frozen=True, kw_only=True)
class DeleteLead:
    """Delete a lead and all that identifies it; what was said stays with the company."""

    unit_of_work: OpenUnitOfWork
    sessions: LeadSessions

    async def __call__(self, tenant_id: UUID, lead_id: UUID) -> None:
        """Raises `LeadNotFound`."""
        async with self.unit_of_work(tenant_id, read_only=True) as uow:
            if await uow.leads.get(lead_id) is None:
                raise LeadNotFound
        # First what lets in: done twice it ends the same.
        await self.sessions.end_all(tenant_id, lead_id)
        async with self.unit_of_work(tenant_id) as uow:
            lead = await uow.leads.locked(lead_id)
            if lead is None:
                raise LeadNotFound
            await uow.leads.remove(lead)
            uow.outbox.record(LeadDeleted(lead_id=lead_id), aggregate_id=lead_id)


async def opened(vault: LeadVault, lead: Lead) -> LeadRecord:
    """Return a row with what is encrypted in it."""
    return record_of(lead, await vault.open(lead.tenant_id, lead.id, lead.personal))


def record_of(lead: Lead, person: LeadPerson) -> LeadRecord:
    """Return a lead as its company sees it."""
    return LeadRecord(
        id=lead.id,
        tenant_id=lead.tenant_id,
        person=person,
        agent_id=lead.agent_id,
        status=lead.status,
        source=lead.source,
        tags=list(lead.tags),
        metadata=dict(lead.details),
        consent=Consent(
            data_processing=lead.consent_data_processing,
            marketing=lead.consent_marketing,
            shown=lead.consent_shown,
        ),
        consent_at=lead.consent_at,
        last_activity=lead.last_activity,
        created_at=lead.created_at,
        updated_at=lead.updated_at,
    )

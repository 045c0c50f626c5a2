"""A tenant's transaction with this service's repositories."""

from functools import cached_property
from typing import Protocol
from uuid import UUID

from libs.common.unit_of_work import UnitOfWork
from services.conversations.repositories.citations import CitationRepository
from services.conversations.repositories.conversations import (
    ConversationRepository,
    MessageRepository,
)
from services.conversations.repositories.leads import LeadRepository, LeadVisitRepository


class ConversationsUnitOfWork(UnitOfWork):
    """One block, all or nothing."""

    @cached_property
    def conversations(self) -> ConversationRepository:
        """The tenant's conversations."""
        return ConversationRepository(self.session, self.tenant_id)

    @cached_property
    def messages(self) -> MessageRepository:
        """The tenant's messages."""
        return MessageRepository(self.session, self.tenant_id)

    @cached_property
    def leads(self) -> LeadRepository:
        """The tenant's leads."""
        return LeadRepository(self.session, self.tenant_id)

    @cached_property
    def visits(self) -> LeadVisitRepository:
        """The visits of the tenant's leads."""
        return LeadVisitRepository(self.session, self.tenant_id)

    @cached_property
    def citations(self) -> CitationRepository:
        """The tenant's citations."""
        return CitationRepository(self.session, self.tenant_id)


class OpenUnitOfWork(Protocol):
    """Opens a tenant's transaction."""

    def __call__(self, tenant_id: UUID, *, read_only: bool = False) -> ConversationsUnitOfWork:
        """Return a unit of work, to be entered once."""

"""Holding leads to the sites of the agent that they talk to."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from services.conversations.domain.errors import AgentNotFound, ConversationNotFound
from services.conversations.domain.people import Person
from services.conversations.domain.ports import WidgetAgents
from services.conversations.domain.sites import check_origin
from services.conversations.repositories.unit_of_work import OpenUnitOfWork

_MAX_KNOWN: Final = 20_000


@dataclass(frozen=True, kw_only=True)
class CheckLeadSite:
    """Refuse a lead's call from a page that is none of the agent's sites.

    Users and keys are not held to them, and neither is who sends no `Origin`.
    """

    unit_of_work: OpenUnitOfWork
    agents: WidgetAgents
    # A conversation's agent never changes.
    _known: OrderedDict[UUID, UUID] = field(default_factory=OrderedDict)

    async def __call__(self, person: Person, *, agent_id: UUID, origin: str | None) -> None:
        """Check a page against an agent's sites.

        Raises:
            AgentNotFound: It is another company's, or not active.
            SiteNotAllowed: The page is of another site.
        """
        if person.lead_id is None:
            return
        agent = await self.agents.find(agent_id)
        if agent.tenant_id != person.tenant_id:
            raise AgentNotFound
        check_origin(origin, agent.allowed_sites)

    async def in_conversation(
        self, person: Person, conversation_id: UUID, *, origin: str | None
    ) -> None:
        """Check a page against the sites of a conversation's agent.

        Raises:
            ConversationNotFound: Or it is deleted, or another visit's.
            SiteNotAllowed: The page is of another site.
        """
        if person.lead_id is None or origin is None:
            return
        agent_id = self._known.get(conversation_id)
        if agent_id is None:
            async with self.unit_of_work(person.tenant_id) as uow:
                found = await uow.conversations.present(conversation_id, entity_id=person.only_own)
                if found is None:
                    # Another visit's; the one in its place has the same agent.
                    found = await uow.conversations.present(conversation_id)
            if found is None or found.lead_id != person.lead_id:
                raise ConversationNotFound
            agent_id = self._known[conversation_id] = found.agent_id
            if len(self._known) > _MAX_KNOWN:
                self._known.popitem(last=False)
        await self(person, agent_id=agent_id, origin=origin)

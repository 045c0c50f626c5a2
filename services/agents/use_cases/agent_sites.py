"""Say on which sites an agent's widget may be used, and whose agent a widget shows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.common.database import Database
from services.agents.domain.errors import AgentNotFound
from services.agents.domain.sites import sites_of
from services.agents.repositories.agent_reader import find_public_agent
from services.agents.repositories.agent_sites import AgentSites


@dataclass(frozen=True, kw_only=True)
class ShowSites:
    """List an agent's sites; none means that it may be used on all."""

    sites: AgentSites

    async def __call__(self, agent_id: UUID) -> Sequence[str]:
        """Raises `AgentNotFound`."""
        found = await self.sites.of(agent_id)
        if found is None:
            raise AgentNotFound
        return found


@dataclass(frozen=True, kw_only=True)
class SetSites:
    """Replace an agent's sites; visitors are held to them within half a minute."""

    sites: AgentSites

    async def __call__(self, agent_id: UUID, wanted: Iterable[str]) -> Sequence[str]:
        """Raises `SiteInvalid` or `AgentNotFound`."""
        sites = sites_of(wanted)
        if not await self.sites.set(agent_id, sites):
            raise AgentNotFound
        return sites


@dataclass(frozen=True, slots=True, kw_only=True)
class WidgetAgent:
    """Whose an active agent is, and where it may be used."""

    id: UUID
    tenant_id: UUID
    name: str
    allowed_sites: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class FindWidgetAgent:
    """The one place where an agent's id gives a tenant to the services behind the widget."""

    database: Database

    async def __call__(self, agent_id: UUID) -> WidgetAgent:
        """Raises `AgentNotFound`, also for an agent that is not active."""
        agent = await find_public_agent(self.database, agent_id)
        if agent is None:
            raise AgentNotFound
        sites = await AgentSites(self.database, agent.tenant_id).of(agent_id)
        return WidgetAgent(
            id=agent.id, tenant_id=agent.tenant_id, name=agent.name, allowed_sites=sites or ()
        )

"""Tells other services that an agent answers differently from now on."""

from libs.common.database.models import utc_now
from libs.common.events.catalogue.agents import AgentUpdated
from services.agents.models import Agent
from services.agents.repositories.unit_of_work import AgentsUnitOfWork


def agent_changed(uow: AgentsUnitOfWork, agent: Agent) -> None:
    """Give an agent its next version, and record it."""
    agent.version += 1
    agent.updated_at = utc_now()
    uow.outbox.record(
        AgentUpdated(agent_id=agent.id),
        aggregate_id=agent.id,
        aggregate_version=agent.version,
    )

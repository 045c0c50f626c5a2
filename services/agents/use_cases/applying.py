"""Puts what a caller wants into an agent, the same way for a change and for a draft."""

from services.agents.domain.changes import AgentChange
from services.agents.domain.errors import SettingsNotFound
from services.agents.domain.operating_hours import parse_hours
from services.agents.models import Agent
from services.agents.repositories.unit_of_work import AgentsUnitOfWork


async def apply_change(uow: AgentsUnitOfWork, agent: Agent, change: AgentChange) -> None:
    """Set what is given, keep the rest.

    Raises:
        BadOperatingHours: They cannot be read.
        SettingsNotFound: There are no such settings to fall back on.
    """
    parse_hours(change.get("operating_hours", {}))
    wanted = change.get("fallback_settings_ids", [])
    # Locked, so that they are not deleted before we commit.
    if wanted and len(await uow.settings.by_ids(set(wanted), lock=True)) < len(set(wanted)):
        raise SettingsNotFound
    for name, value in change.items():
        if name == "behaviour":
            agent.behaviour = {
                key: kept
                for key, kept in {**agent.behaviour, **change["behaviour"]}.items()
                if kept is not None
            }
        elif name == "fallback_settings_ids":
            agent.fallback_settings_ids = [str(one) for one in dict.fromkeys(wanted)]
        else:
            setattr(agent, name, value)

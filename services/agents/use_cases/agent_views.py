"""An agent together with the settings it uses."""

from dataclasses import dataclass

from services.agents.repositories.agent_reader import AgentCard
from services.agents.use_cases.settings_views import SettingsView


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentView:
    """What a caller gets back after changing an agent."""

    card: AgentCard
    settings: SettingsView | None

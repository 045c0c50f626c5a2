"""What agents tells: agents and their model settings."""

from uuid import UUID

from pydantic import Field

from libs.common.events.envelope import Event


class AgentCreated(Event, topic="agents", name="agent.created"):
    """An agent was made; it is the aggregate.

    Read by documents and conversations, which cache agents, and by analytics for counts.
    """

    agent_id: UUID


class AgentUpdated(Event, topic="agents", name="agent.updated"):
    """An agent's description, instructions or choice of models changed; caches drop it."""

    agent_id: UUID


class AgentDeleted(Event, topic="agents", name="agent.deleted"):
    """An agent was deleted and answers no more.

    Its documents are hidden with it. Its conversations stay, out of its reach, until they are
    deleted themselves.
    """

    agent_id: UUID


class AgentRestored(Event, topic="agents", name="agent.restored"):
    """A deleted agent is back, with the documents and conversations it had."""

    agent_id: UUID


class BudgetsChanged(Event, topic="agents", name="budgets.changed"):
    """An agent or, without an id, the company may spend another amount; caches drop its agents."""

    agent_id: UUID | None = None


class SettingsUpdated(Event, topic="agents", name="settings.updated"):
    """Model settings changed or went; every cached agent of the tenant may be out of date."""

    settings_id: UUID


class GuardrailsUpdated(Event, topic="agents", name="guardrails.updated"):
    """What holds for all of the tenant's agents changed; the tenant is the aggregate."""

    link_host_count: int = Field(ge=0, description="Hosts that answers may link to.")

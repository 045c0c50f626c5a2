"""Write the HTML that puts an agent's chat widget on a web page."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any
from uuid import UUID

from services.agents.domain.errors import AgentNotFound, AgentWithoutSettings
from services.agents.models import Agent, LlmSettings
from services.agents.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedCode:
    """Snippets for copying, and the configuration they carry."""

    agent_id: UUID
    agent_name: str
    simple: str
    advanced: str
    config: Mapping[str, str]
    preview_url: str


# Configuration as people write it, and the script attribute it becomes.
_ATTRIBUTES = {
    "primary_color": "data-primary-color",
    "color": "data-primary-color",
    "position": "data-position",
    "theme": "data-theme",
    "button_text": "data-button-text",
    "show_branding": "data-show-branding",
    "polling_interval": "data-polling-interval",
    "auto_open": "data-auto-open",
    "initial_delay": "data-initial-delay",
    "persist_session": "data-persist-session",
    "welcome": "data-welcome",
    "welcome_message": "data-welcome",
    "title": "data-title",
    "z_index": "data-z-index",
}


@dataclass(frozen=True, kw_only=True)
class GetEmbedCode:
    """Everything in the snippets is escaped: names and colours are the tenant's words."""

    unit_of_work: OpenUnitOfWork
    public_url: str

    async def __call__(self, agent_id: UUID) -> EmbedCode:
        """Raises `AgentNotFound` or `AgentWithoutSettings`."""
        async with self.unit_of_work() as uow:
            agent = await uow.agents.living(agent_id)
            if agent is None:
                raise AgentNotFound
            row = None
            if agent.llm_settings_id is not None:
                row = await uow.settings.get(agent.llm_settings_id)
        if row is None:
            raise AgentWithoutSettings
        return self._code(agent, row)

    def _code(self, agent: Agent, row: LlmSettings) -> EmbedCode:
        base = self.public_url.rstrip("/")
        script = row.widget_script_url or f"{base}/api/widget.js"
        basics = {"data-agent-id": str(agent.id), "data-api-url": f"{base}/api"}
        config = {**basics, "data-title": agent.name, **_attributes(row.widget_config)}
        return EmbedCode(
            agent_id=agent.id,
            agent_name=agent.name,
            simple=_tag(script, basics),
            advanced=_tag(script, config),
            config=config,
            preview_url=f"{base}/api/v1/test?agent_id={agent.id}",
        )


def _attributes(config: Mapping[str, Any]) -> dict[str, str]:
    attributes = {}
    for name, value in config.items():
        attribute = _ATTRIBUTES.get(name.lower().replace("-", "_").removeprefix("data_"))
        if attribute is not None and isinstance(value, str | int | float):
            # JSON's spelling of booleans, which is the script's.
            attributes[attribute] = str(value).lower() if isinstance(value, bool) else str(value)
    return attributes


def _tag(script: str, attributes: Mapping[str, str]) -> str:
    written = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())
    return f'<script src="{escape(script)}"{written} async></script>'

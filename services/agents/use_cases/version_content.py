"""Turns an agent and its settings into the content of a version, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast
from uuid import UUID

import orjson

from libs.common.crypto import Cipher
from libs.common.ids import new_id
from services.agents.domain.model_urls import same_endpoint
from services.agents.domain.versions import AGENT_FIELDS, SETTINGS_FIELDS, SETTINGS_IDS, Content
from services.agents.models import Agent, AgentKey, LlmSettings, Model, Provider
from services.agents.repositories.unit_of_work import AgentsUnitOfWork

_KINDS: tuple[Literal["llm", "embedding"], ...] = ("llm", "embedding")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The entries that some settings refer to, by id, deleted ones included."""

    providers: Mapping[UUID, Provider]
    models: Mapping[UUID, Model]

    @classmethod
    async def of(cls, uow: AgentsUnitOfWork, rows: Sequence[LlmSettings]) -> "Catalogue":
        """Look up what these settings refer to."""
        providers = {row.llm_provider_id for row in rows}
        providers |= {row.embedding_provider_id for row in rows}
        models = {row.llm_model_id for row in rows} | {row.embedding_model_id for row in rows}
        return cls(
            await uow.providers.by_ids(providers) if rows else {},
            await uow.models.by_ids(models) if rows else {},
        )

    def url(self, row: LlmSettings, kind: Literal["llm", "embedding"]) -> str | None:
        """Return where a model of these settings is called."""
        if kind == "llm":
            return row.llm_api_base_url or self.providers[row.llm_provider_id].api_base_url
        return row.embedding_api_base_url or self.providers[row.embedding_provider_id].api_base_url


def content_of(agent: Agent, row: LlmSettings | None, catalogue: Catalogue) -> Content:
    """Return what a version of the agent holds."""
    settings = None
    if row is not None:
        providers, models = catalogue.providers, catalogue.models
        settings = {
            "id": row.id,
            **{name: getattr(row, name) for name in SETTINGS_FIELDS},
            "llm_has_key": row.llm_api_key is not None,
            "embedding_has_key": row.embedding_api_key is not None,
            "names": {
                "llm_provider": providers[row.llm_provider_id].name,
                "llm_model": models[row.llm_model_id].name,
                "embedding_provider": providers[row.embedding_provider_id].name,
                "embedding_model": models[row.embedding_model_id].name,
            },
        }
    content = {
        "agent": {name: getattr(agent, name) for name in AGENT_FIELDS},
        "settings": settings,
    }
    # As it will be read back, so that two contents can be compared.
    return cast("Content", orjson.loads(orjson.dumps(content, default=str)))


def put_agent(agent: Agent, content: Content) -> None:
    """Give an agent the fields of a version; those that the version is too old to have stay."""
    for name in AGENT_FIELDS:
        if name in content["agent"]:
            setattr(agent, name, content["agent"][name])


def put_settings(row: LlmSettings, content: Mapping[str, Any]) -> None:
    """Give settings the fields of a version; keys are another matter."""
    for name in SETTINGS_FIELDS:
        if name in content:
            value = content[name]
            setattr(row, name, UUID(value) if name in SETTINGS_IDS else value)


@dataclass(frozen=True, kw_only=True)
class KeptKeys:
    """The keys of an agent, by what they are for and where they may be sent."""

    uow: AgentsUnitOfWork
    cipher: Cipher

    async def keep(
        self, agent_id: UUID, row: LlmSettings, *, settings_id: UUID | None = None
    ) -> None:
        """Keep the keys of an agent's settings for a version that needs them again.

        Args:
            agent_id: Whose.
            row: The settings.
            settings_id: With which stored settings the keys shall go, if `row` is not stored.
        """
        for kind in _KINDS:
            sealed = row.llm_api_key if kind == "llm" else row.embedding_api_key
            url = row.llm_api_key_url if kind == "llm" else row.embedding_api_key_url
            if sealed is None or url is None:
                continue
            key = self.cipher.decrypt(
                sealed, table="llm_settings", column=f"{kind}_api_key", row=row.id
            )
            kept_id = new_id()
            await self.uow.versions.keep_key(
                AgentKey(
                    id=kept_id,
                    agent_id=agent_id,
                    settings_id=settings_id or row.id,
                    kind=kind,
                    url=url,
                    sealed=self.cipher.encrypt(
                        key, table="agent_keys", column="sealed", row=kept_id
                    ),
                    hint=row.llm_api_key_hint if kind == "llm" else row.embedding_api_key_hint,
                )
            )

    async def put(
        self,
        agent_id: UUID,
        row: LlmSettings,
        settings: Mapping[str, Any],
        *,
        current: LlmSettings | None,
    ) -> list[str]:
        """Give settings the newest key for each place that they call.

        Args:
            agent_id: Whose.
            row: The settings, whose models and base URLs are settled.
            settings: Of the version that `row` was made from, which says whether there was a key.
            current: The settings in use until now; their keys are the newest for their places.

        Returns:
            What the caller should know: which key is lacking.
        """
        notes = []
        kept = await self.uow.versions.keys(agent_id)
        catalogue = await Catalogue.of(self.uow, [row])
        for kind in _KINDS:
            url = catalogue.url(row, kind)
            found = self._of_settings(current, kind, url) or self._kept(kept, kind, url)
            setattr(row, f"{kind}_api_key_url", url if found else None)
            setattr(row, f"{kind}_api_key_hint", found[1] if found else None)
            sealed = None
            if found is not None:
                column = f"{kind}_api_key"
                sealed = self.cipher.encrypt(
                    found[0], table="llm_settings", column=column, row=row.id
                )
            setattr(row, f"{kind}_api_key", sealed)
            provider_id = row.llm_provider_id if kind == "llm" else row.embedding_provider_id
            provider = catalogue.providers[provider_id]
            if found is None and settings.get(f"{kind}_has_key"):
                notes.append(f"No key is kept for {provider.label}; send the {kind}_api_key again.")
        return notes

    def _of_settings(
        self, row: LlmSettings | None, kind: Literal["llm", "embedding"], url: str | None
    ) -> tuple[bytes, str | None] | None:
        if row is None:
            return None
        sealed = row.llm_api_key if kind == "llm" else row.embedding_api_key
        key_url = row.llm_api_key_url if kind == "llm" else row.embedding_api_key_url
        if sealed is None or not same_endpoint(url, key_url):
            return None
        hint = row.llm_api_key_hint if kind == "llm" else row.embedding_api_key_hint
        column = f"{kind}_api_key"
        return self.cipher.decrypt(sealed, table="llm_settings", column=column, row=row.id), hint

    def _kept(
        self, kept: Sequence[AgentKey], kind: str, url: str | None
    ) -> tuple[bytes, str | None] | None:
        for key in kept:
            if key.kind == kind and same_endpoint(url, key.url):
                opened = self.cipher.decrypt(
                    key.sealed, table="agent_keys", column="sealed", row=key.id
                )
                return opened, key.hint
        return None

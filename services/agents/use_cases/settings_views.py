"""LLM settings as people see them: with names, with what is really called, without secrets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from services.agents.domain.errors import UnsupportedDimension
from services.agents.domain.profiles import (
    Choice,
    Endpoint,
    ModelCall,
    choose_chat,
    choose_embedding,
)
from services.agents.models import LlmSettings, Model, Provider
from services.agents.repositories.unit_of_work import AgentsUnitOfWork

INACTIVE = "The LLM settings are inactive, so the platform's models are used."


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsView:
    """A settings record with its catalogue entries and what they come to."""

    settings: LlmSettings
    llm_provider: Provider
    llm_model: Model
    embedding_provider: Provider
    embedding_model: Model
    chat: Choice
    embedding: Choice
    # What a change did on the way, such as dropping a key.
    notes: tuple[str, ...] = ()

    @property
    def warnings(self) -> list[str]:
        """Everything that differs from what the settings say."""
        told = [*self.notes, self.chat.warning, self.embedding.warning]
        if not self.settings.is_active:
            told.append(INACTIVE)
        return [warning for warning in told if warning]


async def view_settings(
    uow: AgentsUnitOfWork,
    records: Sequence[LlmSettings],
    *,
    platform: ModelCall | None,
    notes: Sequence[str] = (),
) -> list[SettingsView]:
    """Add to settings what the catalogue and the platform's own models say about them."""
    provider_ids = {row.llm_provider_id for row in records}
    provider_ids |= {row.embedding_provider_id for row in records}
    model_ids = {row.llm_model_id for row in records} | {row.embedding_model_id for row in records}
    providers = await uow.providers.by_ids(provider_ids) if records else {}
    models = await uow.models.by_ids(model_ids) if records else {}
    views = []
    for row in records:
        chat_wish = endpoint(row, "llm", providers[row.llm_provider_id], models[row.llm_model_id])
        embedding_wish = endpoint(
            row,
            "embedding",
            providers[row.embedding_provider_id],
            models[row.embedding_model_id],
        )
        views.append(
            SettingsView(
                settings=row,
                llm_provider=providers[row.llm_provider_id],
                llm_model=models[row.llm_model_id],
                embedding_provider=providers[row.embedding_provider_id],
                embedding_model=models[row.embedding_model_id],
                chat=choose_chat(chat_wish if row.is_active else None, platform),
                embedding=_embedding_choice(row, embedding_wish),
                notes=tuple(notes),
            )
        )
    return views


def endpoint(
    row: LlmSettings, kind: Literal["llm", "embedding"], provider: Provider, model: Model
) -> Endpoint:
    """Return what the settings wish for, as the rules understand it."""
    is_llm = kind == "llm"
    own_url = row.llm_api_base_url if is_llm else row.embedding_api_base_url
    return Endpoint(
        kind=kind,
        provider=provider.name,
        provider_label=provider.label,
        model=model.provider_model_id,
        base_url=own_url or provider.api_base_url,
        has_key=(row.llm_api_key if is_llm else row.embedding_api_key) is not None,
        key_url=row.llm_api_key_url if is_llm else row.embedding_api_key_url,
        requires_key=provider.requires_api_key,
    )


def _embedding_choice(row: LlmSettings, wish: Endpoint) -> Choice:
    try:
        return choose_embedding(wish if row.is_active else None, dimension=row.embedding_dimension)
    except UnsupportedDimension as error:
        # Refused when it was saved; a catalogue entry may have changed since.
        platform = choose_embedding(None, dimension=row.embedding_dimension)
        return Choice(
            source=platform.source,
            provider=platform.provider,
            model=platform.model,
            warning=f"{error.message} The platform's embeddings are used.",
        )

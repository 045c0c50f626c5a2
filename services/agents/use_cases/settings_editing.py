"""Puts a caller's wishes into a settings record: names resolved, URLs checked, keys encrypted."""

from dataclasses import dataclass
from typing import Literal

from libs.common.crypto import Cipher
from services.agents.domain.catalogue import CatalogueStatus, ModelType
from services.agents.domain.changes import SettingsChange
from services.agents.domain.errors import MissingModelChoice, UnknownModel, UnknownProvider
from services.agents.domain.model_urls import ModelUrlPolicy, same_endpoint
from services.agents.domain.profiles import (
    LOCAL_PROVIDER,
    check_parameters,
    choose_embedding,
    is_redacted,
    redact,
)
from services.agents.models import LlmSettings, Model, Provider
from services.agents.repositories.unit_of_work import AgentsUnitOfWork
from services.agents.use_cases.settings_views import endpoint

Kind = Literal["llm", "embedding"]
DEFAULT_DIMENSION = 768

_PLAIN_FIELDS = (
    "llm_temperature",
    "llm_max_tokens",
    "llm_additional_params",
    "embedding_additional_params",
    "widget_script_url",
    "widget_config",
    "is_active",
)


@dataclass(frozen=True, kw_only=True)
class SettingsEditor:
    """Edits settings inside somebody else's unit of work."""

    cipher: Cipher
    policy: ModelUrlPolicy

    async def apply(
        self,
        uow: AgentsUnitOfWork,
        row: LlmSettings,
        change: SettingsChange,
        *,
        is_new: bool = False,
    ) -> list[str]:
        """Change `row`; a new one gets the platform's own models where none are named.

        Returns:
            What the caller should know, such as that a key was dropped.

        Raises:
            UnknownProvider: Lists the providers there are.
            UnknownModel: Lists the provider's models.
            MissingModelChoice: A new provider without a model, or a model without a provider.
            UnsafeModelUrl: A base URL must not be called, or not with a key.
            ReservedParameter: Additional parameters carry what they may not.
            UnsupportedDimension: No table holds vectors of the embedding model.
        """
        check_parameters(
            change.get("llm_additional_params", {}), field_name="llm_additional_params"
        )
        check_parameters(
            change.get("embedding_additional_params", {}), field_name="embedding_additional_params"
        )
        notes: list[str] = []
        for kind in ("llm", "embedding"):
            notes += await self._apply_model(uow, row, change, kind, is_new=is_new)
        for name, value in change.items():
            if name in _PLAIN_FIELDS:
                setattr(row, name, value)
        if change.get("is_default") and not row.is_default:
            await uow.settings.clear_default()
        row.is_default = change.get("is_default", row.is_default)
        return notes

    async def _apply_model(
        self,
        uow: AgentsUnitOfWork,
        row: LlmSettings,
        change: SettingsChange,
        kind: Kind,
        *,
        is_new: bool,
    ) -> list[str]:
        is_llm = kind == "llm"
        provider, model = await self._choice(uow, row, change, kind, is_new=is_new)
        model_changed = is_new or model.id != row.embedding_model_id
        setattr(row, f"{kind}_provider_id", provider.id)
        setattr(row, f"{kind}_model_id", model.id)
        if not is_llm:
            _set_dimension(row, change, model, model_changed=model_changed)
        given_url = change.get("llm_api_base_url" if is_llm else "embedding_api_base_url", ...)
        if given_url is not ...:
            setattr(row, f"{kind}_api_base_url", given_url or None)
        own_url = row.llm_api_base_url if is_llm else row.embedding_api_base_url
        url = own_url or provider.api_base_url
        notes = self._apply_key(row, change, kind, url=url)
        if url is not None and provider.name != LOCAL_PROVIDER:
            has_key = (row.llm_api_key if is_llm else row.embedding_api_key) is not None
            checked = self.policy.check(url, with_key=has_key)
            if own_url is not None:
                setattr(row, f"{kind}_api_base_url", checked)
        if not is_llm and row.is_active:
            # Said at once rather than when the first document is indexed.
            wish = endpoint(row, "embedding", provider, model)
            choose_embedding(wish, dimension=row.embedding_dimension)
        return notes

    def _apply_key(
        self, row: LlmSettings, change: SettingsChange, kind: Kind, *, url: str | None
    ) -> list[str]:
        """Store a new key with its place, and drop an old one whose place has changed."""
        field = f"{kind}_api_key"
        stored = row.llm_api_key if kind == "llm" else row.embedding_api_key
        stored_url = row.llm_api_key_url if kind == "llm" else row.embedding_api_key_url
        given = change.get("llm_api_key" if kind == "llm" else "embedding_api_key", ...)
        if isinstance(given, str) and is_redacted(given):
            given = ...
        if given is ... and stored is not None and not same_endpoint(url, stored_url):
            _set_key(row, kind, None, hint=None, url=None)
            return [f"The stored {field} was removed, since its base URL changed; send it again."]
        if isinstance(given, str) and given.strip():
            key = given.strip()
            sealed = self.cipher.encrypt(
                key.encode(), table="llm_settings", column=field, row=row.id
            )
            _set_key(row, kind, sealed, hint=redact(key), url=url)
        elif given is not ...:
            _set_key(row, kind, None, hint=None, url=None)
        return []

    async def _choice(
        self,
        uow: AgentsUnitOfWork,
        row: LlmSettings,
        change: SettingsChange,
        kind: Kind,
        *,
        is_new: bool,
    ) -> tuple[Provider, Model]:
        """Return the provider and model after the change."""
        wanted_provider = change.get("llm_provider")
        wanted_model = change.get("llm_model")
        provider_id = None if is_new else row.llm_provider_id
        model_id = row.llm_model_id
        if kind == "embedding":
            wanted_provider = change.get("embedding_provider")
            wanted_model = change.get("embedding_model")
            provider_id = None if is_new else row.embedding_provider_id
            model_id = row.embedding_model_id
        if wanted_provider is None and provider_id is not None:
            if wanted_model is None:
                # Nothing to choose: also where the catalogue has dropped the entry since.
                providers = await uow.providers.by_ids([provider_id])
                models = await uow.models.by_ids([model_id])
                return providers[provider_id], models[model_id]
            wanted_provider = str(provider_id)
        if wanted_provider is None and wanted_model is not None:
            raise MissingModelChoice(
                f"Name the {kind}_provider that {wanted_model!r} belongs to.",
                details={"field": f"{kind}_provider"},
            )
        provider = await _find_provider(
            uow, wanted_provider or LOCAL_PROVIDER, field=f"{kind}_provider"
        )
        models_there = [
            model
            for model in await uow.models.of_providers([provider.id])
            if model.is_for(ModelType(kind)) and model.status != CatalogueStatus.INACTIVE
        ]
        if wanted_model is None and provider.id == provider_id:
            wanted_model = str(model_id)
        if wanted_model is None and provider.name == LOCAL_PROVIDER and models_there:
            return provider, models_there[0]
        available = [model.name for model in models_there]
        if wanted_model is None:
            raise MissingModelChoice(
                f"Name the {kind}_model of {provider.label}: {', '.join(available) or 'none yet'}.",
                details={"field": f"{kind}_model", "available": available},
            )
        for model in models_there:
            if model.is_called(wanted_model):
                return provider, model
        raise UnknownModel(
            wanted_model, provider=provider.label, field=f"{kind}_model", available=available
        )


async def _find_provider(uow: AgentsUnitOfWork, name: str, *, field: str) -> Provider:
    providers = await uow.providers.visible()
    for provider in providers:
        if provider.is_called(name):
            return provider
    available = [
        provider.name for provider in providers if provider.status == CatalogueStatus.ACTIVE
    ]
    raise UnknownProvider(name, field=field, available=available)


def _set_dimension(
    row: LlmSettings, change: SettingsChange, model: Model, *, model_changed: bool
) -> None:
    given = change.get("embedding_dimension")
    if given is not None:
        row.embedding_dimension = given
    elif model_changed:
        row.embedding_dimension = model.embedding_dimension or DEFAULT_DIMENSION


def _set_key(
    row: LlmSettings, kind: Kind, sealed: bytes | None, *, hint: str | None, url: str | None
) -> None:
    setattr(row, f"{kind}_api_key", sealed)
    setattr(row, f"{kind}_api_key_hint", hint)
    setattr(row, f"{kind}_api_key_url", url)

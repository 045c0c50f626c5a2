"""Providers and models as clients send and read them.

The published SDKs and the platform's own description name the same things differently; both are
read, and both are written.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, cast
from uuid import UUID

from pydantic import AliasChoices, BeforeValidator, Field

from libs.common.database import PLATFORM_TENANT
from services.agents.domain.catalogue import CatalogueStatus, ModelType
from services.agents.domain.changes import ModelChange, ProviderChange
from services.agents.models import Model, Provider
from services.agents.schemas.common import (
    Input,
    JsonObject,
    LongText,
    Name,
    Output,
    ShortText,
    WebAddress,
)
from services.agents.use_cases.browse_catalogue import Catalogue
from services.agents.use_cases.import_catalogue import ImportEntry, ImportOutcome

MAX_IMPORTED = 100
MAX_IMPORTED_MODELS = 500

Kind = Annotated[
    ModelType, BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)
]
Tokens = Annotated[int, Field(ge=1, le=100_000_000)]
Price = Annotated[float, Field(ge=0, le=100_000)]


class ProviderPatch(Input):
    """Changes to a provider; what is left out stays."""

    name: Name | None = Field(default=None, validation_alias=AliasChoices("name", "value"))
    label: Name | None = None
    description: LongText | None = None
    type: Kind | None = Field(default=None, validation_alias=AliasChoices("type", "provider_type"))
    api_base_url: WebAddress | None = Field(
        default=None, validation_alias=AliasChoices("api_base_url", "default_base_url")
    )
    requires_api_key: bool | None = None
    pricing: JsonObject | None = None
    pricing_tier: ShortText | None = None
    status: CatalogueStatus | None = None

    def change(self) -> ProviderChange:
        """Return what was given, by the names of our tables."""
        given = self.model_dump(exclude_unset=True, mode="json", exclude={"models"})
        tier = given.pop("pricing_tier", None)
        if tier is not None:
            given["pricing"] = {**(given.get("pricing") or {}), "tier": tier}
        return cast("ProviderChange", _renamed(given, {"type": "provider_type"}))


class ProviderIn(ProviderPatch):
    """A new provider of the company's own; its API is OpenAI-compatible."""

    name: Name = Field(validation_alias=AliasChoices("name", "value"))
    type: Kind = Field(
        default=ModelType.BOTH, validation_alias=AliasChoices("type", "provider_type")
    )

    def change(self) -> ProviderChange:
        """Return it with its type, also when that was not given."""
        return {"provider_type": self.type.value, **super().change()}


class ModelPatch(Input):
    """Changes to a model; what is left out stays. Prices are per 1,000 tokens."""

    name: Name | None = None
    display_name: Name | None = None
    type: Kind | None = Field(default=None, validation_alias=AliasChoices("type", "model_type"))
    provider_model_id: Name | None = None
    context_window: Tokens | None = Field(
        default=None,
        validation_alias=AliasChoices("context_window", "context_length", "context"),
    )
    embedding_dimension: Annotated[int, Field(ge=1, le=16_384)] | None = Field(
        default=None, validation_alias=AliasChoices("embedding_dimension", "dimension")
    )
    input_price: Price | None = Field(
        default=None, validation_alias=AliasChoices("input_price", "cost_per_1k_tokens_input")
    )
    output_price: Price | None = Field(
        default=None, validation_alias=AliasChoices("output_price", "cost_per_1k_tokens_output")
    )
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    supports_streaming: bool | None = None
    supports_functions: bool | None = None
    supports_vision: bool | None = None
    status: CatalogueStatus | None = None

    def change(self) -> ModelChange:
        """Return what was given, by the names of our tables."""
        given = self.model_dump(exclude_unset=True, mode="json")
        features = {
            name: given.pop(name)
            for name in ("supports_streaming", "supports_functions", "supports_vision")
            if name in given
        }
        if features:
            given["features"] = features
        return cast("ModelChange", _renamed(given, {"type": "model_type"}))


class ModelIn(ModelPatch):
    """A new model of a provider."""

    name: Name
    type: Kind = Field(default=ModelType.LLM, validation_alias=AliasChoices("type", "model_type"))

    def change(self) -> ModelChange:
        """Return it with its type, also when that was not given."""
        return {"model_type": self.type.value, **super().change()}


class ProviderWithModelsIn(ProviderIn):
    """A provider and its models, for import."""

    models: list[ModelIn] = Field(default=[], max_length=MAX_IMPORTED_MODELS)


class ImportIn(Input):
    """Providers with their models."""

    providers: list[ProviderWithModelsIn] = Field(default=[], max_length=MAX_IMPORTED)

    def entries(self) -> list[ImportEntry]:
        """Return what is to be imported."""
        return [
            ImportEntry(
                provider=provider.change(), models=[model.change() for model in provider.models]
            )
            for provider in self.providers
        ]


_NULLABLE = frozenset(
    {
        "api_base_url",
        "context_window",
        "description",
        "embedding_dimension",
        "input_price",
        "output_price",
    }
)


def _renamed(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {
        names.get(name, name): value
        for name, value in given.items()
        if value is not None or name in _NULLABLE
    }


class ModelOut(Output):
    """A model, under the names of all clients."""

    id: UUID
    provider_id: UUID
    name: str
    value: str
    display_name: str
    label: str
    model_type: str
    type: str
    provider_model_id: str
    context: int | None
    context_window: int | None
    context_length: int | None
    dimension: int | None
    embedding_dimension: int | None
    input_price: float | None
    output_price: float | None
    cost_per_1k_tokens_input: float | None
    cost_per_1k_tokens_output: float | None
    currency: str
    features: dict[str, Any]
    status: str
    is_shared: bool = Field(description="Of the platform's catalogue, unchanged.")

    @classmethod
    def of(cls, model: Model) -> "ModelOut":
        """Show a model."""
        input_price = None if model.input_price is None else float(model.input_price)
        output_price = None if model.output_price is None else float(model.output_price)
        return cls(
            id=model.id,
            provider_id=model.provider_id,
            name=model.name,
            value=model.name,
            display_name=model.display_name,
            label=model.display_name,
            model_type=model.model_type,
            type=model.model_type,
            provider_model_id=model.provider_model_id,
            context=model.context_window,
            context_window=model.context_window,
            context_length=model.context_window,
            dimension=model.embedding_dimension,
            embedding_dimension=model.embedding_dimension,
            input_price=input_price,
            output_price=output_price,
            cost_per_1k_tokens_input=input_price,
            cost_per_1k_tokens_output=output_price,
            currency=model.currency,
            features=model.features,
            status=model.status,
            is_shared=model.tenant_id == PLATFORM_TENANT,
        )


class ProviderOut(Output):
    """A provider, under the names of all clients."""

    id: UUID
    name: str
    value: str
    label: str
    description: str | None
    provider_type: str
    type: str
    requires_api_key: bool
    api_base_url: str | None
    default_base_url: str | None
    pricing: dict[str, Any]
    status: str
    is_shared: bool = Field(description="Of the platform's catalogue, unchanged.")
    models: list[ModelOut] | None = None

    @classmethod
    def of(cls, provider: Provider, models: Sequence[Model] | None = None) -> "ProviderOut":
        """Show a provider, with its models when they are given."""
        return cls(
            id=provider.id,
            name=provider.name,
            value=provider.name,
            label=provider.label,
            description=provider.description,
            provider_type=provider.provider_type,
            type=provider.provider_type,
            requires_api_key=provider.requires_api_key,
            api_base_url=provider.api_base_url,
            default_base_url=provider.api_base_url,
            pricing=provider.pricing,
            status=provider.status,
            is_shared=provider.tenant_id == PLATFORM_TENANT,
            models=None if models is None else [ModelOut.of(model) for model in models],
        )


class ProviderList(Output):
    """Providers, under both names that clients look for."""

    providers: list[ProviderOut]
    data: list[ProviderOut]
    total: int

    @classmethod
    def of(cls, catalogue: Catalogue, *, with_models: bool) -> "ProviderList":
        """Show providers."""
        shown = [
            ProviderOut.of(provider, catalogue.models.get(provider.id, ()) if with_models else None)
            for provider in catalogue.providers
        ]
        return cls(providers=shown, data=shown, total=len(shown))


class ProviderReply(Output):
    """One provider under its resource's name, with id and name again at the top."""

    provider: ProviderOut
    id: UUID
    name: str
    message: str | None = None

    @classmethod
    def of(
        cls,
        provider: Provider,
        models: Sequence[Model] | None = None,
        *,
        message: str | None = None,
    ) -> "ProviderReply":
        """Show one provider."""
        shown = ProviderOut.of(provider, models)
        return cls(provider=shown, id=provider.id, name=provider.name, message=message)


class ModelList(Output):
    """A provider's models, under both names that clients look for."""

    models: list[ModelOut]
    data: list[ModelOut]
    provider: ProviderOut
    total: int

    @classmethod
    def of(cls, catalogue: Catalogue) -> "ModelList":
        """Show the models of a catalogue's one provider."""
        (provider,) = catalogue.providers
        shown = [ModelOut.of(model) for model in catalogue.models.get(provider.id, ())]
        return cls(models=shown, data=shown, provider=ProviderOut.of(provider), total=len(shown))


class ModelReply(Output):
    """One model under its resource's name, with id and name again at the top."""

    model: ModelOut
    id: UUID
    name: str
    message: str | None = None

    @classmethod
    def of(cls, model: Model, *, message: str | None = None) -> "ModelReply":
        """Show one model."""
        return cls(model=ModelOut.of(model), id=model.id, name=model.name, message=message)


class ImportReply(Output):
    """What an import added."""

    message: str
    providers: list[ProviderOut]
    providers_created: int
    models_created: int
    skipped: int

    @classmethod
    def of(cls, outcome: ImportOutcome) -> "ImportReply":
        """Show it."""
        return cls(
            message=f"{len(outcome.providers)} provider(s) and {outcome.models_created}"
            f" model(s) were added; {outcome.skipped} were there already.",
            providers=[ProviderOut.of(provider) for provider in outcome.providers],
            providers_created=len(outcome.providers),
            models_created=outcome.models_created,
            skipped=outcome.skipped,
        )


class ProviderChoices(Output):
    """The catalogue by purpose, as a settings form needs it."""

    llm_providers: list[ProviderOut]
    embedding_providers: list[ProviderOut]
    metadata: dict[str, Any]

    @classmethod
    def of(cls, catalogue: Catalogue, *, platform_chat_model: str | None) -> "ProviderChoices":
        """Sort providers by what they offer."""
        by_kind: dict[ModelType, list[ProviderOut]] = {}
        for kind in (ModelType.LLM, ModelType.EMBEDDING):
            by_kind[kind] = []
            for provider in catalogue.providers:
                models = [
                    model for model in catalogue.models.get(provider.id, ()) if model.is_for(kind)
                ]
                if provider.provider_type in (kind, ModelType.BOTH):
                    by_kind[kind].append(ProviderOut.of(provider, models))
        return cls(
            llm_providers=by_kind[ModelType.LLM],
            embedding_providers=by_kind[ModelType.EMBEDDING],
            metadata={
                "total_llm_providers": len(by_kind[ModelType.LLM]),
                "total_embedding_providers": len(by_kind[ModelType.EMBEDDING]),
                "platform_chat_model": platform_chat_model,
                "default_provider": "knowrithm-local",
            },
        )


class SeedReply(Output):
    """That the catalogue is there."""

    message: str
    providers_count: int
    models_count: int

    @classmethod
    def of(cls, catalogue: Catalogue) -> "SeedReply":
        """Count it."""
        return cls(
            message="The catalogue is in place.",
            providers_count=len(catalogue.providers),
            models_count=sum(len(models) for models in catalogue.models.values()),
        )

"""Show providers and models as the tenant sees them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.agents.domain.catalogue import ModelType
from services.agents.domain.errors import ModelNotFound, ProviderNotFound
from services.agents.models import Model, Provider
from services.agents.repositories.unit_of_work import AgentsUnitOfWork, OpenUnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Providers, and their models by provider."""

    providers: Sequence[Provider]
    models: Mapping[UUID, Sequence[Model]]


@dataclass(frozen=True, kw_only=True)
class BrowseCatalogue:
    """Show the platform's catalogue with the tenant's own changes to it."""

    unit_of_work: OpenUnitOfWork

    async def all(self, *, kind: ModelType | None, status: str | None) -> Catalogue:
        """Return the providers that offer `kind` of models, with those models."""
        async with self.unit_of_work() as uow:
            providers = [
                provider
                for provider in await uow.providers.visible()
                if _offers(provider, kind) and status in (None, provider.status)
            ]
            models = await uow.models.of_providers([provider.id for provider in providers])
        return Catalogue(providers=providers, models=_by_provider(models, kind))

    async def provider(self, provider_id: UUID, *, kind: ModelType | None = None) -> Catalogue:
        """Return one provider with its models of this kind.

        Raises:
            ProviderNotFound: There is none with this id.
        """
        async with self.unit_of_work() as uow:
            provider = await visible_provider(uow, provider_id)
            models = await uow.models.of_providers([provider_id])
        return Catalogue(providers=[provider], models=_by_provider(models, kind))

    async def model(self, provider_id: UUID, model_id: UUID) -> Model:
        """Raises `ProviderNotFound` or `ModelNotFound`."""
        async with self.unit_of_work() as uow:
            await visible_provider(uow, provider_id)
            model = await uow.models.seen(model_id, provider_id=provider_id)
        if model is None:
            raise ModelNotFound
        return model


async def visible_provider(uow: AgentsUnitOfWork, provider_id: UUID) -> Provider:
    """Return a provider that the tenant can see.

    Raises:
        ProviderNotFound: There is none with this id.
    """
    provider = await uow.providers.seen(provider_id)
    if provider is None:
        raise ProviderNotFound
    return provider


def _offers(provider: Provider, kind: ModelType | None) -> bool:
    return kind in (None, ModelType.BOTH) or provider.provider_type in (kind, ModelType.BOTH)


def _by_provider(models: Sequence[Model], kind: ModelType | None) -> dict[UUID, list[Model]]:
    sorted_in: dict[UUID, list[Model]] = {}
    for model in models:
        if kind in (None, ModelType.BOTH) or model.is_for(kind):
            sorted_in.setdefault(model.provider_id, []).append(model)
    return sorted_in

"""Add, change and delete models: a tenant's own, or its view of a shared one."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.database.models import utc_now
from libs.common.ids import new_id
from services.agents.domain.catalogue import CatalogueStatus, ModelType
from services.agents.domain.changes import ModelChange
from services.agents.domain.errors import ModelExists, ModelNotFound
from services.agents.models import Model, Provider
from services.agents.repositories.unit_of_work import AgentsUnitOfWork, OpenUnitOfWork
from services.agents.use_cases.browse_catalogue import visible_provider


@dataclass(frozen=True, kw_only=True)
class EditModels:
    """What a tenant changes on a shared model becomes a row of its own that shadows it."""

    unit_of_work: OpenUnitOfWork

    async def create(self, provider_id: UUID, change: ModelChange) -> Model:
        """Raises `ProviderNotFound`, or `ModelExists` for a taken name."""
        async with self.unit_of_work() as uow:
            await uow.providers.lock_catalogue()
            provider = await visible_provider(uow, provider_id)
            return await add_model(uow, provider, change)

    async def update(self, provider_id: UUID, model_id: UUID, change: ModelChange) -> Model:
        """Raises `ProviderNotFound`, `ModelNotFound` or `ModelExists`."""
        async with self.unit_of_work() as uow:
            await uow.providers.lock_catalogue()
            model = await self._own(uow, provider_id, model_id)
            await _set(uow, model, change)
            model.updated_at = utc_now()
        return model

    async def delete(self, provider_id: UUID, model_id: UUID) -> Model:
        """Raises `ProviderNotFound` or `ModelNotFound`. Settings that use it keep working."""
        async with self.unit_of_work() as uow:
            await uow.providers.lock_catalogue()
            model = await self._own(uow, provider_id, model_id)
            model.deleted_at = utc_now()
        return model

    async def _own(self, uow: AgentsUnitOfWork, provider_id: UUID, model_id: UUID) -> Model:
        await visible_provider(uow, provider_id)
        model = await uow.models.seen(model_id, provider_id=provider_id)
        if model is None:
            raise ModelNotFound
        return await uow.models.own(model)


async def add_model(uow: AgentsUnitOfWork, provider: Provider, change: ModelChange) -> Model:
    """Add a model of the tenant's own to a provider it can see.

    Raises:
        ModelExists: The provider has one of this name and type already.
    """
    model = Model(
        id=new_id(),
        provider_id=provider.id,
        display_name=change["name"],
        provider_model_id=change["name"],
        model_type=ModelType.LLM.value,
        currency="USD",
        features={},
        status=CatalogueStatus.ACTIVE.value,
    )
    await _set(uow, model, change)
    uow.models.add(model)
    await uow.session.flush()
    return model


async def _set(uow: AgentsUnitOfWork, model: Model, change: ModelChange) -> None:
    name = change.get("name", model.name or "").lower()
    kind = change.get("model_type", model.model_type)
    for other in await uow.models.of_providers([model.provider_id]):
        if other.id != model.id and other.name.lower() == name and other.model_type == kind:
            raise ModelExists
    for field, value in change.items():
        setattr(model, field, value)

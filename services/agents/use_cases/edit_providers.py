"""Add, change and delete providers: a tenant's own, or its view of a shared one."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.database.models import utc_now
from libs.common.ids import new_id
from services.agents.domain.catalogue import CatalogueStatus
from services.agents.domain.changes import ProviderChange
from services.agents.domain.errors import ProviderExists
from services.agents.domain.model_urls import ModelUrlPolicy
from services.agents.models import Provider
from services.agents.repositories.unit_of_work import AgentsUnitOfWork, OpenUnitOfWork
from services.agents.use_cases.browse_catalogue import visible_provider


@dataclass(frozen=True, kw_only=True)
class EditProviders:
    """What a tenant changes on a shared provider becomes a row of its own that shadows it."""

    unit_of_work: OpenUnitOfWork
    policy: ModelUrlPolicy

    async def create(self, change: ProviderChange) -> Provider:
        """Raises `ProviderExists` for a taken name, `UnsafeModelUrl` for a bad base URL."""
        async with self.unit_of_work() as uow:
            await uow.providers.lock_catalogue()
            return await add_provider(uow, change, self.policy)

    async def update(self, provider_id: UUID, change: ProviderChange) -> Provider:
        """Raises `ProviderNotFound`, `ProviderExists` or `UnsafeModelUrl`."""
        async with self.unit_of_work() as uow:
            await uow.providers.lock_catalogue()
            provider = await uow.providers.own(await visible_provider(uow, provider_id))
            await _set(uow, provider, change, self.policy)
            provider.updated_at = utc_now()
        return provider

    async def delete(self, provider_id: UUID) -> Provider:
        """Raises `ProviderNotFound`. Settings that use the provider keep working."""
        async with self.unit_of_work() as uow:
            await uow.providers.lock_catalogue()
            provider = await uow.providers.own(await visible_provider(uow, provider_id))
            provider.deleted_at = utc_now()
        return provider


async def add_provider(
    uow: AgentsUnitOfWork, change: ProviderChange, policy: ModelUrlPolicy
) -> Provider:
    """Add a provider of the tenant's own; one without a key asks for none.

    Raises:
        ProviderExists: The tenant sees one of this name already.
        UnsafeModelUrl: The base URL must not be called.
    """
    provider = Provider(
        id=new_id(),
        label=change["name"],
        status=CatalogueStatus.ACTIVE.value,
        requires_api_key=False,
        pricing={},
    )
    await _set(uow, provider, change, policy)
    uow.providers.add(provider)
    await uow.session.flush()
    return provider


async def _set(
    uow: AgentsUnitOfWork, provider: Provider, change: ProviderChange, policy: ModelUrlPolicy
) -> None:
    if "name" in change:
        for other in await uow.providers.visible():
            if other.id != provider.id and other.name.lower() == change["name"].lower():
                raise ProviderExists
    url = change.get("api_base_url")
    if url:
        change["api_base_url"] = policy.check(url, with_key=False)
    for name, value in change.items():
        setattr(provider, name, value)

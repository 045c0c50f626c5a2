"""The catalogue: the platform's providers and models, shadowed by the tenant's own.

An own row with a shared row's id stands in for it, and hides it when it is marked deleted. A
shadow may change anything, so rows are merged before they are filtered; there are few of them.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Select, func, select

from libs.common.database import PLATFORM_TENANT, TenantRepository
from services.agents.domain.catalogue import ModelType
from services.agents.models import Model, Provider

C = TypeVar("C", Provider, Model)


def _merge(rows: Iterable[C]) -> list[C]:
    """Keep one row an id, the tenant's own rather than the shared one."""
    merged: dict[UUID, C] = {}
    for row in rows:
        if row.id not in merged or row.tenant_id != PLATFORM_TENANT:
            merged[row.id] = row
    return list(merged.values())


def _readable(model: type[C], tenant_id: UUID) -> Select[C]:
    return (
        select(model)
        .where(model.tenant_id.in_([tenant_id, PLATFORM_TENANT]))
        .order_by(model.created_at, model.id)
    )


class ProviderRepository(TenantRepository[Provider]):
    """Providers as the tenant sees them."""

    model = Provider

    async def lock_catalogue(self) -> None:
        """Let nobody else of the tenant change providers or models until we commit.

        Names are unique and shadows are made once, which two at a time could not see to.
        """
        lock = func.pg_advisory_xact_lock(func.hashtext(f"{self.tenant_id}:catalogue"))
        await self.session.execute(select(lock))

    async def visible(self) -> list[Provider]:
        """Return all providers that the tenant has not deleted, by label."""
        rows = await self.session.scalars(_readable(Provider, self.tenant_id))
        living = [row for row in _merge(rows) if row.deleted_at is None]
        return sorted(living, key=lambda provider: provider.label.lower())

    async def seen(self, provider_id: UUID) -> Provider | None:
        """Return the tenant's view of one provider, unless it was deleted."""
        found = (await self.by_ids([provider_id])).get(provider_id)
        return found if found is not None and found.deleted_at is None else None

    async def by_ids(self, ids: Collection[UUID]) -> dict[UUID, Provider]:
        """Return the tenant's view of these providers, deleted ones included."""
        query = _readable(Provider, self.tenant_id).where(Provider.id.in_(ids))
        return {row.id: row for row in _merge(await self.session.scalars(query))}

    async def own(self, provider: Provider) -> Provider:
        """Return the tenant's own row for a provider, made from the shared one if need be."""
        if provider.tenant_id == self.tenant_id:
            return provider
        shadow = provider.shadow()
        self.add(shadow)
        return shadow


class ModelRepository(TenantRepository[Model]):
    """Models as the tenant sees them."""

    model = Model

    async def of_providers(self, provider_ids: Collection[UUID]) -> Sequence[Model]:
        """Return the models of these providers that the tenant has not deleted, by name."""
        query = _readable(Model, self.tenant_id).where(Model.provider_id.in_(provider_ids))
        living = [row for row in _merge(await self.session.scalars(query)) if not row.deleted_at]
        return sorted(living, key=lambda model: model.name.lower())

    async def seen(self, model_id: UUID, *, provider_id: UUID) -> Model | None:
        """Return the tenant's view of one model of this provider, unless it was deleted."""
        found = (await self.by_ids([model_id])).get(model_id)
        if found is None or found.deleted_at is not None or found.provider_id != provider_id:
            return None
        return found

    async def shared(self, *, provider: str, model: str) -> Model | None:
        """Return the platform's entry for a chat model, whatever the tenant has made of it."""
        query = (
            select(Model)
            .join(
                Provider,
                (Provider.tenant_id == Model.tenant_id) & (Provider.id == Model.provider_id),
            )
            .where(
                Model.tenant_id == PLATFORM_TENANT,
                Provider.name == provider,
                Model.provider_model_id == model,
                Model.model_type != ModelType.EMBEDDING,
                Model.deleted_at.is_(None),
            )
            .order_by(Model.id)
            .limit(1)
        )
        return (await self.session.scalars(query)).first()

    async def by_ids(self, ids: Collection[UUID]) -> dict[UUID, Model]:
        """Return the tenant's view of these models, deleted ones included."""
        query = _readable(Model, self.tenant_id).where(Model.id.in_(ids))
        return {row.id: row for row in _merge(await self.session.scalars(query))}

    async def own(self, model: Model) -> Model:
        """Return the tenant's own row for a model, made from the shared one if need be."""
        if model.tenant_id == self.tenant_id:
            return model
        shadow = model.shadow()
        self.add(shadow)
        return shadow

"""Add many providers and models at once; what is there already is left as it is."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.agents.domain.changes import ModelChange, ProviderChange
from services.agents.domain.model_urls import ModelUrlPolicy
from services.agents.models import Provider
from services.agents.repositories.unit_of_work import OpenUnitOfWork
from services.agents.use_cases.edit_models import add_model
from services.agents.use_cases.edit_providers import add_provider


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportEntry:
    """One provider with its models."""

    provider: ProviderChange
    models: Sequence[ModelChange]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOutcome:
    """What was added, and how much was there already."""

    providers: Sequence[Provider]
    models_created: int
    skipped: int


@dataclass(frozen=True, kw_only=True)
class ImportCatalogue:
    """All of it, or nothing; importing twice is the same as once."""

    unit_of_work: OpenUnitOfWork
    policy: ModelUrlPolicy

    async def __call__(self, entries: Sequence[ImportEntry]) -> ImportOutcome:
        """Raises `UnsafeModelUrl` for a bad base URL."""
        created: list[Provider] = []
        models_created = skipped = 0
        async with self.unit_of_work() as uow:
            await uow.providers.lock_catalogue()
            for entry in entries:
                known = {
                    provider.name.lower(): provider for provider in await uow.providers.visible()
                }
                provider = known.get(entry.provider["name"].lower())
                if provider is None:
                    provider = await add_provider(uow, entry.provider, self.policy)
                    created.append(provider)
                else:
                    skipped += 1
                there = {
                    (model.name.lower(), model.model_type)
                    for model in await uow.models.of_providers([provider.id])
                }
                for change in entry.models:
                    key = (change["name"].lower(), change.get("model_type", "llm"))
                    if key in there:
                        skipped += 1
                        continue
                    there.add(key)
                    await add_model(uow, provider, change)
                    models_created += 1
        return ImportOutcome(providers=created, models_created=models_created, skipped=skipped)

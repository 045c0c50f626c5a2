"""Remove LLM settings for good, keys included."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.events.catalogue.agents import SettingsUpdated
from services.agents.domain.errors import SettingsAreDefault, SettingsInUse, SettingsNotFound
from services.agents.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class DeleteSettings:
    """Remove settings that nothing depends on any more."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, settings_id: UUID) -> None:
        """Raises `SettingsNotFound`, `SettingsAreDefault` or `SettingsInUse`."""
        async with self.unit_of_work() as uow:
            row = await uow.settings.locked(settings_id)
            if row is None:
                raise SettingsNotFound
            if row.is_default:
                raise SettingsAreDefault
            users = await uow.agents.count_using(settings_id)
            if users:
                raise SettingsInUse(
                    f"{users} agent{'s' if users > 1 else ''} still use these settings."
                    " Give them others first.",
                    details={"agents": users},
                )
            await uow.agents.forget_settings(settings_id)
            await uow.versions.forget_keys(settings_id, kinds=("llm", "embedding"))
            await uow.settings.remove(row)
            uow.outbox.record(
                SettingsUpdated(settings_id=settings_id),
                aggregate_id=settings_id,
                aggregate_version=row.version + 1,
            )

"""Show and set what holds for all that a company's agents say."""

from dataclasses import dataclass

from libs.common.events.catalogue.agents import GuardrailsUpdated
from services.agents.domain.guardrails import Guardrails
from services.agents.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class ShowGuardrails:
    """Tell what is set."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self) -> Guardrails:
        """Return it; the defaults where nothing is."""
        async with self.unit_of_work() as uow:
            return await uow.guardrails.current()


@dataclass(frozen=True, kw_only=True)
class SetGuardrails:
    """Set all of it; agents heed it within seconds."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, guardrails: Guardrails) -> Guardrails:
        """Return what holds now."""
        async with self.unit_of_work() as uow:
            await uow.guardrails.put(guardrails)
            uow.outbox.record(
                GuardrailsUpdated(link_host_count=len(guardrails.link_hosts)),
                aggregate_id=uow.tenant_id,
            )
        return guardrails

"""One tenant's transaction over everything that agents own."""

from functools import cached_property
from typing import Protocol

from libs.common.unit_of_work import UnitOfWork
from services.agents.repositories.agent_stats import AgentStatsRepository
from services.agents.repositories.agent_versions import AgentVersionRepository
from services.agents.repositories.agents import AgentRepository
from services.agents.repositories.budgets import BudgetRepository
from services.agents.repositories.guardrails import GuardrailRepository
from services.agents.repositories.llm_settings import LlmSettingsRepository
from services.agents.repositories.providers import ModelRepository, ProviderRepository


class AgentsUnitOfWork(UnitOfWork):
    """All or nothing: agents, settings, catalogue, outbox."""

    @cached_property
    def agents(self) -> AgentRepository:
        """The tenant's agents."""
        return AgentRepository(self.session, self.tenant_id)

    @cached_property
    def versions(self) -> AgentVersionRepository:
        """The versions of the tenant's agents."""
        return AgentVersionRepository(self.session, self.tenant_id)

    @cached_property
    def budgets(self) -> BudgetRepository:
        """What the tenant's agents may spend."""
        return BudgetRepository(self.session, self.tenant_id)

    @cached_property
    def settings(self) -> LlmSettingsRepository:
        """The tenant's LLM settings."""
        return LlmSettingsRepository(self.session, self.tenant_id)

    @cached_property
    def providers(self) -> ProviderRepository:
        """Providers as the tenant sees them."""
        return ProviderRepository(self.session, self.tenant_id)

    @cached_property
    def models(self) -> ModelRepository:
        """Models as the tenant sees them."""
        return ModelRepository(self.session, self.tenant_id)

    @cached_property
    def guardrails(self) -> GuardrailRepository:
        """What holds for all that the tenant's agents say."""
        return GuardrailRepository(self.session, self.tenant_id)

    @cached_property
    def stats(self) -> AgentStatsRepository:
        """What other services told about the tenant's agents."""
        return AgentStatsRepository(self.session, self.tenant_id)


class OpenUnitOfWork(Protocol):
    """Opens a unit of work of the tenant at hand."""

    def __call__(self) -> AgentsUnitOfWork:
        """Return one that has not begun yet."""
        ...

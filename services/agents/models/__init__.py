"""The tables of agents."""

from services.agents.models.agent_stats import AgentStats, KnownDocument
from services.agents.models.agent_versions import (
    AgentKey,
    AgentPublication,
    AgentVersion,
    AgentVersionStats,
)
from services.agents.models.agents import Agent
from services.agents.models.base import Base
from services.agents.models.budgets import Budget
from services.agents.models.closed_tenants import ClosedTenant
from services.agents.models.guardrails import GuardrailRow
from services.agents.models.llm_settings import LlmSettings
from services.agents.models.providers import Model, Provider

__all__ = [
    "Agent",
    "AgentKey",
    "AgentPublication",
    "AgentStats",
    "AgentVersion",
    "AgentVersionStats",
    "Base",
    "Budget",
    "ClosedTenant",
    "GuardrailRow",
    "KnownDocument",
    "LlmSettings",
    "Model",
    "Provider",
]

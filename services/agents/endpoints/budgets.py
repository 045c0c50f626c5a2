"""Budgets: what agents and the company may spend on chat models."""

from uuid import UUID

from fastapi import APIRouter

from libs.common.http import errors
from services.agents.domain.errors import AgentNotFound
from services.agents.endpoints.access import ReadAgents, ReadConfig, WriteConfig
from services.agents.schemas.budgets import BudgetsIn, BudgetsOut

router = APIRouter(prefix="/api/v1", tags=["budgets"])


@router.get("/agent/{agent_id}/budget", responses=errors(AgentNotFound))
async def get_agent_budgets(agent_id: UUID, use: ReadAgents) -> BudgetsOut:
    """Show what an agent may spend; what it has spent is under `budget/usage`."""
    return BudgetsOut.of(agent_id, await use.budgets.of(agent_id))


@router.put("/agent/{agent_id}/budget", responses=errors(AgentNotFound))
async def set_agent_budgets(agent_id: UUID, body: BudgetsIn, use: WriteConfig) -> BudgetsOut:
    """Set what an agent may spend a day or a month; parallel answers cannot spend more."""
    rules = [one.rule("agent") for one in body.budgets]
    return BudgetsOut.of(agent_id, await use.budgets.set(agent_id, rules))


@router.get("/budget")
async def get_company_budgets(use: ReadConfig) -> BudgetsOut:
    """Show what all agents of the company may spend together."""
    return BudgetsOut.of(None, await use.budgets.of(None))


@router.put("/budget")
async def set_company_budgets(body: BudgetsIn, use: WriteConfig) -> BudgetsOut:
    """Set what all agents of the company may spend together."""
    rules = [one.rule("company") for one in body.budgets]
    return BudgetsOut.of(None, await use.budgets.set(None, rules))

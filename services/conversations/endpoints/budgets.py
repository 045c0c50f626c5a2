"""What agents have spent of their budgets."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from libs.common.http import errors
from libs.common.security import Scope
from services.conversations.domain.errors import AgentNotFound
from services.conversations.endpoints.access import Admitted, admitted
from services.conversations.schemas.budgets import BudgetUsesOut

router = APIRouter(prefix="/api/v1/agent", tags=["budgets"])

ReadingAgents = Annotated[Admitted, Depends(admitted(Scope.AGENTS_READ))]


@router.get("/{agent_id}/budget/usage", responses=errors(AgentNotFound))
async def get_budget_usage(agent_id: UUID, caller: ReadingAgents) -> BudgetUsesOut:
    """Show the budgets that bind an agent, and what is left of each."""
    uses = await caller.use.show_budgets(caller.person.tenant_id, agent_id)
    return BudgetUsesOut.of(agent_id, uses)

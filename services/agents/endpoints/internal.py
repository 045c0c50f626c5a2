"""What other services ask about agents; closed at the gateway."""

from uuid import UUID

from fastapi import APIRouter, Response

from libs.common.http import JsonResponse, errors
from services.agents.domain.errors import AgentNotFound
from services.agents.endpoints.access import Internal

router = APIRouter(prefix="/internal/agents", tags=["internal"], include_in_schema=False)


@router.get("")
async def list_agents(use: Internal) -> Response:
    """List the tenant's agents by id and name."""
    agents = await use.get_profile.all()
    return JsonResponse({"agents": [{"id": agent.id, "name": agent.name} for agent in agents]})


@router.get("/by-name/{name:path}", responses=errors(AgentNotFound))
async def profile_by_name(name: str, use: Internal) -> Response:
    """Return the profile of the agent with this name; case does not matter."""
    return JsonResponse(await use.get_profile.by_name(name))


@router.get("/{agent_id}", responses=errors(AgentNotFound))
async def profile(agent_id: UUID, use: Internal) -> Response:
    """Return all that is needed to answer for an agent, keys included."""
    return JsonResponse(await use.get_profile.by_id(agent_id))

"""On which sites an agent's widget may be used."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from libs.common.http import JsonResponse, errors, internal_caller
from libs.common.security import Caller
from services.agents.domain.errors import AgentNotFound, SiteInvalid
from services.agents.domain.sites import MAX_SITES
from services.agents.endpoints.access import AppWiring, ReadAgents, WriteAgents

router = APIRouter(prefix="/api/v1/agent", tags=["widget"])
internal_router = APIRouter(prefix="/internal", tags=["internal"], include_in_schema=False)

_CALLERS = frozenset({"conversations", "documents"})


class SitesIn(BaseModel):
    """Sites such as `https://www.example.com` or `https://*.example.com`; none for all."""

    sites: list[Annotated[str, Field(max_length=300)]] = Field(max_length=MAX_SITES)


class SitesOut(BaseModel):
    """An agent's sites."""

    agent_id: UUID
    sites: list[str]


@router.get("/{agent_id}/sites", responses=errors(AgentNotFound))
async def list_sites(agent_id: UUID, use: ReadAgents) -> SitesOut:
    """List the sites on which the agent's widget may be used; none means all."""
    return SitesOut(agent_id=agent_id, sites=list(await use.show_sites(agent_id)))


@router.put("/{agent_id}/sites", responses=errors(AgentNotFound, SiteInvalid))
async def set_sites(agent_id: UUID, body: SitesIn, use: WriteAgents) -> SitesOut:
    """Say on which sites the agent's widget may be used."""
    return SitesOut(agent_id=agent_id, sites=list(await use.set_sites(agent_id, body.sites)))


@internal_router.get("/widget-agents/{agent_id}", responses=errors(AgentNotFound))
async def widget_agent(
    agent_id: UUID,
    wiring: AppWiring,
    _service: Annotated[Caller, Depends(internal_caller(services=_CALLERS, tenant_needed=False))],
) -> Response:
    """Return whose an active agent is, and on which sites it may be used."""
    return JsonResponse(await wiring.find_widget_agent(agent_id))

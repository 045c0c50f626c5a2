"""Agents: the plain routes and their `/sdk` twins, which answer the same."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AfterValidator

from libs.common.http import MAX_PER_PAGE, anonymous, errors, pagination
from libs.common.security import Caller, Scope
from services.agents.domain.agents import PublicAgent, Status
from services.agents.domain.errors import (
    AgentInUse,
    AgentNotDeleted,
    AgentNotFound,
    AgentWithoutSettings,
    CompanyNotFound,
    MissingModelChoice,
    SettingsNotFound,
    UnsafeModelUrl,
)
from services.agents.endpoints.access import AppWiring, ReadAgents, WriteAgents
from services.agents.repositories.agent_reader import AgentCard
from services.agents.schemas.agents import (
    AgentDeleted,
    AgentDetail,
    AgentIn,
    AgentList,
    AgentPatch,
    AgentReply,
    AgentRestored,
    AgentStatsOut,
    CloneIn,
    EmbedCodeOut,
    PublicAgentDetail,
)
from services.agents.schemas.common import ShortText

router = APIRouter(prefix="/api/v1", tags=["agents"])

DEFAULT_PER_PAGE = 10
_CHANGE_ERRORS = errors(CompanyNotFound, SettingsNotFound, MissingModelChoice, UnsafeModelUrl)


def _capped(per_page: int) -> int:
    return min(per_page, MAX_PER_PAGE)


PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]
PerPage = Annotated[int, Query(ge=1, le=1_000_000), AfterValidator(_capped)]


@router.post("/agent", status_code=201, responses=_CHANGE_ERRORS)
async def create_agent(body: AgentIn, use: WriteAgents) -> AgentReply:
    """Create an agent with its LLM settings; it can be asked at once."""
    use.check_company(body.company_id)
    view = await use.create_agent(
        body.agent_change(creating=True), body.settings_change(creating=True)
    )
    return AgentReply.of_change(view, message="The agent was created.")


@router.post("/sdk/agent", status_code=201, responses=_CHANGE_ERRORS)
async def create_agent_by_sdk(body: AgentIn, use: WriteAgents) -> AgentReply:
    """Create an agent, naming providers and models in `settings`."""
    use.check_company(body.company_id)
    view = await use.create_agent(
        body.agent_change(creating=True), body.settings_change(creating=True)
    )
    return AgentReply.of_change(view, message="The agent was created.", initiated_by="sdk")


@router.get("/agent", responses=errors(CompanyNotFound))
async def list_agents(
    *,
    use: ReadAgents,
    company_id: UUID | None = None,
    status: Status | None = None,
    search: ShortText | None = None,
    page: PageNumber = 1,
    per_page: PerPage = DEFAULT_PER_PAGE,
) -> AgentList:
    """List the company's agents, oldest first."""
    use.check_company(company_id)
    cards, total = await use.agents.page(status=status, search=search, page=page, per_page=per_page)
    return AgentList.of(cards, pagination=pagination(page=page, per_page=per_page, total=total))


# Twice, since a name may contain a slash, and may be that of another route's last segment.
@router.get("/agent/by-name/{name}", responses=errors(AgentNotFound))
@router.get("/agent/by-name/{name:path}", include_in_schema=False, name="find_agent_with_slash")
async def find_agent(
    name: ShortText, use: ReadAgents, company_id: UUID | None = None
) -> AgentDetail:
    """Find an agent by its name; case does not matter."""
    use.check_company(company_id)
    return AgentDetail.of(await use.agents.named(name))


@router.get(
    "/agent/{agent_id}",
    response_model=AgentDetail | PublicAgentDetail,
    responses=errors(AgentNotFound),
)
async def get_agent(
    agent_id: UUID, wiring: AppWiring, caller: Annotated[Caller | None, Depends(anonymous())]
) -> Response:
    """Show an agent: everything to its own company, its public face to everybody else."""
    reads = caller is not None and caller.may(Scope.AGENTS_READ)
    tenant_id = caller.tenant_id if caller is not None and reads else None
    agent = await wiring.show_agent(agent_id, tenant_id=tenant_id)
    # A hot path: written once, without FastAPI validating it again.
    return Response(_shown(agent).model_dump_json(), media_type="application/json")


def _shown(agent: AgentCard | PublicAgent) -> AgentDetail | PublicAgentDetail:
    if isinstance(agent, PublicAgent):
        return PublicAgentDetail.of(agent)
    return AgentDetail.of(agent)


@router.put("/agent/{agent_id}", responses=errors(AgentNotFound) | _CHANGE_ERRORS)
async def update_agent(agent_id: UUID, body: AgentPatch, use: WriteAgents) -> AgentReply:
    """Change an agent; what is left out stays as it is."""
    use.check_company(body.company_id)
    view = await use.update_agent(agent_id, body.agent_change(), body.settings_change())
    return AgentReply.of_change(view, message="The agent was updated.")


@router.put("/sdk/agent/{agent_id}", responses=errors(AgentNotFound) | _CHANGE_ERRORS)
async def update_agent_by_sdk(
    agent_id: UUID, body: AgentPatch, use: WriteAgents, company_id: UUID | None = None
) -> AgentReply:
    """Change an agent; what is left out stays as it is."""
    use.check_company(company_id)
    use.check_company(body.company_id)
    view = await use.update_agent(agent_id, body.agent_change(), body.settings_change())
    return AgentReply.of_change(view, message="The agent was updated.", initiated_by="sdk")


@router.delete("/agent/{agent_id}", responses=errors(AgentNotFound, AgentInUse))
async def delete_agent(agent_id: UUID, use: WriteAgents) -> AgentDeleted:
    """Delete an agent that has no active conversations; it can be restored."""
    return AgentDeleted.of(await use.delete_agent(agent_id))


@router.delete("/sdk/agent/{agent_id}", responses=errors(AgentNotFound, AgentInUse))
async def delete_agent_by_sdk(agent_id: UUID, use: WriteAgents) -> AgentDeleted:
    """Delete an agent that has no active conversations; it can be restored."""
    return AgentDeleted.of(await use.delete_agent(agent_id), initiated_by="sdk")


@router.patch("/agent/{agent_id}/restore", responses=errors(AgentNotFound, AgentNotDeleted))
async def restore_agent(agent_id: UUID, use: WriteAgents) -> AgentRestored:
    """Bring a deleted agent back."""
    card = await use.restore_agent(agent_id)
    return AgentRestored.of_card(card, message="The agent was restored.")


@router.post(
    "/agent/{agent_id}/clone",
    status_code=201,
    responses=errors(AgentNotFound, SettingsNotFound),
)
async def clone_agent(agent_id: UUID, use: WriteAgents, body: CloneIn | None = None) -> AgentReply:
    """Copy an agent and its settings; the copy is inactive, and has no documents yet."""
    wish = body or CloneIn()
    view = await use.clone_agent(agent_id, name=wish.name, settings_id=wish.llm_settings_id)
    return AgentReply.of_change(view, message="The agent was cloned.")


@router.get("/agent/{agent_id}/embed-code", responses=errors(AgentNotFound, AgentWithoutSettings))
async def get_embed_code(agent_id: UUID, use: ReadAgents) -> EmbedCodeOut:
    """Write the HTML that puts the agent's chat widget on a web page."""
    return EmbedCodeOut.of(await use.get_embed_code(agent_id))


@router.get("/agent/{agent_id}/stats", responses=errors(AgentNotFound))
async def get_agent_stats(agent_id: UUID, use: ReadAgents) -> AgentStatsOut:
    """Tell how an agent is used; the counters may lag by a moment."""
    return AgentStatsOut.of(await use.get_agent_stats(agent_id))

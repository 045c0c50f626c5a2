"""Versions of agents: looking at them, drafting, publishing, and splitting conversations."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from libs.common.http import errors, pagination
from libs.common.security import Scope
from services.agents.domain.errors import (
    AgentNotFound,
    MissingModelChoice,
    SettingsNotFound,
    SplitNotAllowed,
    UnsafeModelUrl,
    VersionNotFound,
)
from services.agents.endpoints.access import (
    KeyedReadAgents,
    WriteAgents,
)
from services.agents.endpoints.agents import DEFAULT_PER_PAGE, PageNumber, PerPage
from services.agents.schemas.versions import (
    DiffOut,
    DraftIn,
    SplitIn,
    SplitOut,
    VersionDetail,
    VersionList,
    VersionReply,
)

router = APIRouter(prefix="/api/v1/agent/{agent_id}", tags=["versions"])

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
_NOT_FOUND = errors(AgentNotFound, VersionNotFound)


@router.get("/version", responses=errors(AgentNotFound))
async def list_versions(
    agent_id: UUID, use: KeyedReadAgents, page: PageNumber = 1, per_page: PerPage = DEFAULT_PER_PAGE
) -> VersionList:
    """List an agent's versions, newest first, each with what came of it."""
    views, total = await use.versions.page(agent_id, page=page, per_page=per_page)
    return VersionList.of(views, pagination=pagination(page=page, per_page=per_page, total=total))


@router.post(
    "/version",
    status_code=201,
    responses=_NOT_FOUND | errors(SettingsNotFound, MissingModelChoice, UnsafeModelUrl),
)
async def draft_version(agent_id: UUID, body: DraftIn, use: WriteAgents) -> VersionReply:
    """Make a version without publishing it; the agent answers on as it is."""
    use.check_company(body.company_id)
    view = await use.draft_version(
        agent_id,
        body.agent_change(),
        body.settings_change(),
        base=body.based_on,
        note=body.note,
    )
    shown = VersionDetail.of_view(view, with_settings=use.caller.may(Scope.SETTINGS_READ))
    return VersionReply(**dict(shown), message=f"Version {view.version.number} was drafted.")


@router.get("/version/{number}", responses=_NOT_FOUND)
async def get_version(agent_id: UUID, number: Number, use: KeyedReadAgents) -> VersionDetail:
    """Show a version with all it holds, but keys."""
    view = await use.versions.one(agent_id, number)
    return VersionDetail.of_view(view, with_settings=use.caller.may(Scope.SETTINGS_READ))


@router.get("/version/{number}/diff", responses=_NOT_FOUND)
async def diff_versions(
    agent_id: UUID,
    number: Number,
    use: KeyedReadAgents,
    against: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> DiffOut:
    """Show what changes from another version, the live one unless named, to this one."""
    before, changes = await use.versions.diff(agent_id, number, against=against)
    may_read = use.caller.may(Scope.SETTINGS_READ)
    return DiffOut.of(before, number, changes, with_settings=may_read)


@router.post("/version/{number}/publish", responses=_NOT_FOUND)
async def publish_version(agent_id: UUID, number: Number, use: WriteAgents) -> VersionReply:
    """Make a version the live one: a draft, or an earlier one to go back to."""
    view = await use.publish_version(agent_id, number)
    shown = VersionDetail.of_view(view, with_settings=use.caller.may(Scope.SETTINGS_READ))
    return VersionReply(**dict(shown), message=f"Version {number} is live.")


@router.get("/split", responses=errors(AgentNotFound))
async def get_split(agent_id: UUID, use: KeyedReadAgents) -> SplitOut:
    """Show which versions answer, with their results side by side."""
    return SplitOut.of(*await use.versions.split(agent_id))


@router.put("/split", responses=_NOT_FOUND | errors(SplitNotAllowed))
async def set_split(agent_id: UUID, body: SplitIn, use: WriteAgents) -> SplitOut:
    """Let a version answer a share of the conversations; each conversation keeps its side."""
    await use.split_traffic(agent_id, number=body.version, percent=body.percent)
    return SplitOut.of(*await use.versions.split(agent_id))


@router.delete("/split", responses=errors(AgentNotFound))
async def end_split(agent_id: UUID, use: WriteAgents) -> SplitOut:
    """Give all conversations to the live version again."""
    await use.split_traffic(agent_id, number=None, percent=0)
    return SplitOut.of(*await use.versions.split(agent_id))

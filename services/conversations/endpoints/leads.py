"""Leads: registering at a widget, and the company's work with them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from libs.common.http import JsonResponse, anonymous, caller_with, errors, pagination, rate_limited
from libs.common.security import Caller, Scope
from services.conversations.domain.errors import (
    AgentNotFound,
    ConsentNeeded,
    InvalidEmail,
    LeadExists,
    LeadNotFound,
    LinkInvalid,
    SiteNotAllowed,
)
from services.conversations.endpoints.access import PageNumber, PerPage, wiring_of
from services.conversations.repositories.leads import LeadFilter
from services.conversations.schemas.leads import (
    LeadIn,
    LeadLinkIn,
    LeadPatch,
    RegisterLeadIn,
    ResumeIn,
    Status,
    lead_shape,
    registered_shape,
    tokens_shape,
)
from services.conversations.use_cases.register_lead import LeadProof
from services.conversations.wiring import LeadUseCases

router = APIRouter(prefix="/api/v1/lead", tags=["leads"])
sdk_router = APIRouter(prefix="/api/v1/sdk/lead", tags=["leads"])

Anybody = Annotated[Caller | None, Depends(anonymous())]
Reading = Annotated[Caller, Depends(caller_with(Scope.LEADS_READ))]
Writing = Annotated[Caller, Depends(caller_with(Scope.LEADS_WRITE))]
Updating = Annotated[Caller, Depends(caller_with(Scope.LEADS_UPDATE))]
Deleting = Annotated[Caller, Depends(caller_with(Scope.LEADS_DELETE))]


async def _lead_use_cases(request: Request) -> LeadUseCases:
    return wiring_of(request).leads


Use = Annotated[LeadUseCases, Depends(_lead_use_cases)]


@router.post(
    "/register",
    status_code=201,
    responses=errors(AgentNotFound, SiteNotAllowed, ConsentNeeded, InvalidEmail),
    dependencies=[Depends(rate_limited("lead"))],
)
async def register_lead(
    body: RegisterLeadIn, request: Request, use: Use, caller: Anybody
) -> Response:
    """Say who one is, and get tokens to talk to the agent with.

    Whether the address is known makes no difference. With the `refresh_token` of an earlier visit,
    or its token in `Authorization`, that visit goes on; without, a new one begins, which reaches
    nothing that was said before.
    """
    form = body.form()
    registered = await use.register(
        form,
        agent_id=body.agent_id,
        origin=request.headers.get("origin"),
        proof=LeadProof(refresh_token=body.refresh_token, caller=caller),
    )
    return JsonResponse(registered_shape(registered, form), status_code=201)


@router.post(
    "/link",
    responses=errors(AgentNotFound, SiteNotAllowed, InvalidEmail),
    dependencies=[Depends(rate_limited("mail"))],
)
async def request_lead_link(
    body: LeadLinkIn, request: Request, use: Use, _caller: Anybody
) -> Response:
    """Have a link to one's earlier chats mailed, if there are any under the address."""
    await use.request_link(
        body.email,
        agent_id=body.agent_id,
        page=body.page_url,
        origin=request.headers.get("origin"),
    )
    return JsonResponse(
        {"success": True, "message": "If there are chats under this address, a link is on its way."}
    )


@router.post(
    "/resume",
    responses=errors(AgentNotFound, SiteNotAllowed, LinkInvalid),
    dependencies=[Depends(rate_limited("lead"))],
)
async def resume_by_link(body: ResumeIn, request: Request, use: Use, _caller: Anybody) -> Response:
    """Come back by a mailed link: the chats move to this visit. A link works once."""
    resumed = await use.resume(
        body.token, agent_id=body.agent_id, origin=request.headers.get("origin")
    )
    shown = tokens_shape(resumed.tokens)
    return JsonResponse(
        {
            "success": True,
            "message": "Welcome back.",
            "lead": {"id": resumed.lead_id, "company_id": resumed.tenant_id},
            "conversation_id": resumed.conversation_id,
            **shown,
            "tokens": shown,
        }
    )


@router.post("", status_code=201, responses=errors(AgentNotFound, LeadExists, InvalidEmail))
async def create_lead(body: LeadIn, use: Use, caller: Writing) -> Response:
    """Add a lead that the company knows from elsewhere."""
    return await _created(body, use, caller)


@sdk_router.post("", status_code=201, responses=errors(AgentNotFound, LeadExists, InvalidEmail))
async def create_lead_by_sdk(body: LeadIn, use: Use, caller: Writing) -> Response:
    """Add a lead that the company knows from elsewhere."""
    return await _created(body, use, caller)


@router.get("/company")
async def list_leads(
    use: Use,
    caller: Reading,
    *,
    page: PageNumber = 1,
    per_page: PerPage = 20,
    status: Status | None = None,
    search: Annotated[str | None, Query(max_length=254)] = None,
    created_before: datetime | None = None,
    created_after: datetime | None = None,
) -> Response:
    """List the company's leads, newest first; `search` finds a whole e-mail address."""
    wanted = LeadFilter(status=status, created_before=created_before, created_after=created_after)
    found, total = await use.list(
        caller.tenant_id, wanted, search=search, page=page, per_page=per_page
    )
    shown = [lead_shape(lead) for lead in found]
    where = pagination(page=page, per_page=per_page, total=total).model_dump()
    return JsonResponse(
        {
            "success": True,
            "leads": shown,
            "data": {"leads": shown, "pagination": where},
            "pagination": where,
        }
    )


@router.get("/{lead_id}", responses=errors(LeadNotFound))
async def get_lead(lead_id: UUID, use: Use, caller: Reading) -> Response:
    """Show a lead."""
    return JsonResponse(_one(lead_shape(await use.show(caller.tenant_id, lead_id))))


@router.put("/{lead_id}", responses=errors(LeadNotFound, LeadExists, InvalidEmail))
async def update_lead(lead_id: UUID, body: LeadPatch, use: Use, caller: Updating) -> Response:
    """Change a lead; what is left out stays as it is."""
    lead = await use.update(caller.tenant_id, lead_id, body.changes())
    return JsonResponse(_one(lead_shape(lead), message="The lead was updated."))


@sdk_router.put("/{lead_id}", responses=errors(LeadNotFound, LeadExists, InvalidEmail))
async def update_lead_by_sdk(
    lead_id: UUID, body: LeadPatch, use: Use, caller: Updating
) -> Response:
    """Change a lead; what is left out stays as it is."""
    lead = await use.update(caller.tenant_id, lead_id, body.changes())
    shown = _one(lead_shape(lead), message="The lead was updated.")
    return JsonResponse({**shown, "initiated_by": "sdk"})


@router.delete("/{lead_id}", responses=errors(LeadNotFound))
async def delete_lead(lead_id: UUID, use: Use, caller: Deleting) -> Response:
    """Delete a lead and all that identifies it; their tokens stop working."""
    await use.delete(caller.tenant_id, lead_id)
    return JsonResponse({"message": "The lead was deleted.", "lead_id": lead_id})


@sdk_router.delete("/{lead_id}", responses=errors(LeadNotFound))
async def delete_lead_by_sdk(lead_id: UUID, use: Use, caller: Deleting) -> Response:
    """Delete a lead and all that identifies it; their tokens stop working."""
    await use.delete(caller.tenant_id, lead_id)
    return JsonResponse(
        {"message": "The lead was deleted.", "lead_id": lead_id, "initiated_by": "sdk"}
    )


async def _created(body: LeadIn, use: LeadUseCases, caller: Caller) -> Response:
    lead = await use.add(
        caller.tenant_id,
        body.form(),
        agent_id=body.agent_id,
        status=body.status,
        tags=body.tags,
        metadata=body.metadata,
    )
    shown = _one(lead_shape(lead), message="The lead was added.")
    return JsonResponse(shown, status_code=201)


def _one(lead: dict[str, Any], *, message: str | None = None) -> dict[str, Any]:
    said = {} if message is None else {"message": message}
    return {"success": True, **said, "lead": lead, "id": lead["id"]}

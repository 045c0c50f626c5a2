"""What conversations asks of auth for leads: tokens, their end, and mails."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from libs.common.http import errors, internal_caller
from libs.common.security import Caller
from services.auth.domain.errors import LeadSessionOver, MailNotTaken, MailServerUnavailable
from services.auth.domain.mails import lead_link_mail
from services.auth.domain.ports import MailRefused
from services.auth.endpoints.access import wiring_of

router = APIRouter(prefix="/internal", tags=["internal"], include_in_schema=False)

Service = Annotated[Caller, Depends(internal_caller(services=frozenset({"conversations"})))]


class LeadSessionIn(BaseModel):
    """Whose session it is."""

    lead_id: UUID


class LeadTokenOut(BaseModel):
    """A lead's token."""

    access_token: str
    expires_at: datetime


class LeadLinkIn(BaseModel):
    """A link for a lead, and where it goes."""

    recipient: str
    agent_name: str
    address: str


@router.put(
    "/lead-sessions/{session_id}", response_model=LeadTokenOut, responses=errors(LeadSessionOver)
)
async def keep_lead_session(
    session_id: UUID, body: LeadSessionIn, request: Request, service: Service
) -> LeadTokenOut:
    """Begin a lead's session or prolong it, and return a token."""
    token = await wiring_of(request).internal.keep_lead_session(
        service.tenant_id, session_id, lead_id=body.lead_id
    )
    return LeadTokenOut(access_token=token.access_token, expires_at=token.expires_at)


@router.delete("/leads/{lead_id}/sessions", status_code=204)
async def end_lead_sessions(lead_id: UUID, request: Request, service: Service) -> Response:
    """End all sessions of a lead."""
    await wiring_of(request).internal.end_lead_sessions(service.tenant_id, lead_id)
    return Response(status_code=204)


@router.post(
    "/mails/lead-link", status_code=204, responses=errors(MailNotTaken, MailServerUnavailable)
)
async def mail_lead_link(body: LeadLinkIn, request: Request, _service: Service) -> Response:
    """Send a lead the link to their earlier chats, now: who asks keeps the job."""
    mail = lead_link_mail(
        recipient=body.recipient, address=body.address, agent_name=body.agent_name
    )
    try:
        await wiring_of(request).internal.mail_sender.send(mail)
    except MailRefused as refusal:
        raise MailNotTaken(str(refusal)) from refusal
    return Response(status_code=204)

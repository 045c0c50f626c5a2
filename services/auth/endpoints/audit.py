"""The company's audit trail."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from libs.common.security import Scope
from services.auth.domain.audit import Risk
from services.auth.endpoints.access import use_cases_for
from services.auth.repositories.audit import AuditFilter
from services.auth.schemas.audit import AuditEntryOut, AuditLogReply
from services.auth.wiring import CallerUseCases

router = APIRouter(prefix="/api/v1", tags=["audit"])


# The second spelling is the one that the command line client tries first.
@router.get("/audit-log", response_model=AuditLogReply)
@router.get("/admin/audit-log", response_model=AuditLogReply, include_in_schema=False)
async def list_audit_entries(
    use: Annotated[CallerUseCases, Depends(use_cases_for(Scope.AUDIT_READ))],
    *,
    entity_type: Annotated[str, Query(max_length=100)] = "",
    event_type: Annotated[str, Query(max_length=100)] = "",
    action: Annotated[str, Query(max_length=100, description="As `event_type`.")] = "",
    risk_level: Risk | None = None,
    user_id: UUID | None = None,
    start_date: datetime | None = None,
    end_date: datetime | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    per_page: Annotated[int, Query(ge=0, le=500, description="In place of `limit`.")] = 0,
) -> AuditLogReply:
    """Return entries of the company's trail, newest first."""
    if per_page:
        limit, offset = per_page, (page - 1) * per_page
    wanted = AuditFilter(
        entity_type=entity_type or None,
        event_type=event_type or action or None,
        risk_level=risk_level,
        actor_id=user_id,
        since=start_date,
        until=end_date,
    )
    entries, total = await use.list_audit_entries(wanted, limit=limit, offset=offset)
    return AuditLogReply(
        data=[AuditEntryOut.of(entry) for entry in entries],
        total=total,
        limit=limit,
        offset=offset,
    )

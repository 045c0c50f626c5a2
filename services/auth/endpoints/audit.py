"""The company's audit trail."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from starlette.responses import StreamingResponse

from libs.common.http import rate_limited
from libs.common.security import Scope
from services.auth.domain.audit import Risk
from services.auth.endpoints.access import ClientAddress, use_cases_for
from services.auth.repositories.audit import AuditFilter
from services.auth.schemas.audit import AuditEntryOut, AuditLogReply, csv_lines
from services.auth.wiring import CallerUseCases

router = APIRouter(prefix="/api/v1", tags=["audit"])


Reader = Annotated[CallerUseCases, Depends(use_cases_for(Scope.AUDIT_READ))]


async def _asked(
    *,
    entity_type: Annotated[str, Query(max_length=100)] = "",
    entity_id: UUID | None = None,
    event_type: Annotated[str, Query(max_length=100)] = "",
    action: Annotated[str, Query(max_length=100, description="As `event_type`.")] = "",
    risk_level: Risk | None = None,
    user_id: UUID | None = None,
    start_date: datetime | None = None,
    end_date: datetime | None = None,
) -> AuditFilter:
    return AuditFilter(
        entity_type=entity_type or None,
        entity_id=entity_id,
        event_type=event_type or action or None,
        risk_level=risk_level,
        actor_id=user_id,
        since=start_date,
        until=end_date,
    )


Asked = Annotated[AuditFilter, Depends(_asked)]


# The second spelling is the one that the command line client tries first.
@router.get("/audit-log", response_model=AuditLogReply)
@router.get("/admin/audit-log", response_model=AuditLogReply, include_in_schema=False)
async def list_audit_entries(
    use: Reader,
    wanted: Asked,
    *,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    per_page: Annotated[int, Query(ge=0, le=500, description="In place of `limit`.")] = 0,
) -> AuditLogReply:
    """Return entries of the company's trail, newest first."""
    if per_page:
        limit, offset = per_page, (page - 1) * per_page
    entries, total = await use.list_audit_entries(wanted, limit=limit, offset=offset)
    return AuditLogReply(
        data=[AuditEntryOut.of(entry) for entry in entries],
        total=total,
        limit=limit,
        offset=offset,
    )


@router.get(
    "/audit-log/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}}, "description": "The entries, oldest first."}},
    dependencies=[Depends(rate_limited("export"))],
)
async def export_audit_entries(
    use: Reader, wanted: Asked, address: ClientAddress
) -> StreamingResponse:
    """Send the trail as CSV, oldest entry first; that it was exported is recorded in it."""
    pages = await use.export_audit_entries(wanted, address=address)
    return StreamingResponse(
        csv_lines(pages),
        media_type="text/csv",
        headers={"content-disposition": 'attachment; filename="audit-log.csv"'},
    )

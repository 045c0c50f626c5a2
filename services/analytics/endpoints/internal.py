"""What other services ask of analytics; closed at the gateway."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request

from libs.common.database.models import utc_now
from libs.common.http import internal_caller
from libs.common.security import Caller
from services.analytics.domain.periods import MAX_DAYS
from services.analytics.wiring import Wiring

router = APIRouter(prefix="/internal", tags=["internal"], include_in_schema=False)

_AUTH_ONLY: Final = frozenset({"auth"})


@router.get("/company-figures")
async def count_company(
    request: Request,
    service: Annotated[Caller, Depends(internal_caller(services=_AUTH_ONLY))],
    days: Annotated[int, Query(ge=1, le=MAX_DAYS)] = 30,
) -> dict[str, int]:
    """Count what the tenant in `X-Tenant-ID` has, and what it did in some days."""
    wiring: Wiring = request.app.state.wiring
    return await wiring.for_tenant(service.tenant_id).count_company(days=days, now=utc_now())

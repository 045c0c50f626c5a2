"""How endpoints come by their use cases: only with a scope."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Query, Request

from libs.common.database.models import utc_now
from libs.common.http import caller_with
from libs.common.security import Caller, Scope
from services.analytics.domain.periods import Period
from services.analytics.wiring import UseCases, Wiring


def use_cases_for(scope: Scope) -> Callable[..., Awaitable[UseCases]]:
    """Give the use cases of the caller's tenant to callers with a scope."""
    admitted = Depends(caller_with(scope))

    async def use_cases(request: Request, caller: Annotated[Caller, admitted]) -> UseCases:
        wiring: Wiring = request.app.state.wiring
        return wiring.for_tenant(caller.tenant_id)

    return use_cases


async def _asked_period(
    start_date: Annotated[str | None, Query(description="ISO 8601; default 30 days ago.")] = None,
    end_date: Annotated[str | None, Query(description="ISO 8601; default now.")] = None,
) -> Period:
    return Period.between(start_date, end_date, now=utc_now())


ReadAnalytics = Annotated[UseCases, Depends(use_cases_for(Scope.ANALYTICS_READ))]
ReadUsage = Annotated[UseCases, Depends(use_cases_for(Scope.USAGE_READ))]
AskedPeriod = Annotated[Period, Depends(_asked_period)]

"""How the whole platform is."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.auth.domain.clock import utc_now
from services.auth.domain.health import Health
from services.auth.endpoints.access import public_use_cases
from services.auth.schemas.health import PlatformHealthOut
from services.auth.wiring import PublicUseCases

router = APIRouter(tags=["health"])


# `/health` is this process's own, for probes; the gateway leads its public spelling here.
@router.get(
    "/api/v1/health",
    response_model=PlatformHealthOut,
    responses={503: {"model": PlatformHealthOut}},
)
async def platform_health(
    response: Response, use: Annotated[PublicUseCases, Depends(public_use_cases)]
) -> PlatformHealthOut:
    """Ask all services how they are; 503 only when the platform is of no use."""
    status, services = await use.check_platform_health()
    if status is Health.UNHEALTHY:
        response.status_code = 503
    return PlatformHealthOut.of(status, services, now=utc_now())

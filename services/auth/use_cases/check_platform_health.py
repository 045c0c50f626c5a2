"""How the whole platform is."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from services.auth.domain.health import Health, ServiceHealth, platform_health
from services.auth.domain.ports import ServiceProbe

SERVICES = ("auth", "agents", "conversations", "documents", "analytics")


@dataclass(frozen=True, kw_only=True)
class CheckPlatformHealth:
    """Ask all services at once, and sum up."""

    probe: ServiceProbe

    async def __call__(self) -> tuple[Health, Sequence[ServiceHealth]]:
        reports = await asyncio.gather(*(self.probe.health_of(name) for name in SERVICES))
        return platform_health(reports, essential="auth"), reports

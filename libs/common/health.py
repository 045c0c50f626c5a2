"""In what state a process's dependencies are.

The report shows every one; only `unhealthy` (a critical one is out of reach) is answered with 503.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from libs.common.errors import AppError

CHECK_TIMEOUT_SECONDS: Final = 2.0


class Status(StrEnum):
    """The state of a dependency or of the whole."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


Probe = Callable[[], Awaitable[Mapping[str, object] | None]]


@dataclass(frozen=True, slots=True)
class Check:
    """A dependency and how to look at it.

    Attributes:
        name: As it stands in the report.
        probe: Raises when the dependency is out of reach; may return numbers for the report.
        critical: Whether we are of no use without it; otherwise its loss only degrades us.
    """

    name: str
    probe: Probe
    critical: bool = True


@dataclass(frozen=True, slots=True)
class Component:
    """What became of one check."""

    status: Status
    response_time_ms: float
    metadata: Mapping[str, object] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Return the entry of the report."""
        return {
            "status": self.status,
            "response_time_ms": self.response_time_ms,
            "metadata": dict(self.metadata),
        }


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The state of the whole: the worst that matters."""

    service: str
    components: Mapping[str, Component]

    @property
    def status(self) -> Status:
        """The overall state."""
        states = {component.status for component in self.components.values()}
        for state in (Status.UNHEALTHY, Status.DEGRADED):
            if state in states:
                return state
        return Status.HEALTHY

    @property
    def http_status(self) -> int:
        """The status of the reply: a degraded service still serves."""
        return 503 if self.status is Status.UNHEALTHY else 200

    def as_json(self) -> dict[str, object]:
        """Return the report as `/health` answers it."""
        return {
            "status": self.status,
            "service": self.service,
            "components": {
                name: component.as_json() for name, component in self.components.items()
            },
        }


async def examine(service: str, checks: Sequence[Check]) -> HealthReport:
    """Run all checks at once, each within two seconds."""
    components = await asyncio.gather(*(_run(check) for check in checks))
    names = (check.name for check in checks)
    return HealthReport(service, dict(zip(names, components, strict=True)))


async def _run(check: Check) -> Component:
    started = time.perf_counter()
    status = Status.HEALTHY
    metadata: Mapping[str, object] = {}
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            metadata = await check.probe() or {}
    except Exception as error:  # noqa: BLE001 - whatever a probe meets is its finding
        status = Status.UNHEALTHY if check.critical else Status.DEGRADED
        # The kind only: messages may name hosts and users, and this page is public.
        metadata = {"error": error.code if isinstance(error, AppError) else type(error).__name__}
    elapsed = round((time.perf_counter() - started) * 1000, 2)
    return Component(status, elapsed, metadata)

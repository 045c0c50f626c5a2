"""Whether a process is alive, ready, and in what state its dependencies are.

Liveness looks at the event loop only: a dependency's outage must not restart us. Readiness looks
at our own database and migrations. The full report shows every dependency; only `unhealthy`
(a critical one is out of reach) is answered with 503.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from libs.common.errors import AppError

if TYPE_CHECKING:
    from libs.common.resources import Resources

CHECK_TIMEOUT_SECONDS: Final = 2.0

_REVISION: Final = re.compile(r"^(down_)?revision\b[^=]*=\s*(.+)$", re.MULTILINE)
_NAMES: Final = re.compile(r"[\"']([^\"']+)[\"']")


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


def common_checks(resources: "Resources") -> list[Check]:
    """Return the checks that every service has: its database and Redis."""

    async def database() -> Mapping[str, object] | None:
        await resources.database.ping()
        return None

    async def redis() -> Mapping[str, object] | None:
        await resources.quick_redis.ping()
        return None

    return [Check("database", database), Check("redis", redis, critical=False)]


class Readiness:
    """Whether this process should be sent requests."""

    def __init__(self, resources: "Resources") -> None:
        self._resources = resources
        self._migrated = False

    async def reason_against(self) -> str | None:
        """Return why not, or None when ready."""
        if self._resources.not_ready:
            return "draining"
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
                if self._migrated:
                    await self._resources.database.ping()
                    return None
                current = await self._current_revision()
        except (AppError, TimeoutError):
            return "database_unavailable"
        behind = revisions_behind_head(self._resources.settings.service)
        if current is None or current in behind:
            return "migrations_pending"
        # At our head, or past it: the next version's migrations run before we are replaced.
        self._migrated = True
        return None

    async def _current_revision(self) -> str | None:
        async with self._resources.database.platform() as connection:
            if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
                return None
            revision: str | None = await connection.fetchval(
                "SELECT version_num FROM alembic_version"
            )
            return revision


@cache
def revisions_behind_head(service: str, root: Path | None = None) -> frozenset[str]:
    """Return a service's revisions that have a successor, read from the files' headers.

    Reading a few lines takes the place of importing Alembic, which a running service needs for
    nothing else.
    """
    base = root or Path(__file__).resolve().parents[2] / "services"
    behind: set[str] = set()
    for path in (base / service / "migrations" / "versions").glob("*.py"):
        for down, value in _REVISION.findall(path.read_text(encoding="utf-8")):
            if down:
                behind.update(_NAMES.findall(value))
    return frozenset(behind)

"""How the platform is, given how its services say they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Health(StrEnum):
    """`degraded` still works in part; only `unhealthy` is answered with 503."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, kw_only=True)
class ServiceHealth:
    """What one service said of itself, or that it said nothing in time."""

    name: str
    status: Health
    message: str
    response_time_ms: float
    parts: Mapping[str, str] = field(default_factory=dict)
    """The service's own dependencies and their states."""


def platform_health(services: Sequence[ServiceHealth], *, essential: str) -> Health:
    """Sum up: unhealthy when `essential` is, or when no other service is of use.

    One lost service leaves the others useful, so the platform is then only degraded.
    """
    states = {service.name: service.status for service in services}
    others = [status for name, status in states.items() if name != essential]
    if states.get(essential) is Health.UNHEALTHY or (
        others and all(status is Health.UNHEALTHY for status in others)
    ):
        return Health.UNHEALTHY
    if all(status is Health.HEALTHY for status in states.values()):
        return Health.HEALTHY
    return Health.DEGRADED

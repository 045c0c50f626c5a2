"""The shape of the platform's health."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from services.auth.domain.health import Health, ServiceHealth


class ServiceCheckOut(BaseModel):
    """One service; the states of its own dependencies stand under `metadata`."""

    name: str
    status: Health
    message: str
    response_time_ms: float
    metadata: dict[str, str]


class PlatformHealthOut(BaseModel):
    """The whole platform."""

    status: Health = Field(description="Only `unhealthy` comes with 503.")
    timestamp: datetime
    checks: list[ServiceCheckOut]

    @classmethod
    def of(cls, status: Health, services: Sequence[ServiceHealth], *, now: datetime) -> Self:
        """Show what the services said."""
        return cls(
            status=status,
            timestamp=now,
            checks=[
                ServiceCheckOut(
                    name=service.name,
                    status=service.status,
                    message=service.message,
                    response_time_ms=service.response_time_ms,
                    metadata=dict(service.parts),
                )
                for service in services
            ],
        )

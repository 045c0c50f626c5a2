"""Asking analytics what it has counted of a company."""

from typing import Final
from uuid import UUID

from libs.common.http.client import ServiceClient

TIMEOUT_SECONDS: Final = 3.0


class AnalyticsFigures:
    """Reads analytics' counts, made of all services' events."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def of(self, company_id: UUID, *, days: int) -> dict[str, int]:
        """Return counts by name; raises `ServiceUnavailable`."""
        answer = await self._client.request_json(
            "GET",
            "/internal/company-figures",
            tenant_id=company_id,
            params={"days": days},
            deadline=TIMEOUT_SECONDS,
        )
        return {name: int(value) for name, value in answer.items()}

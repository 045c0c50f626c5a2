"""Counting API calls for the usage ledger: by tenant, method, route and status class.

Counts are kept in memory and put on the `usage` stream every few seconds. They are statistics,
not bills: what a killed process had not sent yet is lost.
"""

from typing import Final
from uuid import UUID

from libs.common.events.catalogue.analytics import ApiCallsCounted
from libs.common.events.tallies import TallySender

MAX_PENDING: Final = 50_000

Call = tuple[UUID, str, str, str]


class UsageMeter(TallySender[Call, list[float]]):
    """Counts the calls of one process and sends the counts on."""

    name = "usage-meter"

    def count(
        self,
        tenant_id: UUID,
        *,
        method: str,
        route: str,
        status_class: str,
        duration_ms: float,
    ) -> None:
        """Count one call.

        Args:
            tenant_id: Whose call it was.
            method: The HTTP method.
            route: The route's template.
            status_class: Such as `2xx`.
            duration_ms: How long it took.
        """
        known = self.noted.setdefault((tenant_id, method, route, status_class), [0, 0.0])
        known[0] += 1
        known[1] += duration_ms

    def _told(self, key: Call, value: list[float]) -> tuple[UUID, ApiCallsCounted]:
        tenant_id, method, route, status_class = key
        event = ApiCallsCounted(
            service=self._service,
            method=method,
            route=route,
            status_class=status_class,
            calls=int(value[0]),
            duration_ms=round(value[1]),
        )
        return tenant_id, event

    def _keep(self, unsent: dict[Call, list[float]]) -> None:
        if len(unsent) + len(self.noted) > MAX_PENDING:
            return
        for call, (calls, duration_ms) in unsent.items():
            known = self.noted.setdefault(call, [0, 0.0])
            known[0] += calls
            known[1] += duration_ms

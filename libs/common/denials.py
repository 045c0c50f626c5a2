"""Telling the audit trail who was refused: counted in memory, sent on every few seconds.

A refusal costs a dictionary look-up, so that nobody can make one dear. Whether an id does not
exist or is another tenant's is not known here, nor looked up: it must make no difference, and a
caller who asks for many such ids is worth seeing either way.
"""

from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from libs.common.events.catalogue.audit import AccessDenied
from libs.common.events.tallies import TallySender
from libs.common.security.callers import Caller

MAX_PENDING: Final = 2_000

Reason = Literal["permission", "not_found", "network"]


@dataclass(frozen=True, slots=True)
class Denial:
    """Who was refused what, from where."""

    caller: Caller
    method: str
    route: str
    reason: Reason
    address: str


class DenialLog(TallySender[Denial, int]):
    """Collects the refusals of one process and sends them on."""

    name = "denials"

    def note(self, denial: Denial) -> None:
        """Count a refusal."""
        self._add(denial, 1)

    def _told(self, key: Denial, value: int) -> tuple[UUID, AccessDenied]:
        caller = key.caller
        event = AccessDenied(
            service=self._service,
            method=key.method,
            route=key.route,
            reason=key.reason,
            caller_kind=caller.kind,
            caller_id=caller.id,
            user_id=caller.user_id,
            role=caller.role,
            impersonator_id=caller.impersonator_id,
            address=key.address,
            times=value,
        )
        return caller.tenant_id, event

    def _keep(self, unsent: dict[Denial, int]) -> None:
        for denial, times in unsent.items():
            self._add(denial, times)

    def _add(self, denial: Denial, times: int) -> None:
        if denial in self.noted or len(self.noted) < MAX_PENDING:
            self.noted[denial] = self.noted.get(denial, 0) + times

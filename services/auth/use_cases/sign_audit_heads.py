"""Sign where the audit trails end, outside the database."""

from dataclasses import dataclass, field
from uuid import UUID

from libs.common.telemetry.logging import get_logger
from services.auth.domain.audit_heads import AuditHead, HeadRefused, HeadStore, SignedHead
from services.auth.domain.clock import Clock, utc_now
from services.auth.repositories.audit_ends import AuditEnds

log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class SignAuditHeads:
    """Sign the heads that have moved on since the last time.

    A trail that does not continue from what was signed before is not signed: its head would cover
    up what was cut off or written anew. It is logged, and `ops audit verify` names it.
    """

    ends: AuditEnds
    heads: HeadStore
    clock: Clock = utc_now
    known: dict[UUID, AuditHead] = field(default_factory=dict)
    """What this process has signed or read, so that an unchanged trail costs nothing."""

    async def __call__(self) -> int:
        """Return how many heads were signed.

        Raises:
            DatabaseUnavailable: PostgreSQL is out of reach.
            HeadStoreUnavailable: The object store is out of reach.
        """
        signed = 0
        for end in await self.ends.all():
            try:
                signed += await self._signed(end)
            except HeadRefused as error:
                # One tenant's damaged head must not keep the others from being signed.
                log.error("audit_head_refused", reason=str(error))
        return signed

    async def _signed(self, end: AuditHead) -> bool:
        before = self.known.get(end.tenant_id) or await self.heads.latest(end.tenant_id)
        if before is not None and (before.sequence, before.hash) == (end.sequence, end.hash):
            self.known[end.tenant_id] = end
            return False
        if before is not None and not await self._continues(before, end):
            log.error(
                "audit_trail_broken",
                tenant_id=str(end.tenant_id),
                signed_entries=before.sequence,
                entries=end.sequence,
            )
            return False
        now = self.clock()
        await self.heads.put(
            SignedHead(tenant_id=end.tenant_id, sequence=end.sequence, hash=end.hash, signed_at=now)
        )
        self.known[end.tenant_id] = end
        return True

    async def _continues(self, before: AuditHead, end: AuditHead) -> bool:
        if end.sequence <= before.sequence:
            return False
        return await self.ends.hash_of(end.tenant_id, before.sequence) == before.hash

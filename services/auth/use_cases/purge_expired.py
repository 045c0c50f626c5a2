"""What nobody needs any more is deleted, by the clock."""

from dataclasses import dataclass
from datetime import timedelta

from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.sessions import PREDECESSOR_GRACE
from services.auth.repositories.expired import ExpiredSessions

# Over sessions stay for a while, so that a copied token is still told from an unknown one.
KEEP_ENDED = timedelta(days=7)
KEEP_SPENT = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class PurgeExpired:
    """Delete what is long over, and forget the successors that may not be repeated."""

    expired: ExpiredSessions
    clock: Clock = utc_now

    async def __call__(self) -> int:
        now = self.clock()
        await self.expired.forget_successors(before=now - PREDECESSOR_GRACE)
        await self.expired.delete_spent(before=now - KEEP_SPENT)
        return await self.expired.delete(before=now - KEEP_ENDED)

"""Counting login attempts, by account, by address, and by both together."""

import hashlib
from collections.abc import Sequence
from typing import Final

from libs.common.rate_limits import Decision, LocalBuckets, Rate, RateLimiter
from services.auth.domain.errors import TooManyAttempts

DEFAULT_RATE: Final = Rate(10, 60)
# Many addresses that try one account, and one address that tries many accounts, get further
# than one that tries one: several people may share either.
PER_ACCOUNT: Final = 3
PER_ADDRESS: Final = 10


class RedisLoginThrottle:
    """Refuses what goes too fast; nobody is locked out for longer than the rate's period.

    Every attempt is counted in this process as well, before Redis is asked: when Redis fails in
    the middle of an attack, no fresh budget is opened.

    Args:
        limiter: Counts for all replicas, each attempt in one atomic step.
        rate: Of one account from one address; the wider ones are multiples of it.
    """

    def __init__(self, limiter: RateLimiter, rate: Rate = DEFAULT_RATE) -> None:
        self._limiter = limiter
        self._local = LocalBuckets()
        self._pair = rate
        self._account = Rate(rate.limit * PER_ACCOUNT, rate.per_seconds)
        self._address = Rate(rate.limit * PER_ADDRESS, rate.per_seconds)

    async def check(self, *, email_key: str, address: str) -> None:
        """Count an attempt.

        Raises:
            TooManyAttempts: For this account, this address, or both together.
        """
        # Redis keys end up in logs and dumps of others; e-mail addresses must not.
        account = hashlib.sha256(email_key.encode()).hexdigest()[:32]
        budgets = {
            f"platform:limit:login:pair:{account}:{address}": self._pair,
            f"platform:limit:login:account:{account}": self._account,
            f"platform:limit:login:address:{address}": self._address,
        }
        for key, rate in budgets.items():
            _refuse([self._local.check(key, rate)])
        _refuse(await self._limiter.check_all(budgets))


def _refuse(decisions: Sequence[Decision]) -> None:
    refused = [decision for decision in decisions if not decision.allowed]
    if refused:
        raise TooManyAttempts(
            retry_after_seconds=max(decision.retry_after_seconds for decision in refused)
        )

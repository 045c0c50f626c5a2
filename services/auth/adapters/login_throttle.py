"""Counting attempts at logins, codes and mails, by account, by address, and by both together."""

import hashlib
from typing import Final
from uuid import UUID

from libs.common.rate_limits import Rate
from services.auth.adapters.attempt_budgets import AttemptBudgets
from services.auth.domain.errors import TooManyAttempts

DEFAULT_RATE: Final = Rate(10, 60)
# Many addresses that try one account, and one address that tries many accounts, get further
# than one that tries one: several people may share either.
PER_ACCOUNT: Final = 3
PER_ADDRESS: Final = 10
# Six digits, three of which are right at a time: at this rate a guess takes years.
SECOND_FACTOR_RATE: Final = Rate(10, 900)
# Mails that somebody can make us send to one address.
MAIL_RATE: Final = Rate(5, 900)


class Throttle:
    """Refuses what goes too fast; nobody is locked out for longer than the rate's period.

    Args:
        budgets: Counts each attempt in one atomic step.
        rate: Of one account from one address; the wider ones are multiples of it.
        second_factor: Of one account's codes.
        mail: Of mails to one address.
    """

    def __init__(
        self,
        budgets: AttemptBudgets,
        rate: Rate = DEFAULT_RATE,
        *,
        second_factor: Rate = SECOND_FACTOR_RATE,
        mail: Rate = MAIL_RATE,
    ) -> None:
        self._budgets = budgets
        self._pair = rate
        self._account = Rate(rate.limit * PER_ACCOUNT, rate.per_seconds)
        self._address = Rate(rate.limit * PER_ADDRESS, rate.per_seconds)
        self._second_factor = second_factor
        self._mail = mail

    async def check(self, *, email_key: str, address: str) -> None:
        """Count an attempt at a password.

        Raises:
            TooManyAttempts: For this account, this address, or both together.
        """
        account = _hidden(email_key)
        await self._take(
            {
                f"platform:limit:login:pair:{account}:{address}": self._pair,
                f"platform:limit:login:account:{account}": self._account,
                f"platform:limit:login:address:{address}": self._address,
            }
        )

    async def check_second_factor(self, user_id: UUID) -> None:
        """Count an attempt at a second factor.

        Raises:
            TooManyAttempts: For this account.
        """
        await self._take({f"platform:limit:second-factor:{user_id}": self._second_factor})

    async def check_mail(self, *, email_key: str) -> None:
        """Count a mail that somebody asks for, whether the address is known or not.

        Raises:
            TooManyAttempts: To this address.
        """
        await self._take({f"platform:limit:mail:{_hidden(email_key)}": self._mail})

    async def _take(self, budgets: dict[str, Rate]) -> None:
        wait = await self._budgets.take(budgets)
        if wait:
            raise TooManyAttempts(retry_after_seconds=wait)


def _hidden(email_key: str) -> str:
    # Redis keys end up in logs and dumps of others; e-mail addresses must not.
    return hashlib.sha256(email_key.encode()).hexdigest()[:32]

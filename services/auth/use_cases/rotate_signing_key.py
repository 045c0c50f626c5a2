"""Another key for access tokens, in time for everybody to know it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.crypto import KeyRing
from libs.common.database import PLATFORM_TENANT, Database
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.signing import FORGET_AFTER, MIN_LEAD, RETIRE_AFTER
from services.auth.models.signing_keys import SigningKeyRow
from services.auth.repositories.audit import AuditTrail
from services.auth.repositories.signing_keys import SigningKeyRepository
from services.auth.use_cases.load_signing_keys import PURPOSE, new_row


@dataclass(frozen=True, kw_only=True)
class RotateSigningKey:
    """Publish a new key at once, sign with it later, and retire the old ones later still.

    Two who rotate at the same time make one key: the second finds it on its way.
    """

    database: Database
    key_ring: KeyRing
    clock: Clock = utc_now

    async def __call__(
        self,
        *,
        lead: timedelta,
        unless_younger_than: timedelta = timedelta(),
        retire_after: timedelta = RETIRE_AFTER,
    ) -> datetime | None:
        """Rotate.

        Args:
            lead: Until the new key signs; at least `MIN_LEAD`.
            unless_younger_than: Leave a key alone that has not signed for so long.
            retire_after: How long what the old keys have signed is believed yet.

        Returns:
            When the new key signs, or the one that was on its way already; None when the present
            one is young enough.
        """
        cipher = await self.key_ring.cipher(PLATFORM_TENANT, PURPOSE)
        now = self.clock()
        async with self.database.session(PLATFORM_TENANT) as session:
            keys = SigningKeyRepository(session, PLATFORM_TENANT)
            await keys.lock()
            await keys.forget_retired(before=now - FORGET_AFTER)
            in_use = await keys.in_use(now=now)
            if in_use and in_use[0].signs_from > now:
                return await self._hasten(
                    session, in_use, lead=lead, retire_after=retire_after, now=now
                )
            if in_use and in_use[0].signs_from + unless_younger_than > now:
                return None
            row = new_row(cipher, signs_from=now + max(lead, MIN_LEAD), now=now)
            keys.add(row)
            _retire(in_use, row.signs_from, retire_after)
            await _record(session, row, _made(retire_after), now=now)
        return row.signs_from

    async def _hasten(
        self,
        session: AsyncSession,
        in_use: Sequence[SigningKeyRow],
        *,
        lead: timedelta,
        retire_after: timedelta,
        now: datetime,
    ) -> datetime:
        """Let the key that is on its way sign sooner, if that is wanted: the old one may be lost.

        It has been published already, but who keeps keys for a while is given the time again.
        """
        pending, *olds = in_use
        sooner = now + max(lead, MIN_LEAD)
        if sooner < pending.signs_from or retire_after < RETIRE_AFTER:
            pending.signs_from = min(sooner, pending.signs_from)
            _retire(olds, pending.signs_from, retire_after)
            await _record(session, pending, "A signing key signs sooner.", now=now)
        return pending.signs_from


def _made(retire_after: timedelta) -> str:
    if retire_after < RETIRE_AFTER:
        return "A new signing key was made, and those before are retired at once."
    return "A new signing key was made."


def _retire(keys: Iterable[SigningKeyRow], signs_from: datetime, retire_after: timedelta) -> None:
    for old in keys:
        # What it has signed until then is still believed for as long as it lives.
        retires_at = signs_from + retire_after
        old.retired_at = min(old.retired_at or retires_at, retires_at)


async def _record(
    session: AsyncSession, row: SigningKeyRow, description: str, *, now: datetime
) -> None:
    await AuditTrail(session, PLATFORM_TENANT).append(
        AuditRecord(
            event=AuditEvent.KEYS_ROTATED,
            description=description,
            risk=Risk.HIGH,
            entity_type="signing_key",
            entity_id=row.id,
            details={"signs_from": row.signs_from.isoformat()},
        ),
        now=now,
    )

"""Another key for access tokens, in time for everybody to know it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from libs.common.crypto import KeyRing
from libs.common.database import PLATFORM_TENANT, Database
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.signing import FORGET_AFTER, MIN_LEAD, RETIRE_AFTER
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
        self, *, lead: timedelta, unless_younger_than: timedelta = timedelta()
    ) -> datetime | None:
        """Rotate.

        Args:
            lead: Until the new key signs; at least `MIN_LEAD`.
            unless_younger_than: Leave a key alone that has not signed for so long.

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
                return in_use[0].signs_from
            if in_use and in_use[0].signs_from + unless_younger_than > now:
                return None
            row = new_row(cipher, signs_from=now + max(lead, MIN_LEAD), now=now)
            keys.add(row)
            for old in in_use:
                # What it has signed until then is still believed for as long as it lives.
                retires_at = row.signs_from + RETIRE_AFTER
                old.retired_at = min(old.retired_at or retires_at, retires_at)
            await AuditTrail(session, PLATFORM_TENANT).append(
                AuditRecord(
                    event=AuditEvent.KEYS_ROTATED,
                    description="A new signing key was made.",
                    risk=Risk.HIGH,
                    entity_type="signing_key",
                    entity_id=row.id,
                    details={"signs_from": row.signs_from.isoformat()},
                ),
                now=now,
            )
        return row.signs_from

"""Seal the addresses that the version before has stored in plain."""

from dataclasses import dataclass
from uuid import UUID

from services.auth.domain.clock import Clock, utc_now
from services.auth.repositories.emails import Emails, Sealing
from services.auth.repositories.plain_emails import BATCH, TABLES, PlainEmail, PlainEmails


@dataclass(frozen=True, kw_only=True)
class SealEmails:
    """Fill in what is missing, and clear what is in plain once nobody reads it any more.

    May run anywhere, any number of times, beside everything else.
    """

    plain: PlainEmails
    emails: Emails
    clock: Clock = utc_now

    async def __call__(self) -> int:
        """Return how many rows were changed.

        Raises:
            DatabaseUnavailable: PostgreSQL is out of reach.
        """
        changed = 0
        for tenant_id in await self.plain.tenants():
            sealing = await self.emails.sealing(tenant_id)
            for table in TABLES:
                changed += await self._seal(tenant_id, table, sealing)
        return changed

    async def _seal(self, tenant_id: UUID, table: str, sealing: Sealing) -> int:
        clear = self.clock() >= sealing.index.plain_until
        changed, after = 0, UUID(int=0)
        while page := await self.plain.page(tenant_id, table, after=after):
            for plain in page:
                if clear or plain.index != sealing.index.of(plain.email):
                    changed += await self._seal_one(tenant_id, table, plain, sealing, clear=clear)
            if len(page) < BATCH:
                break
            after = page[-1].row
        return changed

    async def _seal_one(
        self, tenant_id: UUID, table: str, plain: PlainEmail, sealing: Sealing, *, clear: bool
    ) -> bool:
        return await self.plain.seal(
            tenant_id,
            table,
            plain,
            sealed=sealing.sealed(plain.email, table=table, row=plain.row),
            index=sealing.index.of(plain.email),
            clear=clear,
        )

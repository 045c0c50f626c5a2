"""Authenticator apps and recovery codes. Races are decided by single statements."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.domain.second_factors import recovery_code_hash
from services.auth.models.second_factors import RecoveryCode, TotpDevice


class SecondFactors:
    """One tenant's authenticator apps and recovery codes."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self.session = session
        self.tenant_id = tenant_id

    async def totp(self, user_id: UUID) -> TotpDevice | None:
        """Return a user's authenticator app, confirmed or begun."""
        found: TotpDevice | None = await self.session.scalar(
            select(TotpDevice).where(
                TotpDevice.tenant_id == self.tenant_id, TotpDevice.user_id == user_id
            )
        )
        return found

    async def begin_totp(self, user_id: UUID, *, secret: bytes, now: datetime) -> bool:
        """Store a new secret, to be confirmed; False when one is confirmed already."""
        values = {"secret": secret, "created_at": now, "last_step": 0}
        stored = await self.session.execute(
            insert(TotpDevice)
            .values(tenant_id=self.tenant_id, user_id=user_id, **values)
            .on_conflict_do_update(
                index_elements=[TotpDevice.tenant_id, TotpDevice.user_id],
                set_=values,
                where=TotpDevice.confirmed_at.is_(None),
            )
            .returning(TotpDevice.user_id)
        )
        return stored.first() is not None

    async def confirm_totp(self, user_id: UUID, *, secret: bytes, step: int, now: datetime) -> bool:
        """Make an app count, and use up the step that proved it; False when it counts already.

        Args:
            user_id: Whose.
            secret: As it was read, encrypted: another one may have been begun since.
            step: Of the code.
            now: The present time.
        """
        confirmed = await self.session.execute(
            update(TotpDevice)
            .where(
                TotpDevice.tenant_id == self.tenant_id,
                TotpDevice.user_id == user_id,
                TotpDevice.secret == secret,
                TotpDevice.confirmed_at.is_(None),
            )
            .values(confirmed_at=now, last_step=step)
            .returning(TotpDevice.user_id)
        )
        return confirmed.first() is not None

    async def accept_step(self, user_id: UUID, *, step: int) -> bool:
        """Use a time step up; False when it, or a later one, was used before."""
        accepted = await self.session.execute(
            update(TotpDevice)
            .where(
                TotpDevice.tenant_id == self.tenant_id,
                TotpDevice.user_id == user_id,
                TotpDevice.confirmed_at.is_not(None),
                TotpDevice.last_step < step,
            )
            .values(last_step=step)
            .returning(TotpDevice.user_id)
        )
        return accepted.first() is not None

    async def remove_totp(self, user_id: UUID) -> bool:
        """Forget a user's app; False when there is none."""
        removed = await self.session.execute(
            delete(TotpDevice)
            .where(TotpDevice.tenant_id == self.tenant_id, TotpDevice.user_id == user_id)
            .returning(TotpDevice.user_id)
        )
        return removed.first() is not None

    async def replace_recovery_codes(
        self, user_id: UUID, codes: Iterable[str], *, now: datetime
    ) -> None:
        """Put new codes in place of a user's old ones; none when there are none."""
        await self.session.execute(
            delete(RecoveryCode).where(
                RecoveryCode.tenant_id == self.tenant_id, RecoveryCode.user_id == user_id
            )
        )
        for code in codes:
            self.session.add(
                RecoveryCode(
                    tenant_id=self.tenant_id,
                    user_id=user_id,
                    code_hash=recovery_code_hash(code),
                    created_at=now,
                )
            )

    async def use_recovery_code(self, user_id: UUID, code: str, *, now: datetime) -> bool:
        """Use a code up; False when it is not the user's, or was used before."""
        used = await self.session.execute(
            update(RecoveryCode)
            .where(
                RecoveryCode.tenant_id == self.tenant_id,
                RecoveryCode.user_id == user_id,
                RecoveryCode.code_hash == recovery_code_hash(code),
                RecoveryCode.used_at.is_(None),
            )
            .values(used_at=now)
            .returning(RecoveryCode.user_id)
        )
        return used.first() is not None

    async def recovery_codes_left(self, user_id: UUID) -> int:
        """Count a user's codes that were not used."""
        return (
            await self.session.scalar(
                select(func.count())
                .select_from(RecoveryCode)
                .where(
                    RecoveryCode.tenant_id == self.tenant_id,
                    RecoveryCode.user_id == user_id,
                    RecoveryCode.used_at.is_(None),
                )
            )
            or 0
        )

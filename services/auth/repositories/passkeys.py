"""Passkeys of a tenant's users."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, or_, update
from sqlalchemy.exc import IntegrityError

from libs.common.database import TenantRepository
from services.auth.domain.errors import ProofRefused
from services.auth.models.second_factors import Passkey


class PasskeyRepository(TenantRepository[Passkey]):
    """Reads and writes a tenant's passkeys."""

    model = Passkey

    async def of_user(self, user_id: UUID) -> Sequence[Passkey]:
        """Return a user's passkeys, oldest first."""
        query = self.owned().where(Passkey.user_id == user_id)
        return (await self.session.scalars(query.order_by(Passkey.created_at, Passkey.id))).all()

    async def of_user_by_credential(self, user_id: UUID, credential_id: bytes) -> Passkey | None:
        """Return the passkey that an authenticator names, if it is this user's."""
        query = self.owned().where(
            Passkey.user_id == user_id, Passkey.credential_id == credential_id
        )
        found: Passkey | None = await self.session.scalar(query)
        return found

    async def enroll(self, passkey: Passkey) -> None:
        """Add a passkey.

        Raises:
            ProofRefused: The credential is known already; whose it is, is not said.
        """
        self.add(passkey)
        try:
            await self.session.flush()
        except IntegrityError as error:
            if "uq_passkeys_credential_id" in str(error.orig):
                raise ProofRefused from error
            raise

    async def note_use(self, passkey_id: UUID, *, sign_count: int, now: datetime) -> bool:
        """Remember how often a passkey has signed; False when it has not signed since.

        A count that stands still is a copy of the authenticator, or a signature presented twice;
        authenticators that are synchronised do not count, and always say 0.
        """
        noted = await self.session.execute(
            update(Passkey)
            .where(
                Passkey.tenant_id == self.tenant_id,
                Passkey.id == passkey_id,
                or_(Passkey.sign_count < sign_count, Passkey.sign_count == 0),
            )
            .values(sign_count=sign_count, last_used_at=now)
            .returning(Passkey.id)
        )
        return noted.first() is not None

    async def delete_of(self, user_id: UUID, passkey_id: UUID | None = None) -> int:
        """Delete one of a user's passkeys, or all; return how many there were."""
        statement = delete(Passkey).where(
            Passkey.tenant_id == self.tenant_id, Passkey.user_id == user_id
        )
        if passkey_id is not None:
            statement = statement.where(Passkey.id == passkey_id)
        return len((await self.session.scalars(statement.returning(Passkey.id))).all())

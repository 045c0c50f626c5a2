"""API keys of a tenant."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select, update

from libs.common.database import TenantRepository
from services.auth.models.api_keys import ApiKey


class ApiKeyRepository(TenantRepository[ApiKey]):
    """Reads and writes a tenant's API keys."""

    model = ApiKey

    async def of_user(self, user_id: UUID, *, limit: int) -> Sequence[ApiKey]:
        """Return a user's keys that were not revoked, newest first."""
        query = (
            self.owned()
            .where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None))
            .order_by(ApiKey.created_at.desc(), ApiKey.id.desc())
            .limit(limit)
        )
        return (await self.session.scalars(query)).all()

    async def page(self, *, page: int, per_page: int) -> tuple[Sequence[ApiKey], int]:
        """Return one page of all keys that were not revoked, and how many there are in all."""
        query = self.owned().where(ApiKey.revoked_at.is_(None))
        total = await self.session.scalar(select(func.count()).select_from(query.subquery()))
        query = query.order_by(ApiKey.created_at.desc(), ApiKey.id.desc())
        query = query.limit(per_page).offset((page - 1) * per_page)
        return (await self.session.scalars(query)).all(), total or 0

    async def locked(self, key_id: UUID) -> ApiKey | None:
        """Return a key, nobody else changing it until the transaction ends."""
        query = self.owned().where(ApiKey.id == key_id).with_for_update()
        found: ApiKey | None = await self.session.scalar(query)
        return found

    async def revoke_all(self, user_id: UUID, *, now: datetime) -> Sequence[tuple[UUID, bytes]]:
        """Revoke a user's keys; return ids and hashes of those that were not revoked before."""
        revoked = await self.session.execute(
            update(ApiKey)
            .where(
                ApiKey.tenant_id == self.tenant_id,
                ApiKey.user_id == user_id,
                ApiKey.revoked_at.is_(None),
            )
            .values(revoked_at=now)
            .returning(ApiKey.id, ApiKey.pair_hash)
        )
        return [(row[0], row[1]) for row in revoked.all()]

    async def count(self) -> int:
        """Count the tenant's keys that were not revoked."""
        return (
            await self.session.scalar(
                select(func.count()).where(
                    ApiKey.tenant_id == self.tenant_id, ApiKey.revoked_at.is_(None)
                )
            )
            or 0
        )

    async def count_usable(self, user_id: UUID, *, now: datetime) -> int:
        """Count a user's keys that are neither revoked nor expired."""
        usable = (
            self.owned()
            .where(
                ApiKey.user_id == user_id,
                ApiKey.revoked_at.is_(None),
                or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now),
            )
            .subquery()
        )
        return await self.session.scalar(select(func.count()).select_from(usable)) or 0

"""Companies' logos."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from libs.common.database import Database
from services.auth.models.logos import Logo


class LogoRecord:
    """One tenant's logo, if it has one."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self.session = session
        self.tenant_id = tenant_id

    async def put(self, content: bytes, *, media_type: str, now: datetime) -> UUID:
        """Keep a picture in place of the one before; return its id, which nobody can guess."""
        logo_id = uuid4()
        values = {"id": logo_id, "media_type": media_type, "content": content, "set_at": now}
        await self.session.execute(
            insert(Logo)
            .values(tenant_id=self.tenant_id, **values)
            .on_conflict_do_update(index_elements=[Logo.tenant_id], set_=values)
        )
        return logo_id

    async def remove(self) -> bool:
        """Delete the picture; return whether there was one."""
        removed = await self.session.execute(
            delete(Logo).where(Logo.tenant_id == self.tenant_id).returning(Logo.id)
        )
        return removed.first() is not None


class LogoShelf:
    """Pictures by their ids, for whoever has one: before a tenant is known."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, logo_id: UUID) -> Logo | None:
        """Return a picture with its content."""
        async with self._database.platform() as connection:
            tenant_id = await connection.fetchval("SELECT * FROM tenant_of_logo($1)", logo_id)
        if tenant_id is None:
            return None
        owner = UUID(int=tenant_id.int)
        query = select(Logo).where(Logo.tenant_id == owner, Logo.id == logo_id)
        async with self._database.session(owner, read_only=True) as session:
            found: Logo | None = await session.scalar(query.options(undefer(Logo.content)))
        return found

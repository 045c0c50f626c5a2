"""Whom to tell that a visitor waits for a person, and whether they were told a moment ago."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_TOLD: Final = text("""
SELECT EXISTS (SELECT FROM jobs
    WHERE tenant_id = :tenant_id AND kind = 'send_notice'
      AND payload->>'notice' = :notice AND created_at > now() - interval '5 minutes')
""")
_ADMINS: Final = text("""
SELECT id FROM users
WHERE tenant_id = :tenant_id AND role = 'admin' AND status = 'active' ORDER BY id LIMIT 20
""")


async def admins_to_tell(session: AsyncSession, tenant_id: UUID, *, notice: str) -> Sequence[UUID]:
    """Return the company's admins; nobody, if they were told the same within five minutes."""
    if await session.scalar(_TOLD, {"tenant_id": tenant_id, "notice": notice}):
        return []
    return list((await session.scalars(_ADMINS, {"tenant_id": tenant_id})).all())

"""A company's e-mail domains, and the ones that are due to be looked at again."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from libs.common.database import Database, TenantRepository
from services.auth.domain.federation_errors import DomainClaimed, DomainTaken
from services.auth.models.email_domains import EmailDomain

_DUE = """
SELECT tenant_id, id FROM email_domains
WHERE proven_at IS NOT NULL AND checked_at < $1 ORDER BY checked_at LIMIT $2
"""


class EmailDomainRepository(TenantRepository[EmailDomain]):
    """Reads and writes a tenant's domains."""

    model = EmailDomain

    async def claim(self, domain: EmailDomain) -> None:
        """Store a claim.

        Raises:
            DomainClaimed: The tenant has claimed the domain before.
        """
        values = {
            name: getattr(domain, name)
            for name in ("id", "domain", "token", "admits_registration", "created_at")
        }
        stored = await self.session.execute(
            insert(EmailDomain)
            .values(tenant_id=self.tenant_id, failed_checks=0, **values)
            .on_conflict_do_nothing(index_elements=["tenant_id", "domain"])
            .returning(EmailDomain.id)
        )
        if stored.first() is None:
            raise DomainClaimed
        domain.tenant_id = self.tenant_id

    async def locked(self, domain_id: UUID) -> EmailDomain | None:
        """Return a domain that nobody else changes until the transaction ends."""
        query = self.owned().where(EmailDomain.id == domain_id).with_for_update()
        found: EmailDomain | None = await self.session.scalar(query)
        return found

    async def prove(self, domain: EmailDomain, *, now: datetime) -> None:
        """Make a domain the tenant's.

        Raises:
            DomainTaken: It is another tenant's, which the unique index decides.
        """
        domain.proven_at = domain.proven_at or now
        domain.checked_at = now
        domain.failed_checks = 0
        try:
            await self.session.flush()
        except IntegrityError as error:
            if "uq_email_domains_proven" in str(error.orig):
                raise DomainTaken from error
            raise

    async def all(self) -> Sequence[EmailDomain]:
        """Return the tenant's domains, by name."""
        return (await self.session.scalars(self.owned().order_by(EmailDomain.domain))).all()

    async def count(self) -> int:
        """Return how many domains the tenant has claimed."""
        return (
            await self.session.scalar(select(func.count()).select_from(self.owned().subquery()))
            or 0
        )

    async def proven_among(self, domains: Collection[str]) -> set[str]:
        """Return which of these domains the tenant has proven."""
        query = select(EmailDomain.domain).where(
            EmailDomain.tenant_id == self.tenant_id,
            EmailDomain.domain.in_(domains),
            EmailDomain.proven_at.is_not(None),
        )
        return set((await self.session.scalars(query)).all())


class DomainsDue:
    """Finds, across tenants, the proven domains whose records were not looked at for a while."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def since(self, before: datetime, *, limit: int) -> list[tuple[UUID, UUID]]:
        """Return tenant and id of domains last checked before then, the longest ago first."""
        async with self._database.lean_cross_tenant() as connection:
            rows = await connection.fetch(_DUE, before, limit)
        # Of asyncpg's own UUID class otherwise.
        return [(UUID(int=row[0].int), UUID(int=row[1].int)) for row in rows]

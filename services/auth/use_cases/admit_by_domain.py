"""Whether a verified e-mail address lets somebody register in a company."""

from dataclasses import dataclass
from uuid import UUID

from services.auth.domain.email_domains import domain_of
from services.auth.repositories.federation import FederationLookups
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class AdmitByDomain:
    """Find the company that a proven domain opens to people of that domain.

    The caller has verified the address before: that somebody typed it proves nothing.
    """

    unit_of_work: OpenUnitOfWork
    lookups: FederationLookups

    async def __call__(self, email: str, *, tenant_id: UUID | None = None) -> UUID | None:
        """Return the company that admits this verified address.

        Args:
            email: Verified.
            tenant_id: The company that the person asks for; any, when left out.

        Returns:
            None when no company does, it is another one, or it lets people in through single
            sign-on only.
        """
        domain = domain_of(email)
        found = await self.lookups.domain_owner(domain) if domain is not None else None
        if found is None or tenant_id not in (None, found[0]):
            return None
        owner_id, domain_id = found
        async with self.unit_of_work(owner_id) as uow:
            proven = await uow.email_domains.get(domain_id)
            policy = await uow.sso.policy()
            tenant = await uow.tenant.get()
        if proven is None or proven.proven_at is None or not proven.admits_registration:
            return None
        return owner_id if tenant is not None and tenant.is_active and not policy.sso_only else None

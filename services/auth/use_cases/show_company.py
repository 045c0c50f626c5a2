"""The caller's company."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.crypto import Cipher, KeyRing
from libs.common.security import Caller
from services.auth.domain.errors import CompanyNotFound
from services.auth.domain.geography import ADDRESS_PURPOSE
from services.auth.models.tenants import Tenant
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.use_cases.addresses import FullAddress, full_address


@dataclass(frozen=True, kw_only=True)
class ShownCompany:
    """A company, and where it says it is."""

    tenant: Tenant
    address: FullAddress | None


@dataclass(frozen=True, kw_only=True)
class ShowCompany:
    """Return the caller's own company; any other is not found."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    key_ring: KeyRing

    async def __call__(self, company_id: UUID | None = None) -> ShownCompany:
        if company_id not in (None, self.caller.tenant_id):
            raise CompanyNotFound
        cipher = await self.key_ring.cipher(self.caller.tenant_id, ADDRESS_PURPOSE)
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            tenant = await uow.tenant.get()
            if tenant is None:
                raise CompanyNotFound
            return await shown_company(uow, tenant, cipher)


async def shown_company(uow: AuthUnitOfWork, tenant: Tenant, cipher: Cipher) -> ShownCompany:
    """Put a company together with its address."""
    primary = await uow.addresses.primary()
    address = None if primary is None else await full_address(uow, primary, cipher)
    return ShownCompany(tenant=tenant, address=address)

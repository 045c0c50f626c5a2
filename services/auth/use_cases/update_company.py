"""The caller's company changes what it says about itself."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.crypto import KeyRing
from libs.common.security import Caller
from services.auth.domain.accounts import clean_email
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import CompanyNotFound
from services.auth.domain.geography import ADDRESS_PURPOSE, AddressNotFound
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.create_company import CompanyDetails
from services.auth.use_cases.show_company import ShownCompany, shown_company


@dataclass(frozen=True, kw_only=True)
class UpdateCompany:
    """Change the caller's own company; any other is not found."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    key_ring: KeyRing
    clock: Clock = utc_now

    async def __call__(
        self,
        company_id: UUID,
        details: CompanyDetails,
        *,
        address_id: int | None = None,
        address: str | None,
    ) -> ShownCompany:
        """Return the changed company; what is None stays.

        Args:
            company_id: The caller's own.
            details: What it says about itself.
            address_id: Which of its addresses is where it is.
            address: From where the call came.

        Raises:
            CompanyNotFound: It is another one, or deleted.
            AddressNotFound: It has no such address.
            InvalidEmail: The contact address is none.
        """
        if company_id != self.caller.tenant_id:
            raise CompanyNotFound
        now = self.clock()
        changed: dict[str, object] = {
            name: value for name, value in vars(details).items() if value is not None
        }
        if details.email is not None:
            changed["email"] = clean_email(details.email)
        cipher = await self.key_ring.cipher(self.caller.tenant_id, ADDRESS_PURPOSE)
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            tenant = await uow.tenant.get(locked=True)
            if tenant is None:
                raise CompanyNotFound
            before = {name: getattr(tenant, name) for name in changed}
            for name, value in changed.items():
                setattr(tenant, name, value)
            if address_id is not None:
                if not await uow.addresses.make_primary(address_id):
                    raise AddressNotFound
                changed["address_id"] = address_id
            shown = await shown_company(uow, tenant, cipher)
            if changed:
                tenant.updated_at = now
                await uow.audit.append(
                    AuditRecord(
                        event=AuditEvent.COMPANY_UPDATED,
                        description="Company details changed.",
                        risk=Risk.MEDIUM,
                        actor_id=self.caller.user_id,
                        actor_role=self.caller.role,
                        entity_type="company",
                        entity_id=tenant.tenant_id,
                        address=address,
                        details={"before": before, "after": changed},
                    ),
                    now=now,
                )
        return shown

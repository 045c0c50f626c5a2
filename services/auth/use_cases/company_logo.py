"""A company's logo: put, taken away, and shown."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, AuditRecord
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import CompanyNotFound, LogoNotFound
from services.auth.domain.logos import media_type_of
from services.auth.models.logos import Logo
from services.auth.repositories.logos import LogoShelf
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class SetLogo:
    """Keep a picture as the logo of the caller's company, or none; any other is not found."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(
        self, company_id: UUID, content: bytes | None, *, address: str | None
    ) -> UUID | None:
        if company_id != self.caller.tenant_id:
            raise CompanyNotFound
        media_type = None if content is None else media_type_of(content)
        now = self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            tenant = await uow.tenant.get(locked=True)
            if tenant is None:
                raise CompanyNotFound
            logo_id = None
            if content is not None and media_type is not None:
                logo_id = await uow.logo.put(content, media_type=media_type, now=now)
            elif not await uow.logo.remove():
                raise LogoNotFound
            tenant.logo_id, tenant.updated_at = logo_id, now
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.COMPANY_UPDATED,
                    description="Logo set." if logo_id else "Logo removed.",
                    actor_id=self.caller.user_id,
                    actor_role=self.caller.role,
                    entity_type="company",
                    entity_id=self.caller.tenant_id,
                    address=address,
                    details={"fields": ["logo"]},
                ),
                now=now,
            )
        return logo_id


@dataclass(frozen=True, kw_only=True)
class ShowLogo:
    """Return a picture to whoever has its id."""

    logos: LogoShelf

    async def __call__(self, logo_id: UUID) -> Logo:
        logo = await self.logos.find(logo_id)
        if logo is None:
            raise LogoNotFound
        return logo

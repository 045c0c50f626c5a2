"""Whose pages may use a company's credentials: shown and set."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, Risk, by
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import CompanyNotFound
from services.auth.domain.origins import read_origins
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class ShowAllowedOrigins:
    """Return the company's own list; empty when it has set none."""

    caller: Caller
    unit_of_work: OpenUnitOfWork

    async def __call__(self) -> Sequence[str]:
        async with self.unit_of_work(self.caller.tenant_id, read_only=True) as uow:
            tenant = await uow.tenant.get()
        if tenant is None:
            raise CompanyNotFound
        return tenant.allowed_origins


@dataclass(frozen=True, kw_only=True)
class SetAllowedOrigins:
    """Put a list in place of the one before; it holds everywhere within seconds."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    platform: Sequence[str]
    clock: Clock = utc_now

    async def __call__(self, given: Sequence[str], *, address: str | None) -> Sequence[str]:
        """Raises `InvalidOrigin` or `OriginNotOffered`; nothing is changed then."""
        origins, now = read_origins(given, platform=self.platform), self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            tenant = await uow.tenant.get(locked=True)
            if tenant is None:
                raise CompanyNotFound
            before, tenant.allowed_origins = tenant.allowed_origins, origins
            tenant.updated_at = now
            await uow.audit.append(
                by(
                    self.caller,
                    AuditEvent.ORIGINS_CHANGED,
                    "Pages that may use the company's credentials set.",
                    entity=("company", tenant.tenant_id),
                    address=address,
                    risk=Risk.HIGH,
                    details={"before": before, "after": origins},
                ),
                now=now,
            )
        return origins

"""A company's rate limits: those it sets itself, and those that the platform sets for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from libs.common.rate_limits import Rate
from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import CompanyNotFound, UnknownRateClass
from services.auth.domain.limits import LimitSource, check_narrower, read_rates, strictest
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class CompanyLimits:
    """What holds for each class, and who has set what."""

    platform: Mapping[str, Rate]
    set_by: Mapping[LimitSource, Mapping[str, Rate]]

    @property
    def in_force(self) -> dict[str, Rate]:
        """The limit of each class that counts."""
        own = [pair for rates in self.set_by.values() for pair in rates.items()]
        return {**self.platform, **strictest(own)}


@dataclass(frozen=True, kw_only=True)
class ShowRateLimits:
    """Return the limits of the caller's company, or of any for the platform's own people."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    platform: Mapping[str, Rate]

    async def __call__(self, company_id: UUID | None = None) -> CompanyLimits:
        async with self.unit_of_work(company_id or self.caller.tenant_id, read_only=True) as uow:
            if await uow.tenant.get() is None:
                raise CompanyNotFound
            found = await uow.rate_limits.all()
        return CompanyLimits(platform=self.platform, set_by=found)


@dataclass(frozen=True, kw_only=True)
class SetRateLimits:
    """Put limits in place of those before; they hold everywhere within seconds.

    A company may only narrow what the platform allows. What the platform sets for a company may
    be wider than for others, and the company cannot undo it.
    """

    caller: Caller
    unit_of_work: OpenUnitOfWork
    platform: Mapping[str, Rate]
    clock: Clock = utc_now

    async def __call__(
        self, limits: Mapping[str, str], *, company_id: UUID | None, address: str | None
    ) -> CompanyLimits:
        rates = read_rates(limits)
        if unknown := sorted(set(rates) - set(self.platform)):
            raise UnknownRateClass(details={"classes": unknown})
        source = LimitSource.TENANT if company_id is None else LimitSource.PLATFORM
        now = self.clock()
        async with self.unit_of_work(company_id or self.caller.tenant_id) as uow:
            if await uow.tenant.get(locked=True) is None:
                raise CompanyNotFound
            before = await uow.rate_limits.all()
            if source is LimitSource.TENANT:
                widened = before[LimitSource.PLATFORM]
                check_narrower(rates, platform={**self.platform, **widened})
            await uow.rate_limits.replace(rates, source=source, now=now)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.LIMITS_CHANGED,
                    description=f"Rate limits set by the {source}.",
                    risk=Risk.MEDIUM,
                    actor_id=self.caller.user_id,
                    actor_role=self.caller.role,
                    entity_type="rate_limits",
                    entity_id=uow.tenant_id,
                    address=address,
                    details={
                        "before": {name: str(rate) for name, rate in before[source].items()},
                        "after": {name: str(rate) for name, rate in rates.items()},
                    },
                ),
                now=now,
            )
        return CompanyLimits(platform=self.platform, set_by={**before, source: rates})

"""The e-mail domains of a company."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.common.security import Caller
from services.auth.models.email_domains import EmailDomain
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class ListDomains:
    """Return the domains that the company has claimed or proven."""

    caller: Caller
    unit_of_work: OpenUnitOfWork

    async def __call__(self) -> Sequence[EmailDomain]:
        async with self.unit_of_work(self.caller.tenant_id, read_only=True) as uow:
            return await uow.email_domains.all()

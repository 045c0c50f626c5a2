"""How a company's people may come in."""

from dataclasses import dataclass

from libs.common.security import Caller
from services.auth.models.federation import FederationPolicy
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class ShowPolicy:
    """Return the company's policy, the default one included."""

    caller: Caller
    unit_of_work: OpenUnitOfWork

    async def __call__(self) -> FederationPolicy:
        async with self.unit_of_work(self.caller.tenant_id, read_only=True) as uow:
            return await uow.sso.policy()

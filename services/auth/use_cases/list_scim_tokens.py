"""The tokens of a company's directories."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.common.security import Caller
from services.auth.models.directory import ScimToken
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class ListScimTokens:
    """Return the tokens that were not revoked, newest first."""

    caller: Caller
    unit_of_work: OpenUnitOfWork

    async def __call__(self) -> Sequence[ScimToken]:
        async with self.unit_of_work(self.caller.tenant_id, read_only=True) as uow:
            return await uow.directory.tokens()

"""API keys: the caller's, or all of the company."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.common.security import Caller
from services.auth.domain.api_keys import MAX_LISTED_KEYS
from services.auth.models.api_keys import ApiKey
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class ListApiKeys:
    """Return the caller's keys that were not revoked, newest first."""

    caller: Caller
    unit_of_work: OpenUnitOfWork

    async def __call__(self) -> Sequence[ApiKey]:
        if self.caller.user_id is None:
            return []
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            return await uow.api_keys.of_user(self.caller.user_id, limit=MAX_LISTED_KEYS)


@dataclass(frozen=True, kw_only=True)
class ListCompanyKeys:
    """Return the keys of everybody in the company that were not revoked, newest first."""

    caller: Caller
    unit_of_work: OpenUnitOfWork

    async def __call__(self, *, page: int, per_page: int) -> tuple[Sequence[ApiKey], int]:
        async with self.unit_of_work(self.caller.tenant_id, read_only=True) as uow:
            return await uow.api_keys.page(page=page, per_page=per_page)

"""The users of the caller's company."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.common.security import Caller
from services.auth.models.users import User
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.repositories.users import UserFilter


@dataclass(frozen=True, kw_only=True)
class ListUsers:
    """Return one page of users, and how many there are in all."""

    caller: Caller
    unit_of_work: OpenUnitOfWork

    async def __call__(
        self, wanted: UserFilter, *, page: int, per_page: int
    ) -> tuple[Sequence[User], int]:
        async with self.unit_of_work(self.caller.tenant_id, read_only=True) as uow:
            return await uow.users.page(wanted, page=page, per_page=per_page)

"""The users of the caller's company."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.common.security import Caller, Scope
from services.auth.domain.errors import CompanyNotFound
from services.auth.models.users import User
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.repositories.users import UserFilter


@dataclass(frozen=True, kw_only=True)
class ListUsers:
    """Return one page of users, and how many there are in all."""

    caller: Caller
    unit_of_work: OpenUnitOfWork

    async def __call__(
        self, wanted: UserFilter, *, page: int, per_page: int, tenant_id: UUID | None = None
    ) -> tuple[Sequence[User], int]:
        """Return users of the caller's company; of another one for super admins only.

        Raises:
            CompanyNotFound: Another company, and the caller is none.
        """
        if tenant_id is not None and not self.caller.may(Scope.PLATFORM_ADMIN):
            raise CompanyNotFound
        tenant_id = tenant_id or self.caller.tenant_id
        async with self.unit_of_work(tenant_id, read_only=True) as uow:
            return await uow.users.page(wanted, page=page, per_page=per_page)

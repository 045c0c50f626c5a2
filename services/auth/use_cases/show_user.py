"""One user of the caller's company."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.security import Caller
from services.auth.domain.errors import UserNotFound
from services.auth.models.users import User
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.require_admin import require_admin


@dataclass(frozen=True, kw_only=True)
class ShowUser:
    """Return a user: oneself, or anybody of the company for an admin or an admin's key.

    Another company's user is not found.
    """

    caller: Caller
    unit_of_work: OpenUnitOfWork

    async def __call__(self, user_id: UUID) -> User:
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            if user_id != self.caller.user_id:
                await require_admin(uow, self.caller)
            user = await uow.users.get(user_id)
        if user is None:
            raise UserNotFound
        return user

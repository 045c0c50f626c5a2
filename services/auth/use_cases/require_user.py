"""The person behind a caller, as they are at this moment."""

from libs.common.errors import Forbidden
from libs.common.security import Caller
from services.auth.models.users import User
from services.auth.repositories.unit_of_work import AuthUnitOfWork


async def require_user(uow: AuthUnitOfWork, caller: Caller) -> User:
    """Return the user behind a caller, with the role that they have now.

    Raises:
        Forbidden: There is nobody, or not any more.
    """
    user = await uow.users.get(caller.user_id) if caller.user_id else None
    if user is None or not user.is_active:
        raise Forbidden
    return user

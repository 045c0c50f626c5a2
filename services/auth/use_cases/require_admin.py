"""Whether the person behind a caller is an admin at this moment."""

from libs.common.errors import Forbidden
from libs.common.security import Caller
from services.auth.domain.accounts import ADMIN_ROLES
from services.auth.repositories.unit_of_work import AuthUnitOfWork


async def require_admin(uow: AuthUnitOfWork, caller: Caller) -> None:
    """Refuse all but admins and their API keys.

    A key's scopes say what it may do, not what its owner may: with `write` alone, a key of
    somebody who is no admin must not make users.

    Raises:
        Forbidden: The user behind the caller is no active admin.
    """
    owner = await uow.users.get(caller.user_id) if caller.user_id else None
    if owner is None or not owner.is_active or owner.role not in ADMIN_ROLES:
        raise Forbidden("Only admins of the company may do this.")

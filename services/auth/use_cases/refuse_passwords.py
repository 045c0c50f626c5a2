"""Companies that let people in through single sign-on only."""

from services.auth.domain.accounts import Role
from services.auth.domain.federation_errors import SsoRequired
from services.auth.models.users import User
from services.auth.repositories.unit_of_work import AuthUnitOfWork


async def refuse_passwords(uow: AuthUnitOfWork, user: User) -> None:
    """Refuse a login without single sign-on where the company wants it, right as it may be.

    The break-glass admin gets in for when the provider is down. Super admins do, too: no
    company's provider may vouch for them.

    Raises:
        SsoRequired: The user must come through the provider.
    """
    policy = await uow.sso.policy()
    if policy.sso_only and user.id != policy.break_glass_user_id and user.role != Role.SUPER_ADMIN:
        raise SsoRequired

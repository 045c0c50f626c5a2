"""What a directory sees of a company's people."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.auth.domain.directory import Criterion, KnownUser
from services.auth.domain.federation_errors import DirectoryUserNotFound
from services.auth.models.directory import DirectoryLink
from services.auth.models.users import User
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.use_cases.verify_scim_token import VerifiedDirectory


@dataclass(frozen=True, kw_only=True)
class FindDirectoryUsers:
    """Search users, or return one."""

    directory: VerifiedDirectory
    unit_of_work: OpenUnitOfWork

    async def __call__(
        self, criteria: Sequence[Criterion], *, offset: int, limit: int
    ) -> tuple[list[KnownUser], int]:
        """Return users that meet all criteria, and how many there are in all."""
        async with self.unit_of_work(self.directory.tenant_id, read_only=True) as uow:
            rows, total = await uow.directory.page_of_users(criteria, offset=offset, limit=limit)
            groups = await uow.directory.groups_of([user.id for user, _ in rows])
        return [
            known_user(user, link, groups=groups.get(user.id, ())) for user, link in rows
        ], total

    async def one(self, user_id: UUID) -> KnownUser:
        """Return a user.

        Raises:
            DirectoryUserNotFound: There is none that the directory may see.
        """
        async with self.unit_of_work(self.directory.tenant_id, read_only=True) as uow:
            return await seen(uow, user_id)


async def seen(uow: AuthUnitOfWork, user_id: UUID, *, locked: bool = False) -> KnownUser:
    """Return a user as the directory sees them.

    Raises:
        DirectoryUserNotFound: There is none that the directory may see.
    """
    row = await uow.directory.user(user_id, locked=locked)
    if row is None:
        raise DirectoryUserNotFound
    groups = await uow.directory.groups_of([user_id])
    return known_user(*row, groups=groups.get(user_id, ()))


def known_user(
    user: User, link: DirectoryLink | None, *, groups: Sequence[tuple[UUID, str]] = ()
) -> KnownUser:
    """Put a user into the directory's words; one it never touched is named by their address."""
    return KnownUser(
        id=user.id,
        user_name=link.user_name if link is not None else user.email,
        external_id=link.external_id if link is not None else None,
        email=user.email,
        given_name=user.first_name,
        family_name=user.last_name,
        active=user.is_active,
        created_at=user.created_at,
        updated_at=user.updated_at,
        groups=tuple(groups),
    )

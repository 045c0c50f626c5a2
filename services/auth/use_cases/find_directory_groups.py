"""The groups that a directory has pushed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.auth.domain.directory import Criterion, KnownGroup
from services.auth.domain.federation_errors import DirectoryGroupNotFound
from services.auth.models.directory import Group
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.use_cases.verify_scim_token import VerifiedDirectory


@dataclass(frozen=True, kw_only=True)
class FindDirectoryGroups:
    """Search groups, or return one."""

    directory: VerifiedDirectory
    unit_of_work: OpenUnitOfWork

    async def __call__(
        self, criteria: Sequence[Criterion], *, offset: int, limit: int, with_members: bool = True
    ) -> tuple[list[KnownGroup], int]:
        """Return groups that meet all criteria, and how many there are in all."""
        async with self.unit_of_work(self.directory.tenant_id, read_only=True) as uow:
            groups, total = await uow.directory.page_of_groups(criteria, offset=offset, limit=limit)
            members = {}
            if with_members:
                members = await uow.directory.members_of([group.id for group in groups])
        return [known_group(group, members.get(group.id, ())) for group in groups], total

    async def one(self, group_id: UUID) -> KnownGroup:
        """Return a group.

        Raises:
            DirectoryGroupNotFound: There is none.
        """
        async with self.unit_of_work(self.directory.tenant_id, read_only=True) as uow:
            return (await found(uow, group_id))[1]


async def found(
    uow: AuthUnitOfWork, group_id: UUID, *, locked: bool = False
) -> tuple[Group, KnownGroup]:
    """Return a group, and the same with its members.

    Raises:
        DirectoryGroupNotFound: There is none.
    """
    group = await uow.directory.group(group_id, locked=locked)
    if group is None:
        raise DirectoryGroupNotFound
    members = await uow.directory.members_of([group_id])
    return group, known_group(group, members.get(group_id, ()))


def known_group(group: Group, members: Collection[UUID]) -> KnownGroup:
    """Put a group into the directory's words."""
    return KnownGroup(
        id=group.id,
        display_name=group.display_name,
        external_id=group.external_id,
        members=frozenset(members),
        created_at=group.created_at,
        updated_at=group.updated_at,
    )

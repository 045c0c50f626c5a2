"""A directory adds, changes and removes groups, whose names may be worth roles."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.common.ids import new_id
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.directory import (
    MAX_GROUPS,
    MAX_MEMBERS,
    DirectoryGroup,
    KnownGroup,
    name_key,
)
from services.auth.domain.errors import CompanyNotFound
from services.auth.domain.federation_errors import TooManyOfThem
from services.auth.domain.ports import Revocations
from services.auth.models.directory import Group
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.use_cases.find_directory_groups import found, known_group
from services.auth.use_cases.give_role import give_directory_roles
from services.auth.use_cases.verify_scim_token import VerifiedDirectory

ChangeGroup = Callable[[KnownGroup], DirectoryGroup]


@dataclass(frozen=True, kw_only=True)
class ChangeDirectoryGroup:
    """Apply a change to a group as it is now, and give its people the roles that follow.

    The company's row is locked first: roles hang on all groups together.
    """

    directory: VerifiedDirectory
    unit_of_work: OpenUnitOfWork
    revocations: Revocations
    clock: Clock = utc_now

    async def add(self, wanted: DirectoryGroup, *, address: str | None) -> KnownGroup:
        """Add a group and return it.

        Raises:
            NameTaken: Another group has the name.
            UnknownMember: A member is no user that the directory may see.
        """
        now = self.clock()
        group = Group(
            id=new_id(),
            display_name=wanted.display_name,
            display_name_key=name_key(wanted.display_name),
            external_id=wanted.external_id,
            created_at=now,
            updated_at=now,
        )
        async with self.unit_of_work(self.directory.tenant_id) as uow:
            await _lock(uow)
            _, total = await uow.directory.page_of_groups([], offset=0, limit=0)
            if total >= MAX_GROUPS:
                raise TooManyOfThem
            uow.directory.add_group(group)
            await uow.directory.flush()
            ended = await self._set(uow, group, wanted, before=(), address=address, now=now)
        await self._announce(ended)
        return known_group(group, wanted.members)

    async def __call__(
        self, group_id: UUID, change: ChangeGroup, *, address: str | None
    ) -> KnownGroup:
        """Change a group and return it.

        Args:
            group_id: Which.
            change: Given the group as it is, returns what it shall be, or raises.
            address: Where the directory calls from.

        Raises:
            DirectoryGroupNotFound: There is none.
            NameTaken: Another group has the name.
            UnknownMember: A member is no user that the directory may see.
        """
        now = self.clock()
        async with self.unit_of_work(self.directory.tenant_id) as uow:
            await _lock(uow)
            group, before = await found(uow, group_id, locked=True)
            wanted = change(before)
            if all(
                getattr(before, name) == getattr(wanted, name)
                for name in DirectoryGroup.__dataclass_fields__
            ):
                return before
            group.display_name = wanted.display_name
            group.display_name_key = name_key(wanted.display_name)
            group.external_id = wanted.external_id
            group.updated_at = now
            await uow.directory.flush()
            renamed = before.display_name != wanted.display_name
            ended = await self._set(
                uow,
                group,
                wanted,
                before=before.members,
                also=before.members if renamed else (),
                address=address,
                now=now,
            )
        await self._announce(ended)
        return known_group(group, wanted.members)

    async def remove(
        self, group_id: UUID, check: Callable[[KnownGroup], None], *, address: str | None
    ) -> None:
        """Remove a group.

        Raises:
            DirectoryGroupNotFound: There is none.
        """
        now = self.clock()
        async with self.unit_of_work(self.directory.tenant_id) as uow:
            await _lock(uow)
            group, before = await found(uow, group_id, locked=True)
            check(before)
            await uow.directory.remove_group(group)
            ended = await give_directory_roles(uow, before.members, now=now)
            await self._record(
                uow, AuditEvent.GROUP_DELETED, group, before.members, address=address, now=now
            )
        await self._announce(ended)

    async def _set(
        self,
        uow: AuthUnitOfWork,
        group: Group,
        wanted: DirectoryGroup,
        *,
        before: Collection[UUID],
        also: Collection[UUID] = (),
        address: str | None,
        now: datetime,
    ) -> list[UUID]:
        if len(wanted.members) > MAX_MEMBERS:
            raise TooManyOfThem
        changed = await uow.directory.set_members(group, wanted, before=before)
        ended = await give_directory_roles(uow, changed | set(also), now=now)
        await self._record(uow, AuditEvent.GROUP_CHANGED, group, changed, address=address, now=now)
        return ended

    async def _record(
        self,
        uow: AuthUnitOfWork,
        event: AuditEvent,
        group: Group,
        changed: Collection[UUID],
        *,
        address: str | None,
        now: datetime,
    ) -> None:
        await uow.audit.append(
            AuditRecord(
                event=event,
                description="Group changed by the directory."
                if event is AuditEvent.GROUP_CHANGED
                else "Group removed by the directory.",
                risk=Risk.MEDIUM,
                actor_role="directory",
                entity_type="directory_group",
                entity_id=group.id,
                address=address,
                details={
                    "members_changed": len(changed),
                    "scim_token_id": str(self.directory.token_id),
                },
            ),
            now=now,
        )

    async def _announce(self, ended: list[UUID]) -> None:
        for session_id in ended:
            await self.revocations.session_ended(session_id)


async def _lock(uow: AuthUnitOfWork) -> None:
    if await uow.tenant.get(locked=True) is None:
        raise CompanyNotFound

"""A company's people and groups, as its directory sees and changes them."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, false, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.domain.accounts import Role, UserStatus
from services.auth.domain.directory import Criterion, DirectoryGroup, name_key
from services.auth.domain.federation_errors import NameTaken, UnknownMember
from services.auth.domain.sessions import EndReason
from services.auth.models.directory import DirectoryLink, Group, GroupMember, ScimToken
from services.auth.models.sessions import Session
from services.auth.models.users import User
from services.auth.repositories.emails import sealing_of

_UNIQUE: Final = (
    "uq_users_email_key",
    "uq_users_email_index",
    "uq_directory_users_tenant_id_user_name_key",
    "uq_directory_groups_tenant_id_display_name_key",
)


class DirectoryRepository:
    """One tenant's users with what the directory calls them, groups, and tokens."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self.session = session
        self.tenant_id = tenant_id

    async def flush(self) -> None:
        """Write what was changed.

        Raises:
            NameTaken: A user name, address or group name has another owner.
        """
        try:
            await self.session.flush()
        except IntegrityError as error:
            if any(name in str(error.orig) for name in _UNIQUE):
                raise NameTaken from error
            raise

    async def page_of_users(
        self, criteria: Sequence[Criterion], *, offset: int, limit: int
    ) -> tuple[list[tuple[User, DirectoryLink | None]], int]:
        """Return users, oldest first, and how many there are in all."""
        query = self._visible()
        for criterion in criteria:
            query = query.where(self._user_condition(criterion))
        total = await self.session.scalar(
            select(func.count()).select_from(query.with_only_columns(User.id).subquery())
        )
        page = query.order_by(User.created_at, User.id).offset(offset).limit(limit)
        rows = (await self.session.execute(page)).all() if limit else ()
        return [(row[0], row[1]) for row in rows], total or 0

    async def user(
        self, user_id: UUID, *, locked: bool = False
    ) -> tuple[User, DirectoryLink | None] | None:
        """Return a user that a directory may see; locked, until the transaction ends."""
        query = self._visible().where(User.id == user_id)
        row = (
            await self.session.execute(query.with_for_update(of=User) if locked else query)
        ).one_or_none()
        return None if row is None else (row[0], row[1])

    async def user_by_email(self, email: str) -> User | None:
        """Return the tenant's own user with an address."""
        query = select(User).where(User.tenant_id == self.tenant_id, self._has_address(email))
        found: User | None = await self.session.scalar(query)
        return found

    async def removed_user(
        self, *, user_name: str, email: str
    ) -> tuple[User, DirectoryLink] | None:
        """Return, locked, a user whom the directory removed before and now adds again."""
        query = (
            select(User, DirectoryLink)
            .join(DirectoryLink, self._link_joins())
            .where(
                User.tenant_id == self.tenant_id,
                User.role != Role.SUPER_ADMIN,
                DirectoryLink.removed_at.is_not(None),
                DirectoryLink.user_name_key == name_key(user_name),
                self._has_address(email),
            )
            .with_for_update(of=User)
        )
        row = (await self.session.execute(query)).one_or_none()
        return None if row is None else (row[0], row[1])

    async def groups_of(self, user_ids: Collection[UUID]) -> dict[UUID, list[tuple[UUID, str]]]:
        """Return ids and names of the groups that users are in, by user."""
        query = (
            select(GroupMember.user_id, Group.id, Group.display_name)
            .join(
                Group,
                (Group.tenant_id == GroupMember.tenant_id) & (Group.id == GroupMember.group_id),
            )
            .where(GroupMember.tenant_id == self.tenant_id, GroupMember.user_id.in_(user_ids))
            .order_by(Group.display_name_key)
        )
        found: dict[UUID, list[tuple[UUID, str]]] = {}
        for user_id, group_id, name in (await self.session.execute(query)).all():
            found.setdefault(user_id, []).append((group_id, name))
        return found

    async def grouped_users(self) -> set[UUID]:
        """Return everybody who is in a group."""
        query = select(GroupMember.user_id).where(GroupMember.tenant_id == self.tenant_id)
        return set((await self.session.scalars(query)).all())

    def add_user(self, user: User) -> None:
        """Store a new user; `flush` says whether the address was free."""
        user.tenant_id = self.tenant_id
        self.session.add(user)

    def add_link(self, link: DirectoryLink) -> None:
        """Note what the directory calls a user."""
        link.tenant_id = self.tenant_id
        self.session.add(link)

    async def other_admin_exists(self, user_id: UUID) -> bool:
        """Say whether somebody else is an active admin."""
        query = select(User.id).where(
            User.tenant_id == self.tenant_id,
            User.id != user_id,
            User.role.in_([Role.ADMIN, Role.SUPER_ADMIN]),
            User.status == UserStatus.ACTIVE,
        )
        return bool(await self.session.scalar(select(query.exists())))

    async def end_sessions(self, user_id: UUID, *, now: datetime) -> list[UUID]:
        """End all sessions of a user; return those that were live."""
        ended = await self.session.scalars(
            update(Session)
            .where(
                Session.tenant_id == self.tenant_id,
                Session.user_id == user_id,
                Session.ended_at.is_(None),
            )
            .values(ended_at=now, ended_reason=EndReason.CHANGED)
            .returning(Session.id)
        )
        return list(ended.all())

    async def page_of_groups(
        self, criteria: Sequence[Criterion], *, offset: int, limit: int
    ) -> tuple[Sequence[Group], int]:
        """Return groups, oldest first, and how many there are in all."""
        query = self._groups()
        for criterion in criteria:
            query = query.where(self._group_condition(criterion))
        total = await self.session.scalar(select(func.count()).select_from(query.subquery()))
        page = query.order_by(Group.created_at, Group.id).offset(offset).limit(limit)
        groups = (await self.session.scalars(page)).all() if limit else ()
        return groups, total or 0

    async def group(self, group_id: UUID, *, locked: bool = False) -> Group | None:
        """Return a group; locked, nobody else changes it until the transaction ends."""
        query = self._groups().where(Group.id == group_id)
        found: Group | None = await self.session.scalar(
            query.with_for_update() if locked else query
        )
        return found

    async def members_of(self, group_ids: Collection[UUID]) -> dict[UUID, set[UUID]]:
        """Return the members of groups, by group; removed people are not among them."""
        query = select(GroupMember.group_id, GroupMember.user_id).where(
            GroupMember.tenant_id == self.tenant_id, GroupMember.group_id.in_(group_ids)
        )
        found: dict[UUID, set[UUID]] = {}
        for group_id, user_id in (await self.session.execute(query)).all():
            found.setdefault(group_id, set()).add(user_id)
        return found

    def add_group(self, group: Group) -> None:
        """Store a new group."""
        group.tenant_id = self.tenant_id
        self.session.add(group)

    async def set_members(
        self, group: Group, wanted: DirectoryGroup, *, before: Iterable[UUID]
    ) -> set[UUID]:
        """Give a group its members; return those who came or went.

        Raises:
            UnknownMember: One of them is no user that the directory may see.
        """
        known = set(before)
        came, went = wanted.members - known, known - wanted.members
        if came:
            query = self._visible().where(User.id.in_(came)).with_only_columns(User.id)
            if set((await self.session.scalars(query)).all()) != came:
                raise UnknownMember
            await self.session.execute(
                insert(GroupMember).on_conflict_do_nothing(),
                [
                    {"tenant_id": self.tenant_id, "group_id": group.id, "user_id": user_id}
                    for user_id in came
                ],
            )
        if went:
            await self.session.execute(
                delete(GroupMember).where(
                    GroupMember.tenant_id == self.tenant_id,
                    GroupMember.group_id == group.id,
                    GroupMember.user_id.in_(went),
                )
            )
        return set(came | went)

    async def leave_all_groups(self, user_id: UUID) -> None:
        """Take a user out of all groups."""
        await self.session.execute(
            delete(GroupMember).where(
                GroupMember.tenant_id == self.tenant_id, GroupMember.user_id == user_id
            )
        )

    async def remove_group(self, group: Group) -> None:
        """Delete a group, and the memberships in it."""
        await self.session.delete(group)
        await self.session.flush()

    async def token(self, token_id: UUID) -> ScimToken | None:
        """Return one of the tenant's tokens."""
        found: ScimToken | None = await self.session.scalar(
            self._tokens().where(ScimToken.id == token_id)
        )
        return found

    async def tokens(self) -> Sequence[ScimToken]:
        """Return the tokens that were not revoked, newest first."""
        query = self._tokens().where(ScimToken.revoked_at.is_(None))
        return (await self.session.scalars(query.order_by(ScimToken.created_at.desc()))).all()

    def add_token(self, token: ScimToken) -> None:
        """Store a new token."""
        token.tenant_id = self.tenant_id
        self.session.add(token)

    def _tokens(self) -> Select[ScimToken]:
        return select(ScimToken).where(ScimToken.tenant_id == self.tenant_id)

    def _groups(self) -> Select[Group]:
        return select(Group).where(Group.tenant_id == self.tenant_id)

    def _visible(self) -> Select[User, DirectoryLink]:
        # The platform's own super admins are nobody's to provision.
        return (
            select(User, DirectoryLink)
            .outerjoin(DirectoryLink, self._link_joins())
            .where(
                User.tenant_id == self.tenant_id,
                User.role != Role.SUPER_ADMIN,
                DirectoryLink.removed_at.is_(None),
            )
        )

    def _link_joins(self) -> ColumnElement[bool]:
        return (DirectoryLink.tenant_id == User.tenant_id) & (DirectoryLink.user_id == User.id)

    def _has_address(self, email: str) -> ColumnElement[bool]:
        return sealing_of(self.session.sync_session).is_of(User, email)

    def _user_condition(self, criterion: Criterion) -> ColumnElement[bool]:
        value = str(criterion.value)
        match criterion.attribute:
            case "user_name":
                named = DirectoryLink.user_name_key == name_key(value)
                unnamed = DirectoryLink.user_name_key.is_(None)
                return or_(named, unnamed & self._has_address(value))
            case "external_id":
                return DirectoryLink.external_id == value
            case "email":
                return self._has_address(value)
            case "active":
                active = User.status == UserStatus.ACTIVE
                return active if criterion.value is True else ~active
            case _:
                return _has_id(User.id, value)

    def _group_condition(self, criterion: Criterion) -> ColumnElement[bool]:
        value = str(criterion.value)
        match criterion.attribute:
            case "display_name":
                return Group.display_name_key == name_key(value)
            case "external_id":
                return Group.external_id == value
            case "member":
                inside = select(GroupMember.group_id).where(
                    GroupMember.tenant_id == self.tenant_id, _has_id(GroupMember.user_id, value)
                )
                return Group.id.in_(inside)
            case _:
                return _has_id(Group.id, value)


def _has_id(column: object, value: str) -> ColumnElement[bool]:
    try:
        wanted = UUID(value)
    except ValueError:
        return false()
    equals: ColumnElement[bool] = column == wanted  # type: ignore[assignment]  # a column, known as an object
    return equals

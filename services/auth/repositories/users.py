"""Users of a tenant."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, any_, false, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, undefer

from libs.common.database import TenantRepository
from services.auth.domain.accounts import Role, email_key
from services.auth.domain.errors import EmailTaken
from services.auth.models.users import User
from services.auth.repositories.emails import sealing_of

SortColumn = Literal["created_at", "email", "first_name", "last_name", "last_login"]

_SORT: Final[dict[str, InstrumentedAttribute[object]]] = {
    "created_at": User.created_at,
    "first_name": User.first_name,
    "last_name": User.last_name,
    "last_login": User.last_login_at,
}

# Addresses are sealed: part of one is looked for by opening them, of so many users at most; a
# whole one is found among any number.
MAX_SEARCHED: Final = 20_000
OFF_THE_LOOP: Final = 500


@dataclass(frozen=True, kw_only=True)
class UserFilter:
    """Which users, and in which order; what is None does not narrow."""

    status: str | None = None
    role: str | None = None
    email_verified: bool | None = None
    two_factor_enabled: bool | None = None
    search: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    last_login_after: datetime | None = None
    last_login_before: datetime | None = None
    never_logged_in: bool | None = None
    min_login_attempts: int | None = None
    timezone: str | None = None
    language: str | None = None
    nobody: bool = False
    """Asks for users in a state that none can be in."""
    sort_by: SortColumn = "created_at"
    descending: bool = True


class UserRepository(TenantRepository[User]):
    """Reads and writes a tenant's users."""

    model = User

    async def enroll(self, user: User) -> None:
        """Add a user.

        Raises:
            EmailTaken: Somebody on the platform has this address.
        """
        self.add(user)
        await self.flush()

    async def flush(self) -> None:
        """Write what was changed.

        Raises:
            EmailTaken: Somebody on the platform has an address that was given to one of them.
        """
        try:
            await self.session.flush()
        except IntegrityError as error:
            if "uq_users_email_" in str(error.orig):
                raise EmailTaken from error
            raise

    async def with_password(self, user_id: UUID) -> User | None:
        """Return a user together with the password hash, which is not loaded otherwise."""
        query = self.owned().where(User.id == user_id).options(undefer(User.password_hash))
        found: User | None = await self.session.scalar(query)
        return found

    async def password_hash_of(self, user_id: UUID) -> str | None:
        """Return the password hash as it is at this moment."""
        query = select(User.password_hash).where(
            User.tenant_id == self.tenant_id, User.id == user_id
        )
        found: str | None = await self.session.scalar(query)
        return found

    async def locked(self, user_id: UUID) -> User | None:
        """Return a user whom nobody else changes until the transaction ends."""
        found: User | None = await self.session.scalar(
            self.owned().where(User.id == user_id).with_for_update()
        )
        return found

    async def any(self, *, but: UUID | None = None) -> bool:
        """Say whether the tenant has a user at all, or another one than `but`."""
        query = self.owned() if but is None else self.owned().where(User.id != but)
        return bool(await self.session.scalar(select(query.exists())))

    async def remove(self, user: User) -> None:
        """Delete a user, with all that hangs on them."""
        await self.session.delete(user)
        await self.session.flush()

    async def any_super_admin(self) -> bool:
        """Say whether one of the platform's own people is among them."""
        query = self.owned().where(User.role == Role.SUPER_ADMIN)
        return bool(await self.session.scalar(select(query.exists())))

    async def count(self) -> int:
        """Count them."""
        return (
            await self.session.scalar(select(func.count()).where(User.tenant_id == self.tenant_id))
            or 0
        )

    async def count_failed_login(self, user_id: UUID) -> None:
        """Count a wrong password, whatever other logins do at the same time."""
        await self.session.execute(
            update(User)
            .where(User.tenant_id == self.tenant_id, User.id == user_id)
            .values(login_attempts=User.login_attempts + 1, updated_at=User.updated_at)
        )

    async def page(
        self, wanted: UserFilter, *, page: int, per_page: int
    ) -> tuple[Sequence[User], int]:
        """Return one page of users, and how many there are in all; pages count from 1."""
        query = self._narrowed(wanted, named=await self._named_like(wanted.search))
        total = await self.session.scalar(select(func.count()).select_from(query.subquery()))
        if wanted.sort_by == "email":
            users = await self._page_by_address(
                query, descending=wanted.descending, page=page, per_page=per_page
            )
            return users, total or 0
        column = _SORT[wanted.sort_by]
        # The id settles ties, so that no user is shown on two pages.
        order = (
            (column.desc().nulls_last(), User.id.desc())
            if wanted.descending
            else (column.asc().nulls_last(), User.id.asc())
        )
        query = query.order_by(*order).limit(per_page).offset((page - 1) * per_page)
        return (await self.session.scalars(query)).all(), total or 0

    async def _page_by_address(
        self, query: Select[User], *, descending: bool, page: int, per_page: int
    ) -> Sequence[User]:
        addresses = await self._addresses(query)
        ordered = sorted(
            addresses, key=lambda one: (email_key(addresses[one]), one), reverse=descending
        )
        ids = ordered[(page - 1) * per_page : page * per_page]
        found = await self.session.scalars(self.owned().where(User.id.in_(ids)))
        users = {user.id: user for user in found}
        return [users[one] for one in ids if one in users]

    async def _named_like(self, search: str | None) -> list[UUID]:
        """Return who has an address with `search` in it, of the newest `MAX_SEARCHED` users."""
        if not search:
            return []
        newest = self.owned().order_by(User.created_at.desc(), User.id.desc()).limit(MAX_SEARCHED)
        wanted = email_key(search)
        addresses = await self._addresses(newest)
        return [one for one, email in addresses.items() if wanted in email_key(email)]

    async def _addresses(self, query: Select[User]) -> dict[UUID, str]:
        """Return the addresses of users, opened, by their ids."""
        columns = (User.id, User.email_sealed, User.plain_email)
        rows = (await self.session.execute(query.with_only_columns(*columns))).all()
        sealing = sealing_of(self.session.sync_session)

        def opened() -> dict[UUID, str]:
            table = User.__tablename__
            return {
                id_: plain or sealing.opened(sealed or b"", table=table, row=id_)
                for id_, sealed, plain in rows
            }

        # 4 microseconds each: many take long enough to leave the event loop alone.
        return await asyncio.to_thread(opened) if len(rows) > OFF_THE_LOOP else opened()

    def _narrowed(self, wanted: UserFilter, *, named: Sequence[UUID]) -> Select[User]:
        equal = {
            User.status: wanted.status,
            User.role: wanted.role,
            User.email_verified: wanted.email_verified,
            User.two_factor_enabled: wanted.two_factor_enabled,
            User.timezone: wanted.timezone,
            User.language: wanted.language,
        }
        conditions: list[ColumnElement[bool]] = [
            column == value for column, value in equal.items() if value is not None
        ]
        if wanted.created_after is not None:
            conditions.append(User.created_at >= wanted.created_after)
        if wanted.created_before is not None:
            conditions.append(User.created_at <= wanted.created_before)
        if wanted.last_login_after is not None:
            conditions.append(User.last_login_at >= wanted.last_login_after)
        if wanted.last_login_before is not None:
            conditions.append(User.last_login_at <= wanted.last_login_before)
        if wanted.never_logged_in is not None:
            never = User.last_login_at.is_(None)
            conditions.append(never if wanted.never_logged_in else ~never)
        if wanted.min_login_attempts is not None:
            conditions.append(User.login_attempts >= wanted.min_login_attempts)
        if wanted.search:
            columns = (User.username, User.first_name, User.last_name)
            conditions.append(
                or_(
                    *(column.icontains(wanted.search, autoescape=True) for column in columns),
                    sealing_of(self.session.sync_session).is_of(User, wanted.search),
                    # As one value: a statement of thousands takes a tenth of a second to write.
                    User.id == any_(literal(list(named), ARRAY(Uuid()))),
                )
            )
        if wanted.nobody:
            conditions.append(false())
        return self.owned().where(*conditions)

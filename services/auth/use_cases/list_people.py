"""People of all companies, for the platform's own people."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from services.auth.domain.accounts import email_key
from services.auth.models.users import User
from services.auth.repositories.credentials import Credentials
from services.auth.repositories.people import People, PeopleFilter
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class ListPeople:
    """Return one page of people, newest first.

    What has an `@` is a whole address; everything else is a part of a name.
    """

    unit_of_work: OpenUnitOfWork
    credentials: Credentials
    people: People

    async def __call__(
        self, wanted: PeopleFilter, *, search: str | None, page: int, per_page: int
    ) -> tuple[Sequence[User], int]:
        """Pages count from 1."""
        if search and "@" in search:
            user = await self._of_address(search, wanted)
            found = [user] if user is not None else []
            return found if page == 1 else [], len(found)
        wanted = replace(wanted, name=search or None)
        ids, total = await self.people.page(wanted, page=page, per_page=per_page)
        users = [await self._read(tenant_id, user_id) for tenant_id, user_id in ids]
        return [user for user in users if user is not None], total

    async def _of_address(self, address: str, wanted: PeopleFilter) -> User | None:
        ids = await self.credentials.user_by_email(email_key(address))
        user = await self._read(*ids) if ids is not None else None
        if user is None:
            return None
        fits = (
            wanted.company_id in (None, user.tenant_id)
            and wanted.role in (None, user.role)
            and wanted.status in (None, user.status)
        )
        return user if fits else None

    async def _read(self, tenant_id: UUID, user_id: UUID) -> User | None:
        async with self.unit_of_work(tenant_id, read_only=True) as uow:
            return await uow.users.get(user_id)

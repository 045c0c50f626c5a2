"""Addresses at rest: sealed, found, unique; and those that the version before has stored."""

import asyncio
import re
from collections.abc import AsyncIterator, Sized
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import event

from libs.common.crypto import KeyRing
from libs.common.database import Database
from libs.common.ids import new_id
from libs.common.rekey import Progress, Rekey
from services.auth.domain.accounts import Role
from services.auth.domain.errors import EmailTaken
from services.auth.models.encrypted import ENCRYPTED
from services.auth.models.invitations import Invitation
from services.auth.models.tenants import Tenant
from services.auth.models.users import User
from services.auth.repositories.credentials import Credentials
from services.auth.repositories.emails import Emails
from services.auth.repositories.plain_emails import PlainEmails
from services.auth.repositories.unit_of_work import AuthUnitOfWork
from services.auth.repositories.users import UserFilter
from services.auth.use_cases.seal_emails import SealEmails
from tests.conftest import ROOT_KEY, DatabaseUrls, OpenDatabase

NOW = datetime.now(UTC)
COMPANY = "INSERT INTO auth.tenants (tenant_id, name) VALUES ($1, 'Old')"
OLD_USER = """
INSERT INTO auth.users (tenant_id, id, email, email_key, username, first_name, last_name,
                        password_hash, role, status)
VALUES ($1, $2, $3, lower($3), 'u', 'f', 'l', '', 'user', 'active')
"""
OLD_INVITATION = """
INSERT INTO auth.invitations (tenant_id, id, email, email_key, role, created_at, expires_at)
VALUES ($1, $2, $3, lower($3), 'user', now(), now() + interval '1 day')
"""
TEXT = """
SELECT t::text FROM auth.users t UNION ALL SELECT t::text FROM auth.invitations t
"""


@pytest.fixture
async def database(open_fresh_database: OpenDatabase) -> Database:
    return await open_fresh_database("auth")


@pytest.fixture
async def owner(fresh_database_urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    """What the version before, and somebody with a copy of the database, would do."""
    connection = await asyncpg.connect(fresh_database_urls("auth").owner)
    yield connection
    await connection.close()


def emails_of(database: Database) -> Emails:
    """Return the keys of a process that has just started."""
    return Emails(database, KeyRing(ROOT_KEY, database))


def person(email: str, role: Role = Role.USER) -> User:
    return User.enrolled(
        email=email,
        username="somebody",
        first_name="Some",
        last_name="Body",
        password_hash="",
        role=role,
        now=NOW,
    )


async def enroll(database: Database, tenant_id: UUID, *people: User) -> None:
    async with AuthUnitOfWork(database, tenant_id, emails=emails_of(database)) as uow:
        if await uow.tenant.get() is None:
            tenant = Tenant.founded(name="Acme", now=NOW)
            tenant.tenant_id = tenant_id
            uow.tenant.add(tenant)
        for user in people:
            await uow.users.enroll(user)


async def at_rest(owner: asyncpg.Connection, tenant_id: UUID) -> str:
    async with owner.transaction():
        await owner.execute("SELECT set_config('app.tenant_id', $1, true)", str(tenant_id))
        return "\n".join(row[0] for row in await owner.fetch(TEXT))


async def old_rows(owner: asyncpg.Connection, tenant_id: UUID, *emails: str) -> None:
    async with owner.transaction():
        await owner.execute("SELECT set_config('app.tenant_id', $1, true)", str(tenant_id))
        await owner.execute(COMPANY, tenant_id)
        for email in emails:
            await owner.execute(OLD_USER, tenant_id, new_id(), email)
        await owner.execute(OLD_INVITATION, tenant_id, new_id(), f"Invited.{emails[0]}")


async def addresses(database: Database, tenant_id: UUID, wanted: UserFilter) -> list[str]:
    async with AuthUnitOfWork(database, tenant_id, emails=emails_of(database)) as uow:
        users, total = await uow.users.page(wanted, page=1, per_page=50)
    assert total == len(users)
    return [user.email for user in users]


async def test_nothing_of_an_address_can_be_read_in_the_tables(
    database: Database, owner: asyncpg.Connection
) -> None:
    acme = new_id()
    await enroll(database, acme, person("Ada.Lovelace@acme.example.com"))
    async with AuthUnitOfWork(database, acme, emails=emails_of(database)) as uow:
        uow.invitations.add(
            Invitation.to("grace@acme.example.com", role=Role.USER, invited_by=None, now=NOW)
        )

    stored = (await at_rest(owner, acme)).lower()
    assert "lovelace" not in stored
    assert "grace" not in stored
    assert "acme.example.com" not in stored

    assert await addresses(database, acme, UserFilter()) == ["Ada.Lovelace@acme.example.com"]
    async with AuthUnitOfWork(database, acme, emails=emails_of(database)) as uow:
        found = await uow.invitations.open_for("grace@acme.example.com", now=NOW)
    assert found is not None
    assert found.email == "grace@acme.example.com"


async def test_one_address_is_one_person_on_the_platform(database: Database) -> None:
    acme, globex = new_id(), new_id()
    ada = person("ada@acme.example.com")
    await enroll(database, acme, ada)

    with pytest.raises(EmailTaken):
        await enroll(database, globex, person("ADA@acme.example.com"))

    credentials = Credentials(database, emails_of(database))
    assert await credentials.user_by_email(" Ada@Acme.example.com") == (acme, ada.id)
    assert await credentials.user_by_email("eve@acme.example.com") is None


async def test_searching_and_sorting_open_addresses_of_the_tenant_alone(
    database: Database,
) -> None:
    acme, globex = new_id(), new_id()
    await enroll(database, acme, *(person(f"{name}@shop.example.com") for name in "cab"))
    await enroll(database, globex, person("d@shop.example.com"))

    everybody = [f"{name}@shop.example.com" for name in "abc"]
    by_address = UserFilter(sort_by="email", descending=False)
    assert await addresses(database, acme, by_address) == everybody
    assert await addresses(database, acme, UserFilter(sort_by="email")) == everybody[::-1]
    part = UserFilter(search="SHOP.example", sort_by="email", descending=False)
    assert await addresses(database, acme, part) == everybody
    assert await addresses(database, acme, UserFilter(search="B@shop.example.com")) == [
        "b@shop.example.com"
    ]
    assert await addresses(database, acme, UserFilter(search="d@shop")) == []


async def test_a_part_that_many_have_makes_no_long_statement(database: Database) -> None:
    acme = new_id()
    await enroll(database, acme, *(person(f"p{number}@shop.example.com") for number in range(40)))
    sent: list[int] = []

    def count(_c: object, _d: object, _s: str, values: Sized, _e: object, _m: object) -> None:
        sent.append(len(values))

    async with AuthUnitOfWork(database, acme, emails=emails_of(database)) as uow:
        event.listen(uow.session.sync_session.get_bind(), "before_cursor_execute", count)
        users, total = await uow.users.page(UserFilter(search="@shop"), page=1, per_page=10)

    assert (len(users), total) == (10, 40)
    assert sent
    assert max(sent) < 20


async def test_a_sealed_address_opens_in_its_own_row_only(
    database: Database, owner: asyncpg.Connection
) -> None:
    acme = new_id()
    ada, eve = person("ada@acme.example.com"), person("eve@acme.example.com")
    await enroll(database, acme, ada, eve)
    async with owner.transaction():
        await owner.execute("SELECT set_config('app.tenant_id', $1, true)", str(acme))
        await owner.execute(
            "UPDATE auth.users SET email_sealed = (SELECT email_sealed FROM auth.users"
            " WHERE id = $1) WHERE id = $2",
            ada.id,
            eve.id,
        )

    with pytest.raises(Exception, match="altered, or from another place"):
        await addresses(database, acme, UserFilter())


async def test_keys_rotate_under_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("libs.common.crypto.NEW_KEY_RESTS_SECONDS", 0)
    monkeypatch.setattr("libs.common.crypto.KEYS_FRESH_SECONDS", 0.0)
    acme = new_id()
    ada = person("ada@acme.example.com")
    await enroll(database, acme, ada)
    rekey, progress = Rekey(database, KeyRing(ROOT_KEY, database), ENCRYPTED), Progress()

    await rekey.add_versions()
    await rekey.reencrypt(progress)

    assert progress.done >= 2
    assert progress.unreadable == 0
    assert await addresses(database, acme, UserFilter()) == ["ada@acme.example.com"]
    assert await Credentials(database, emails_of(database)).user_by_email(ada.email) == (
        acme,
        ada.id,
    )


class TestUpgrading:
    async def test_what_the_version_before_stored_works_at_once_and_is_sealed(
        self, database: Database, owner: asyncpg.Connection
    ) -> None:
        acme = new_id()
        await old_rows(owner, acme, "Ada@old.example.com", "bob@old.example.com")
        emails = emails_of(database)
        credentials = Credentials(database, emails)

        # At once, before anything was filled in: found, shown, unique.
        assert (await credentials.user_by_email("ada@old.example.com") or (None,))[0] == acme
        shown = await addresses(database, acme, UserFilter(search="ada@", sort_by="email"))
        assert shown == ["Ada@old.example.com"]
        with pytest.raises(EmailTaken):
            await enroll(database, new_id(), person("BOB@old.example.com"))

        # Whoever comes now can be found by processes of the version before, too.
        await enroll(database, acme, person("new@old.example.com"))
        assert "new@old.example.com" in await at_rest(owner, acme)

        seal = SealEmails(plain=PlainEmails(database), emails=emails)
        assert await seal() == 3
        assert await seal() == 0
        assert "bob@old.example.com" in await at_rest(owner, acme)

        # A process of the version before changes an address meanwhile: that counts.
        async with owner.transaction():
            await owner.execute("SELECT set_config('app.tenant_id', $1, true)", str(acme))
            await owner.execute(
                "UPDATE auth.users SET email = 'rob@old.example.com',"
                " email_key = 'rob@old.example.com' WHERE email_key = 'bob@old.example.com'"
            )
        assert await seal() == 1

        index = await emails.index()
        late = SealEmails(
            plain=PlainEmails(database),
            emails=emails,
            clock=lambda: index.plain_until + timedelta(seconds=1),
        )
        assert await late() == 4
        assert await late() == 0
        assert "old.example.com" not in (await at_rest(owner, acme)).lower()
        assert await addresses(database, acme, UserFilter(sort_by="email", descending=False)) == [
            "Ada@old.example.com",
            "new@old.example.com",
            "rob@old.example.com",
        ]
        assert await credentials.user_by_email("rob@old.example.com") is not None
        assert await credentials.user_by_email("bob@old.example.com") is None

    async def test_a_rollout_that_was_broken_off_gets_another_day(
        self, database: Database, owner: asyncpg.Connection
    ) -> None:
        acme = new_id()
        await old_rows(owner, acme, "ada@old.example.com")
        first = await emails_of(database).index()
        page = (Path(__file__).parents[3] / "docs/deployment.md").read_text(encoding="utf-8")
        (statements,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
        assert "plain_until" in statements

        await owner.execute(statements)

        again = await emails_of(database).index()
        assert again.plain_until > first.plain_until
        assert again.key == first.key
        await enroll(database, acme, person("new@old.example.com"))
        assert "new@old.example.com" in await at_rest(owner, acme)

    async def test_an_address_that_was_given_twice_stops_nobody_elses(
        self, database: Database, owner: asyncpg.Connection
    ) -> None:
        ada = person("ada@new.example.com")
        # Nobody was registered before her, so nothing of her is in plain.
        await enroll(database, new_id(), ada)
        acme = new_id()
        await old_rows(owner, acme, "ada@new.example.com", "bob@old.example.com")

        seal = SealEmails(plain=PlainEmails(database), emails=emails_of(database))

        assert await seal() == 2
        assert await seal() == 0
        stored = await at_rest(owner, acme)
        assert "ada@new.example.com" in stored
        assert "bob@old.example.com" not in stored

    async def test_two_at_once_do_no_harm(
        self, database: Database, owner: asyncpg.Connection
    ) -> None:
        acme = new_id()
        await old_rows(owner, acme, *(f"p{number}@old.example.com" for number in range(450)))
        one, two = (
            SealEmails(plain=PlainEmails(database), emails=emails_of(database)) for _ in range(2)
        )
        await asyncio.gather(one(), two())

        async with owner.transaction():
            await owner.execute("SELECT set_config('app.tenant_id', $1, true)", str(acme))
            left = await owner.fetchval("SELECT count(*) FROM auth.users WHERE email_index IS NULL")
        assert left == 0
        assert len(await addresses_found(database, acme)) == 450


async def addresses_found(database: Database, tenant_id: UUID) -> set[str]:
    async with AuthUnitOfWork(database, tenant_id, emails=emails_of(database)) as uow:
        ids = await uow.users._named_like("@old.example.com")
    return {str(one) for one in ids}

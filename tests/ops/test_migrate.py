"""Bringing a database to the newest schema, from nothing and from the newest."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from ops.errors import OpsError
from ops.local.prepare import _exists
from ops.migrate import Target, create_owner, login_url, migrate
from ops.services import SERVICES


@pytest.fixture
async def target(postgres: str) -> AsyncIterator[Target]:
    """A database that is not there yet, for an owner who is no superuser."""
    name = f"migrate_{secrets.token_hex(4)}"
    owner_url = await create_owner(postgres, owner=name, password="owner", database=name)
    roles = [role for service in SERVICES for role in (service, f"{service}_worker")]
    made = Target(
        owner_url=owner_url,
        passwords={role: f"{role}-password" for role in roles},
        prefix=name,
    )
    yield made
    superuser = await asyncpg.connect(postgres)
    await superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await superuser.execute(f"DROP OWNED BY {name}")
    for role in (*(made.role(role) for role in roles), name):
        await superuser.execute(f"DROP ROLE IF EXISTS {role}")
    await superuser.close()


@pytest.mark.timeout(180)
class TestMigrate:
    async def test_from_nothing_then_nothing_to_do(self, target: Target) -> None:
        assert await migrate(target) == list(SERVICES)
        assert await migrate(target) == []
        await self._roles_are_bare(target)

    async def _roles_are_bare(self, target: Target) -> None:
        for role, password in target.passwords.items():
            url = login_url(target.owner_url, role=target.role(role), password=password)
            connection = await asyncpg.connect(url)
            rights = await connection.fetchrow(
                "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles "
                "WHERE rolname = current_user"
            )
            assert not any(rights.values())
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("CREATE TABLE public.mine (n int)")
            await connection.close()

    async def test_an_owner_without_the_extension_is_told_what_to_do(
        self, target: Target, postgres: str
    ) -> None:
        database = urlsplit(target.owner_url).path
        superuser = await asyncpg.connect(urlsplit(postgres)._replace(path=database).geturl())
        await superuser.execute("DROP EXTENSION IF EXISTS vector")
        await superuser.close()

        with pytest.raises(OpsError, match=r"let a superuser run `CREATE EXTENSION vector`") as it:
            await migrate(target)

        assert "\n" not in str(it.value)

    async def test_two_at_once(self, target: Target) -> None:
        first, second = await asyncio.gather(migrate(target), migrate(target))
        assert sorted([first, second], key=len) == [[], list(SERVICES)]

    async def test_a_new_password_reaches_the_role(self, target: Target) -> None:
        await migrate(target)
        changed = Target(
            owner_url=target.owner_url,
            passwords={**target.passwords, "documents": "another"},
            prefix=target.prefix,
        )
        assert await migrate(changed) == []
        url = login_url(target.owner_url, role=target.role("documents"), password="another")
        assert await _exists(url)


class TestSentences:
    def test_a_missing_variable_is_named(self) -> None:
        with pytest.raises(OpsError, match="POSTGRES_URL is not set"):
            Target.from_environment({})
        with pytest.raises(OpsError, match="AUTH_DB_PASSWORD is not set"):
            Target.from_environment({"POSTGRES_URL": "postgresql://db.example/x"})

    async def test_a_server_out_of_reach(self, target: Target) -> None:
        away = Target(
            owner_url="postgresql://owner@127.0.0.1:1/x",
            passwords=target.passwords,
            prefix="x",
        )
        with pytest.raises(OpsError, match=r"127\.0\.0\.1:1 is out of reach"):
            await migrate(away)

    async def test_a_wrong_password(self, target: Target) -> None:
        name = urlsplit(target.owner_url).username or ""
        wrong = login_url(target.owner_url, role=name, password="wrong")
        with pytest.raises(OpsError, match="refuses the login"):
            await migrate(Target(owner_url=wrong, passwords=target.passwords, prefix="x"))

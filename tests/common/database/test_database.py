import asyncio
from contextlib import suppress

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from libs.common.database import Database, DatabaseUnavailable
from libs.common.database.database import UnsafeRole
from libs.common.ids import new_id
from tests.conftest import DatabaseUrls, OpenDatabase

INSERT = "INSERT INTO job_turns (tenant_id, weight) VALUES ($1, 1)"
COUNT = "SELECT count(*) FROM job_turns"
SSL_REQUEST = (80877103).to_bytes(4, "big")


class TestTenantTransactions:
    async def test_see_their_own_rows_only(self, open_database: OpenDatabase) -> None:
        database = await open_database("sample")
        acme, globex = new_id(), new_id()
        async with database.lean(acme) as connection:
            await connection.execute(INSERT, acme)

        async with database.lean(acme) as connection:
            own = await connection.fetchval(COUNT)
        async with database.lean(globex) as connection:
            foreign = await connection.fetchval(COUNT)
        async with database.session(globex) as session:
            foreign_by_session = await session.scalar(text(COUNT))

        assert (own, foreign, foreign_by_session) == (1, 0, 0)

    async def test_refuse_to_write_for_another(self, open_database: OpenDatabase) -> None:
        database = await open_database("sample")

        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with database.lean(new_id()) as connection:
                await connection.execute(INSERT, new_id())

    async def test_leave_nothing_on_the_connection(self, database_urls: DatabaseUrls) -> None:
        urls = database_urls("sample")
        database = Database(urls.primary, service="sample", pool_size=1)
        await database.open()
        acme = new_id()
        async with database.lean(acme) as connection:
            await connection.execute(INSERT, acme)

        async with database.platform() as connection:
            without_tenant = await connection.fetchval(COUNT)
        for _ in range(50):
            with pytest.raises(ZeroDivisionError):
                async with database.lean(acme) as connection:
                    1 / 0  # noqa: B018 - it is to fail
            async with database.platform() as connection:
                without_tenant += await connection.fetchval(COUNT)
        await database.close()

        assert without_tenant == 0

    async def test_cancelled_ones_are_rolled_back(self, open_database: OpenDatabase) -> None:
        database = await open_database("sample")
        acme = new_id()

        async def write_slowly() -> None:
            async with database.lean(acme) as connection:
                await connection.execute(INSERT, acme)
                await connection.execute("SELECT pg_sleep(10)")

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await write_slowly()

        async with database.lean(acme) as connection:
            assert await connection.fetchval(COUNT) == 0

    async def test_a_swallowed_error_is_no_commit(self, open_database: OpenDatabase) -> None:
        database = await open_database("sample")
        tenant = new_id()

        with pytest.raises(RuntimeError, match="swallowed"):
            async with database.lean(tenant) as connection:
                await connection.execute(INSERT, tenant)
                with suppress(asyncpg.UniqueViolationError):
                    await connection.execute(INSERT, tenant)

        async with database.lean(tenant) as connection:
            assert await connection.fetchval(COUNT) == 0

    async def test_errors_tell_no_values(self, open_database: OpenDatabase) -> None:
        database = await open_database("sample")

        with pytest.raises(DBAPIError) as told:
            async with database.session(new_id()) as session:
                await session.execute(
                    text("SELECT 1 / length(:none), :value"), {"none": "", "value": "hunter2"}
                )

        assert "division by zero" in str(told.value)
        assert "hunter2" not in str(told.value)

    async def test_read_only_ones_refuse_writes(self, open_database: OpenDatabase) -> None:
        database = await open_database("sample")

        with pytest.raises(DBAPIError, match="read-only"):
            async with database.session(new_id(), read_only=True) as session:
                await session.execute(text("DELETE FROM job_turns"))

    async def test_read_only_ones_fall_back_when_no_replica_answers(
        self, database_urls: DatabaseUrls
    ) -> None:
        urls = database_urls("sample")
        database = Database(
            urls.primary, service="sample", replica_urls=["postgresql://a:b@127.0.0.1:1/none"]
        )

        async with database.session(new_id(), read_only=True) as session:
            assert await session.scalar(text(COUNT)) == 0
        await database.close()


class TestCalls:
    async def test_work_in_their_tenant_only(self, open_database: OpenDatabase) -> None:
        database = await open_database("sample")
        acme, globex = new_id(), new_id()

        ((added,),) = await database.call("add_turns", acme, acme, 1, 0.0)
        ((foreign,),) = await database.call("add_turns", globex, globex, 0, 0.0)

        assert (added, foreign) == (1, 0)

    async def test_refuse_to_write_for_another_and_undo_all(
        self, open_database: OpenDatabase
    ) -> None:
        database = await open_database("sample")
        acme = new_id()

        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await database.call("add_turns", acme, new_id(), 1, 0.0)
        with pytest.raises(asyncpg.UniqueViolationError):
            await database.call("add_turns", acme, acme, 2, 0.0)

        assert [tuple(row) for row in await database.call("add_turns", acme, acme, 0, 0.0)] == [
            (0,)
        ]

    async def test_leave_nothing_on_the_connection(self, database_urls: DatabaseUrls) -> None:
        database = Database(database_urls("sample").primary, service="sample", pool_size=1)
        await database.open()
        acme = new_id()
        await database.call("add_turns", acme, acme, 1, 0.0)

        async with database.platform() as connection:
            without_tenant = await connection.fetchval(COUNT)
            mode = await connection.fetchval("SHOW plan_cache_mode")
        await database.close()

        assert (without_tenant, mode) == (0, "auto")

    async def test_cancelled_ones_are_undone_and_give_their_connection_up(
        self, database_urls: DatabaseUrls
    ) -> None:
        database = Database(database_urls("sample").primary, service="sample", pool_size=1)
        await database.open()
        acme = new_id()
        calling = asyncio.create_task(database.call("add_turns", acme, acme, 1, 0.5))
        await asyncio.sleep(0.1)

        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        # Long enough for what the server would go on doing.
        await asyncio.sleep(0.7)
        async with asyncio.timeout(2):
            ((left,),) = await database.call("add_turns", acme, acme, 0, 0.0)
        await database.close()

        assert left == 0

    async def test_may_be_called_by_the_service_only(self, open_database: OpenDatabase) -> None:
        database = await open_database("sample")

        async with database.lean_cross_tenant() as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch("SELECT add_turns($1, $1, 0, 0)", new_id())
            await connection.execute("ROLLBACK; BEGIN")


class TestCrossTenant:
    async def test_sees_all_rows_in_its_own_transactions(self, open_database: OpenDatabase) -> None:
        database = await open_database("sample")
        tenants = [new_id(), new_id()]
        for tenant_id in tenants:
            async with database.lean(tenant_id) as connection:
                await connection.execute(INSERT, tenant_id)

        async with database.lean_cross_tenant() as connection:
            seen = await connection.fetch("SELECT tenant_id FROM job_turns")

        assert set(tenants) <= {row["tenant_id"] for row in seen}

    async def test_setting_gives_the_service_role_nothing(
        self, open_database: OpenDatabase
    ) -> None:
        database = await open_database("sample")
        acme = new_id()
        async with database.lean(acme) as connection:
            await connection.execute(INSERT, acme)

        async with database.platform() as connection:
            for setting in ("app.cross_tenant", "app.lookup"):
                await connection.execute(f"SELECT set_config('{setting}', 'on', true)")
            assert await connection.fetchval(COUNT) == 0


class TestOpen:
    async def test_refuses_the_owner(self, database_urls: DatabaseUrls) -> None:
        database = Database(database_urls("sample").owner, service="sample")

        with pytest.raises(UnsafeRole):
            await database.open()
        await database.close()

    async def test_tells_that_nobody_answers(self) -> None:
        database = Database("postgresql://a:b@127.0.0.1:1/none", service="sample")

        with pytest.raises(DatabaseUnavailable):
            await database.open()
        with pytest.raises(DatabaseUnavailable):
            async with database.session(new_id()):
                pass
        await database.close()

    async def test_tells_of_a_server_that_is_starting(self) -> None:
        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while (await reader.readexactly(8))[4:] == SSL_REQUEST:
                writer.write(b"N")
            fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
            writer.write(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            database = Database(f"postgresql://a:b@127.0.0.1:{port}/none", service="sample")

            with pytest.raises(DatabaseUnavailable):
                await database.open()
            with pytest.raises(DatabaseUnavailable):
                async with database.session(new_id()):
                    pass
            await database.close()

    @pytest.mark.parametrize(
        "error",
        [
            asyncpg.InterfaceError("connection is closed"),
            asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is ..."),
        ],
    )
    async def test_tells_of_a_connection_that_is_about_to_end(
        self, open_database: OpenDatabase, error: Exception
    ) -> None:
        database = await open_database("sample")

        with pytest.raises(DatabaseUnavailable):
            async with database.platform():
                raise error

"""The fixtures that all tests stand on."""

from collections.abc import Callable
from uuid import UUID

from redis.asyncio import Redis

from tests.conftest import OpenDatabase


class TestDatabases:
    async def test_a_service_meets_its_tables_with_its_own_role(
        self, open_database: OpenDatabase, make_tenant: Callable[[], UUID]
    ) -> None:
        database = await open_database("sample")

        async with database.lean(make_tenant()) as connection:
            assert await connection.fetchval("SELECT count(*) FROM jobs") == 0
            role = await connection.fetchval("SELECT current_user")

        assert role.endswith("_sample")

    async def test_a_fresh_database_is_another_one(
        self, open_database: OpenDatabase, open_fresh_database: OpenDatabase
    ) -> None:
        names = set()
        for database in (await open_database("sample"), await open_fresh_database("sample")):
            async with database.platform() as connection:
                names.add(await connection.fetchval("SELECT current_database()"))

        assert len(names) == 2


async def test_redis_is_empty(redis: Redis) -> None:
    assert await redis.dbsize() == 0

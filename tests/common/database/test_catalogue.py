"""Every table of every service is behind row-level security, whoever wrote its migration."""

import re
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from uuid import uuid4

import asyncpg
import pytest

from libs.common.database.roles import SERVICES
from libs.common.rekey import COMMON_COLUMNS, EncryptedColumn
from libs.common.testing.databases import ServiceUrls
from tests.common.database.faults import FAULTS, UNIQUE_IN_THE_PLATFORM

# One of each fault, in a schema of its own; after all of them each query must find its own.
FAULTY = """
CREATE SCHEMA faulty;
CREATE TABLE faulty.tenants (tenant_id uuid NOT NULL, id uuid NOT NULL, code text,
    PRIMARY KEY (tenant_id, id));
CREATE UNIQUE INDEX uq_code ON faulty.tenants (code);
CREATE TABLE faulty.keys (id uuid PRIMARY KEY);
CREATE TABLE faulty.children (tenant_id uuid NOT NULL, id uuid NOT NULL, key_id uuid,
    PRIMARY KEY (id, tenant_id), CONSTRAINT fk_alone FOREIGN KEY (key_id) REFERENCES faulty.keys);
ALTER TABLE faulty.children ENABLE ROW LEVEL SECURITY;
ALTER TABLE faulty.children FORCE ROW LEVEL SECURITY;
CREATE POLICY open ON faulty.children USING (true);
CREATE POLICY lenient ON faulty.children FOR INSERT
    WITH CHECK (current_setting('app.lookup', true) = 'on');
GRANT SELECT, TRUNCATE ON faulty.tenants TO PUBLIC;
GRANT CREATE ON SCHEMA faulty TO PUBLIC;
CREATE VIEW faulty.everything AS SELECT * FROM faulty.children;
CREATE FUNCTION faulty.anybody() RETURNS bigint LANGUAGE sql SECURITY DEFINER
    AS 'SELECT count(*) FROM faulty.children';
"""

Clone = Callable[..., dict[str, ServiceUrls]]


@pytest.fixture
async def owner(platform_urls: dict[str, ServiceUrls]) -> AsyncIterator[asyncpg.Connection]:
    """The owner's connection to a database with the schemas of all services."""
    connection = await asyncpg.connect(platform_urls["auth"].owner)
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
def faulty(clone_database: Clone) -> str:
    """The owner's URL of a database that only this module uses."""
    return clone_database("sample")["sample"].owner


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_schema_has(owner: asyncpg.Connection, fault: str) -> None:
    found = {row[0] for row in await owner.fetch(FAULTS[fault])}

    assert found - UNIQUE_IN_THE_PLATFORM == set()


async def test_every_exception_is_one(owner: asyncpg.Connection) -> None:
    found = {row[0] for row in await owner.fetch(FAULTS["unique index without the tenant"])}

    assert found == UNIQUE_IN_THE_PLATFORM


@pytest.mark.parametrize("fault", FAULTS)
async def test_is_found_where_it_is(faulty: str, fault: str) -> None:
    connection = await asyncpg.connect(faulty)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(FAULTY)

    found = [row[0] for row in await connection.fetch(FAULTS[fault])]
    await transaction.rollback()
    await connection.close()

    assert any("faulty" in name for name in found)


@pytest.mark.parametrize("service", SERVICES)
async def test_service_roles_own_and_bypass_nothing(
    platform_urls: dict[str, ServiceUrls], service: str
) -> None:
    for url in (platform_urls[service].primary, platform_urls[service].worker):
        connection = await asyncpg.connect(url)
        row = await connection.fetchrow(
            "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication"
            " OR rolinherit AS strong,"
            " (SELECT count(*) FROM pg_class WHERE relowner = r.oid)"
            " + (SELECT count(*) FROM pg_proc WHERE proowner = r.oid) AS owned,"
            " (SELECT count(*) FROM pg_auth_members WHERE member = r.oid) AS memberships"
            " FROM pg_roles r WHERE rolname = current_user"
        )
        await connection.close()

        assert tuple(row) == (False, 0, 0)


@pytest.mark.parametrize("service", SERVICES)
async def test_service_roles_reach_no_other_schema(
    platform_urls: dict[str, ServiceUrls], service: str
) -> None:
    for url in (platform_urls[service].primary, platform_urls[service].worker):
        connection = await asyncpg.connect(url)
        rows = await connection.fetch(
            "SELECT n.nspname FROM pg_namespace n WHERE n.nspname = ANY ($1)"
            " AND (has_schema_privilege(n.oid, 'USAGE') OR EXISTS ("
            "   SELECT FROM pg_class c"
            "   WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v')"
            "   AND has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE')))",
            list(SERVICES),
        )
        await connection.close()

        assert [row[0] for row in rows] == [service]


@pytest.mark.parametrize("service", SERVICES)
async def test_no_setting_opens_rows_to_a_role_that_they_are_not_for(
    platform_urls: dict[str, ServiceUrls], service: str
) -> None:
    """Anybody may set a setting; what it opens is for the role that a policy names."""
    tenant_id, stranger_id = uuid4(), uuid4()
    primary = await asyncpg.connect(platform_urls[service].primary)
    worker = await asyncpg.connect(platform_urls[service].worker)
    async with primary.transaction():
        await primary.execute("SELECT set_config('app.tenant_id', $1, true)", str(tenant_id))
        await primary.execute(
            f'INSERT INTO "{service}".inbox (tenant_id, consumer, event_id) VALUES ($1, $2, $3)',
            tenant_id,
            "catalogue",
            uuid4(),
        )

    async def seen(connection: asyncpg.Connection, **settings: str) -> int:
        async with connection.transaction():
            for name, value in settings.items():
                await connection.execute("SELECT set_config($1, $2, true)", f"app.{name}", value)
            found: int = await connection.fetchval(
                f'SELECT count(*) FROM "{service}".inbox WHERE tenant_id = $1', tenant_id
            )
            return found

    assert await seen(primary, tenant_id=str(tenant_id)) == 1
    assert await seen(worker, cross_tenant="on") == 1
    for closed in (
        seen(primary),
        seen(primary, tenant_id=""),
        seen(primary, tenant_id=str(stranger_id)),
        seen(primary, cross_tenant="on", lookup="on"),
        seen(worker),
        seen(worker, lookup="on"),
        seen(worker, cross_tenant="off", tenant_id=str(stranger_id)),
    ):
        assert await closed == 0
    await primary.close()
    await worker.close()


BINARY_COLUMNS = """
SELECT c.relname, a.attname FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND a.atttypid = 'bytea'::regtype AND a.attnum > 0
  AND NOT a.attisdropped
"""
# Hashes, keyed ones too, keys that the root key wraps, numbers that search computes with, pictures
# that everybody may see, public halves of passkeys, numbers to be signed: nothing that a tenant's
# key encrypts.
NOT_ENCRYPTED = re.compile(
    r"(.*_)?hash|email_index|wrapped_key|code|term_ids|term_counts|reader_ids|content"
    r"|credential_id|public_key|nonce"
)


@pytest.mark.parametrize("service", SERVICES)
async def test_every_encrypted_column_is_known_to_key_rotation(
    platform_urls: dict[str, ServiceUrls], service: str
) -> None:
    registered: tuple[EncryptedColumn, ...] = import_module(
        f"services.{service}.models.encrypted"
    ).ENCRYPTED
    connection = await asyncpg.connect(platform_urls[service].owner)

    rows = await connection.fetch(BINARY_COLUMNS, service)
    await connection.close()

    found = {(table, column) for table, column in rows if not NOT_ENCRYPTED.fullmatch(column)}
    assert found == {(one.table, one.column) for one in (*COMMON_COLUMNS, *registered)}

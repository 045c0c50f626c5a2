"""Every table of every service is behind row-level security, whoever wrote its migration."""

import re
from importlib import import_module

import asyncpg
import pytest

from libs.common.database.roles import SERVICES
from libs.common.rekey import COMMON_COLUMNS, EncryptedColumn
from libs.common.testing.databases import ServiceUrls

UNPROTECTED = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND c.relname <> 'alembic_version'
  AND NOT (c.relrowsecurity AND c.relforcerowsecurity
           AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname <> 'lookup'))
"""
WITHOUT_TENANT_FIRST = """
SELECT c.relname FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND c.relname <> 'alembic_version'
  AND a.attname IS DISTINCT FROM 'tenant_id'
"""
SINGLE_COLUMN_FOREIGN_KEYS = """
SELECT conname FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
WHERE n.nspname = $1 AND k.contype = 'f' AND cardinality(k.conkey) < 2 AND a.attname <> 'tenant_id'
"""
ALWAYS_TRUE_POLICIES = """
SELECT c.relname || '.' || p.polname
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1
  AND (pg_get_expr(p.polqual, p.polrelid) = 'true'
       OR pg_get_expr(p.polwithcheck, p.polrelid) = 'true')
"""
PLAIN_VIEWS = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND (c.relkind = 'm' OR (c.relkind = 'v'
  AND NOT coalesce(c.reloptions @> ARRAY['security_invoker=true'], false)))
"""
GRANTS_TO_PUBLIC = """
SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = $1 AND p.prosecdef
  AND has_function_privilege('public', p.oid, 'EXECUTE')
"""


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "faults",
    [
        UNPROTECTED,
        WITHOUT_TENANT_FIRST,
        SINGLE_COLUMN_FOREIGN_KEYS,
        ALWAYS_TRUE_POLICIES,
        PLAIN_VIEWS,
        GRANTS_TO_PUBLIC,
    ],
)
async def test_catalogue_has_no_fault(
    platform_urls: dict[str, ServiceUrls], service: str, faults: str
) -> None:
    connection = await asyncpg.connect(platform_urls[service].owner)

    found = [row[0] for row in await connection.fetch(faults, service)]
    await connection.close()

    assert found == []


@pytest.mark.parametrize("service", SERVICES)
async def test_service_roles_own_and_bypass_nothing(
    platform_urls: dict[str, ServiceUrls], service: str
) -> None:
    for url in (platform_urls[service].primary, platform_urls[service].worker):
        connection = await asyncpg.connect(url)
        row = await connection.fetchrow(
            "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb AS strong,"
            " (SELECT count(*) FROM pg_class WHERE relowner = r.oid) AS owned"
            " FROM pg_roles r WHERE rolname = current_user"
        )
        await connection.close()

        assert tuple(row) == (False, 0)


BINARY_COLUMNS = """
SELECT c.relname, a.attname FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND a.atttypid = 'bytea'::regtype AND a.attnum > 0
  AND NOT a.attisdropped
"""
# Hashes, keys that the root key wraps, numbers that search computes with, pictures that everybody
# may see: nothing that a tenant's key encrypts.
NOT_ENCRYPTED = re.compile(r"(.*_)?hash|wrapped_key|code|term_ids|term_counts|content")


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

"""Which companies are erased without being asked twice, and which come back meanwhile."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from libs.common.ids import new_id
from ops.erasure.rows import Rows
from tests.conftest import DatabaseUrls

ADD = """
INSERT INTO auth.tenants
    (tenant_id, name, is_active, deleted_at, erase_after, created_at, updated_at)
VALUES ($1, 'Acme', $2, now() + $3::interval, now() + $4::interval, now(), now())
"""


@pytest.fixture
async def owner(database_urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_urls("auth").owner)
    yield connection
    await connection.close()


async def company(
    owner: asyncpg.Connection, *, active: bool, deleted: str | None, due: str | None
) -> UUID:
    """Return a company that was deleted and is due as far from now as said."""
    tenant_id = new_id()
    async with owner.transaction():
        await owner.execute("SELECT set_config('app.tenant_id', $1, true)", str(tenant_id))
        await owner.execute(
            ADD.replace("$3", _quoted(deleted)).replace("$4", _quoted(due)), tenant_id, active
        )
    return tenant_id


def _quoted(interval: str | None) -> str:
    return "NULL" if interval is None else f"'{interval}'"


@pytest.mark.parametrize(
    ("active", "deleted", "due", "stands"),
    [
        (True, None, None, True),
        (False, None, None, True),
        (True, "-1 day", "29 days", True),
        (True, "-31 days", "-1 day", False),
        # Given up for good, or deleted before there was a time to restore it.
        (True, "-1 second", "-1 second", False),
        (True, "-1 day", None, False),
    ],
)
async def test_a_company_stands_until_it_is_due(
    owner: asyncpg.Connection, *, active: bool, deleted: str | None, due: str | None, stands: bool
) -> None:
    tenant_id = await company(owner, active=active, deleted=deleted, due=due)

    assert await Rows(owner).stands(tenant_id) is stands


async def test_a_company_that_nobody_has_does_not_stand(owner: asyncpg.Connection) -> None:
    assert not await Rows(owner).stands(new_id())


async def test_nobody_restores_a_company_that_is_being_erased(owner: asyncpg.Connection) -> None:
    tenant_id = await company(owner, active=True, deleted="-1 day", due="29 days")
    rows = Rows(owner)

    await rows.close(tenant_id)

    assert not await rows.stands(tenant_id)

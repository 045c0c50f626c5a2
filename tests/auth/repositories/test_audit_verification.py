"""The verifier finds what was done to a trail by somebody who may do anything to the database."""

import asyncpg
import pytest

from libs.common.database import Database
from libs.common.ids import new_id
from services.auth.domain.audit import AuditEvent, AuditRecord
from services.auth.domain.clock import utc_now
from services.auth.repositories.audit import AuditTrail
from services.auth.repositories.audit_verification import AuditVerification
from tests.conftest import DatabaseUrls

# What is done to a trail of five, and the first entry that it shows in.
TAMPERED = [
    ("UPDATE audit_entries SET description = 'Nothing.' WHERE tenant_id = $1 AND sequence = 3", 3),
    ("UPDATE audit_entries SET occurred_at = now() WHERE tenant_id = $1 AND sequence = 1", 1),
    ("UPDATE audit_entries SET details = '{}' WHERE tenant_id = $1 AND sequence = 5", 5),
    ("DELETE FROM audit_entries WHERE tenant_id = $1 AND sequence = 1", 1),
    ("DELETE FROM audit_entries WHERE tenant_id = $1 AND sequence = 2", 2),
    ("DELETE FROM audit_entries WHERE tenant_id = $1 AND sequence >= 4", 4),
    ("DELETE FROM audit_entries WHERE tenant_id = $1", 1),
    ("UPDATE audit_entries SET sequence = sequence + 10 WHERE tenant_id = $1 AND sequence = 4", 4),
    ("DELETE FROM audit_heads WHERE tenant_id = $1", 6),
    ("UPDATE audit_heads SET sequence = 3 WHERE tenant_id = $1", 4),
]


@pytest.mark.parametrize(("statement", "first_bad"), TAMPERED)
async def test_names_the_first_bad_entry(
    database: Database, database_urls: DatabaseUrls, statement: str, first_bad: int
) -> None:
    acme, globex = new_id(), new_id()
    for tenant_id in (acme, globex):
        for number in range(5):
            async with database.session(tenant_id) as session:
                await AuditTrail(session, tenant_id).append(
                    AuditRecord(
                        event=AuditEvent.LOGGED_OUT,
                        description=f"Number {number}.",
                        entity_type="session",
                        details={"number": number},
                    ),
                    now=utc_now(),
                )
    verification = AuditVerification(database)
    assert (await verification.verify(acme)).bad_entry is None

    owner = await asyncpg.connect(database_urls("auth").owner)
    await owner.execute("SELECT set_config('app.tenant_id', $1, false)", str(acme))
    await owner.execute("SET search_path = auth, public")
    await owner.execute(statement, acme)
    await owner.close()

    assert (await verification.verify(acme)).bad_entry == first_bad
    assert (await verification.verify(globex)).bad_entry is None
    assert {acme, globex} <= set(await verification.tenants())

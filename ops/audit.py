"""Verifying the audit trails."""

import asyncio
from uuid import UUID

import typer

from libs.common.database import Database, DatabaseUnavailable
from ops.errors import OpsError
from ops.service_environment import settings_of
from services.auth.repositories.audit_verification import AuditVerification, Verdict


def verify(tenant: str | None) -> int:
    """Recompute one trail, or all; print what is bad, and return the exit code.

    Raises:
        OpsError: The tenant is not a UUID, or PostgreSQL is out of reach.
    """
    try:
        chosen = None if tenant is None else UUID(tenant)
    except ValueError:
        raise OpsError(f"{tenant} is not the id of a tenant.") from None
    verdicts = asyncio.run(_verify(chosen))
    bad = [verdict for verdict in verdicts if verdict.bad_entry is not None]
    for verdict in bad:
        typer.secho(
            f"✗ {verdict.tenant_id}: entry {verdict.bad_entry} was changed, moved or removed; "
            f"the {verdict.entries} before it hold.",
            fg="red",
        )
    entries = sum(verdict.entries for verdict in verdicts)
    typer.echo(f"{len(verdicts) - len(bad)} of {len(verdicts)} trails hold; {entries} entries.")
    return 1 if bad else 0


async def _verify(tenant: UUID | None) -> list[Verdict]:
    settings = settings_of("auth")
    worker_url = settings.worker_db_url
    if worker_url is None:
        raise OpsError("WORKER_DB_URL is not set: all tenants' trails are found with its role.")
    database = Database(
        settings.primary_db_url.get_secret_value(),
        service="auth",
        worker_url=worker_url.get_secret_value(),
        pool_size=2,
    )
    try:
        await database.open()
        verification = AuditVerification(database)
        tenants = [tenant] if tenant is not None else await verification.tenants()
        return [await verification.verify(one) for one in tenants]
    except DatabaseUnavailable as error:
        raise OpsError("PostgreSQL is out of reach.") from error
    finally:
        await database.close()

"""Verifying the audit trails."""

import asyncio
import json
from typing import TYPE_CHECKING
from uuid import UUID

import typer
from obstore.store import ObjectStore
from pydantic import SecretStr

from libs.common.database import Database, DatabaseUnavailable
from libs.common.objects import open_store
from libs.common.security import SigningKey
from ops.erasure.ledger import Ledger
from ops.errors import OpsError
from ops.service_environment import settings_of
from services.auth.adapters.audit_heads import SignedHeads
from services.auth.domain.audit_heads import HeadStoreUnavailable
from services.auth.repositories.audit_verification import AuditVerification, Verdict

if TYPE_CHECKING:
    from libs.common.settings import ServiceSettings


def verify(tenant: str | None) -> int:
    """Recompute one trail, or all; print what is bad, and return the exit code.

    Raises:
        OpsError: The tenant is not a UUID, or PostgreSQL is out of reach.
    """
    try:
        chosen = None if tenant is None else UUID(tenant)
    except ValueError:
        raise OpsError(f"{tenant} is not the id of a tenant.") from None
    try:
        verdicts = asyncio.run(_verify(chosen))
    except HeadStoreUnavailable as error:
        raise OpsError(f"What was signed of the trails cannot be read: {error}.") from error
    bad = [verdict for verdict in verdicts if verdict.bad_entry is not None]
    for verdict in bad:
        typer.secho(
            f"✗ {verdict.tenant_id}: entry {verdict.bad_entry} was changed, moved or removed; "
            f"the {verdict.entries} before it hold.",
            fg="red",
        )
    entries = sum(verdict.entries for verdict in verdicts)
    typer.echo(f"{len(verdicts) - len(bad)} of {len(verdicts)} trails hold; {entries} entries.")
    signed = [one.signed_entries for one in verdicts if one.signed_entries is not None]
    if not signed and verdicts:
        typer.echo("Nothing is signed of them: OBJECT_STORE_URL is not set for auth.")
    else:
        typer.echo(f"{sum(signed)} of the entries are vouched for by signed heads.")
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
        heads = _heads(settings)
        verification = AuditVerification(database, heads)
        tenants = [tenant] if tenant is not None else await verification.tenants()
        verdicts = [await verification.verify(one) for one in tenants]
        # Of erased companies nothing is left but what was signed.
        gone = [one.tenant_id for one in verdicts if one.bad_entry is not None and not one.entries]
        erased = {one for one in gone if await _was_erased(settings, one)}
        return [one for one in verdicts if one.tenant_id not in erased]
    except DatabaseUnavailable as error:
        raise OpsError("PostgreSQL is out of reach.") from error
    finally:
        await database.close()


def _heads(settings: "ServiceSettings") -> SignedHeads | None:
    store = _store(settings)
    if store is None:
        return None
    return SignedHeads(
        store,
        key=SigningKey("auth", settings.service_key_pem),
        jwks=json.loads(settings.service_jwks_json),
    )


async def _was_erased(settings: "ServiceSettings", tenant_id: UUID) -> bool:
    store = _store(settings)
    if store is None:
        return False
    ledger = Ledger(
        [store],
        key=SigningKey("auth", settings.service_key_pem),
        jwks=json.loads(settings.service_jwks_json),
    )
    return await ledger.read(tenant_id) is not None


def _store(settings: "ServiceSettings") -> ObjectStore | None:
    url: SecretStr | None = getattr(settings, "object_store_url", None)
    return None if url is None else open_store(url.get_secret_value())

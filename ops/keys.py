"""Replacing keys while the platform runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Final

import typer
from redis.exceptions import RedisError
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from libs.common.crypto import KEYS_FRESH_SECONDS, NEW_KEY_RESTS_SECONDS, KeyRing
from libs.common.database import PLATFORM_TENANT, Database, DatabaseUnavailable
from libs.common.events.catalogue.audit import KeysRotated
from libs.common.events.envelope import EventEnvelope
from libs.common.events.streams import publish_directly
from libs.common.ids import new_id
from libs.common.rekey import Progress, Rekey
from libs.common.resources import open_redis
from libs.common.root_keys import DecryptionFailed, RootKeyUnavailable
from ops.errors import OpsError
from ops.service_environment import chosen, settings_of

if TYPE_CHECKING:
    from libs.common.settings import ServiceSettings

# Until all processes encrypt with a new version, and what they encrypted before is stored.
SETTLED_SECONDS: Final = NEW_KEY_RESTS_SECONDS + KEYS_FRESH_SECONDS + 10


def rotate(services: list[str] | None, *, tenants: bool) -> None:
    """Put all tenants' keys under the root key, and all fields under new tenant keys.

    Raises:
        OpsError: A key does not open, PostgreSQL is out of reach, or, once all is done, the audit
            trail could not be told.
    """
    untold = asyncio.run(_rotate(chosen(services), tenants=tenants))
    if untold:
        raise OpsError(
            f"The keys of {', '.join(untold)} are replaced, but the audit trail could not be told: "
            "Redis is out of reach."
        )


async def _rotate(services: tuple[str, ...], *, tenants: bool) -> list[str]:
    """Replace keys; return the services whose turn the audit trail has not heard of."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bar(*columns) as bar:
        for service in services:
            await _rewrap(service, bar)
        if not tenants:
            return [one for one in services if not await _tell(one, new_tenant_keys=False)]
        for service in services:
            async with _opened(settings_of(service)) as (database, key_ring):
                await _rekey(service, database, key_ring).add_versions()
        await _settle(bar)
        untold = []
        for service in services:
            unreadable = await _reencrypt(service, bar)
            if not await _tell(service, new_tenant_keys=True, unreadable=unreadable):
                untold.append(service)
        return untold


async def _rewrap(service: str, bar: Bar) -> None:
    task = bar.add_task(f"{service}: root key", total=None)
    async with _opened(settings_of(service)) as (database, key_ring):
        await _rekey(service, database, key_ring).rewrap(
            Progress(told=lambda now: bar.update(task, completed=now.done, total=now.total))
        )
    bar.update(task, total=bar.tasks[task].completed)


async def _settle(bar: Bar) -> None:
    """Wait until every process has heard of the new keys and encrypts with them."""
    task = bar.add_task("until all processes use the new keys, s", total=SETTLED_SECONDS)
    for _ in range(int(SETTLED_SECONDS)):
        await asyncio.sleep(1)
        bar.advance(task)


async def _reencrypt(service: str, bar: Bar) -> int:
    task = bar.add_task(f"{service}: fields", total=None)
    progress = Progress(told=lambda now: bar.update(task, completed=now.done, total=now.total))
    async with _opened(settings_of(service)) as (database, key_ring):
        await _rekey(service, database, key_ring).reencrypt(progress)
    bar.update(task, completed=progress.done, total=progress.done)
    if progress.unreadable:
        bar.console.print(
            f"✗ {service}: {progress.unreadable} fields open under none of their tenant's keys; "
            "they were left as they are.",
            style="red",
        )
    return progress.unreadable


async def _tell(service: str, *, new_tenant_keys: bool, unreadable: int = 0) -> bool:
    """Tell the platform's audit trail; False where Redis is out of reach."""
    event = KeysRotated(service=service, new_tenant_keys=new_tenant_keys, unreadable=unreadable)
    envelope = EventEnvelope(
        id=new_id(),
        name=event.event_name,
        version=event.schema_version,
        tenant_id=PLATFORM_TENANT,
        aggregate_id=None,
        aggregate_version=0,
        occurred_at=datetime.now(UTC),
        traceparent=None,
        payload=event.model_dump(mode="json"),
    )
    redis = open_redis(settings_of(service).redis_url.get_secret_value(), timeout_seconds=5)
    try:
        await publish_directly(redis, envelope, topic=KeysRotated.topic)
    except (RedisError, OSError):
        return False
    finally:
        await redis.aclose()
    return True


def rotate_signing(lead_seconds: float, *, retire_now: bool) -> None:
    """Make another signing key; `retire_now` ends what the ones before have signed.

    Raises:
        OpsError: PostgreSQL is out of reach.
    """
    # Auth's rooms; the service itself need not run.
    from services.auth.domain.signing import MIN_LEAD  # noqa: PLC0415 - as said above
    from services.auth.use_cases.rotate_signing_key import RotateSigningKey  # noqa: PLC0415 - as said above

    async def work() -> None:
        async with _opened(settings_of("auth")) as (database, key_ring):
            rotate_key = RotateSigningKey(database=database, key_ring=key_ring)
            signs_from = await (
                rotate_key(lead=MIN_LEAD, retire_after=timedelta())
                if retire_now
                else rotate_key(lead=timedelta(seconds=lead_seconds))
            )
        when = signs_from.isoformat(timespec="seconds") if signs_from else "now"
        typer.echo(f"The new key is published, and signs from {when} on.")
        if retire_now:
            typer.echo("What the old ones have signed is refused from then on, and is renewed.")

    asyncio.run(work())


def _rekey(service: str, database: Database, key_ring: KeyRing) -> Rekey:
    return Rekey(
        database, key_ring, import_module(f"services.{service}.models.encrypted").ENCRYPTED
    )


@asynccontextmanager
async def _opened(settings: "ServiceSettings") -> AsyncIterator[tuple[Database, KeyRing]]:
    if settings.worker_db_url is None:
        raise OpsError("WORKER_DB_URL is not set: keys of all tenants are replaced with its role.")
    database = Database(
        settings.primary_db_url.get_secret_value(),
        service=settings.service,
        worker_url=settings.worker_db_url.get_secret_value(),
        pool_size=2,
    )
    try:
        await database.open()
        yield database, KeyRing(settings.root_key, database, also=settings.root_keys_also)
    except DatabaseUnavailable as error:
        raise OpsError("PostgreSQL is out of reach. Start again; nothing is lost.") from error
    except RootKeyUnavailable as error:
        raise OpsError(
            f"The root key of {settings.service} cannot be used: {error.reason}"
        ) from error
    except DecryptionFailed as error:
        raise OpsError(
            f"A key of {settings.service} opens under none of its root keys: name the one before "
            "in MASTER_ENCRYPTION_KEYS_ALSO."
        ) from error
    finally:
        await database.close()

"""What an operator does about documents: proving that their stores agree, and making the index."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import typer
from rich.progress import Progress as Bar
from rich.progress import TextColumn

from libs.common.errors import Unavailable
from ops.errors import OpsError
from ops.service_environment import settings_of

if TYPE_CHECKING:
    from services.documents.domain.reconciling import Finding
    from services.documents.wiring import Wiring

_SAID = {
    "vectors_missing": "{count} passages cannot be found: their vectors are missing",
    "vectors_orphaned": "{count} vectors belong to nothing that is shown",
    "file_missing": "its file is missing or does not open; upload it again",
    "file_orphaned": "a file that belongs to no document",
    "passages_missing": "{count} of its passages are missing",
    "forgotten": "it waits, and no job will come for it",
}


def reconcile(tenant: str | None, *, repair: bool, after: str | None) -> int:
    """Compare the stores, tenant by tenant; print what disagrees, and return the exit code.

    Returns:
        0 when all agree by now or a job that will see to it is queued, 1 when something is left.

    Raises:
        OpsError: A store is out of reach, or an id is none.
    """
    findings = asyncio.run(_reconcile(uuid_of(tenant), repair=repair, after=uuid_of(after)))
    left = sum(finding.repair == "left" for finding in findings)
    typer.echo(
        f"{len(findings)} disagreements, {left} left."
        if findings
        else "PostgreSQL, vectors and files agree."
    )
    return 1 if left else 0


def rebuild(tenant: str | None, *, after: str | None) -> None:
    """Queue the making of all vectors from the passages in PostgreSQL.

    Raises:
        OpsError: A store is out of reach, or an id is none.
    """
    queued = asyncio.run(_rebuild(uuid_of(tenant), after=uuid_of(after)))
    typer.echo(f"{queued} documents are queued; `ops documents reconcile` tells when all is done.")


async def _reconcile(tenant: UUID | None, *, repair: bool, after: UUID | None) -> "list[Finding]":
    findings: list[Finding] = []
    async with opened() as wiring, progress() as bar:
        for one in await chosen_tenants(wiring, tenant, after):
            task = bar.add_task(f"{one}: reading", total=None)

            def tell(count: int, *, task: int = task, one: UUID = one) -> None:
                bar.update(task, description=f"{one}: {count} documents compared")  # type: ignore[arg-type]  # rich numbers its tasks with a type of its own

            found = await wiring.use_cases(one).reconcile(repair=repair, tell=tell)
            bar.remove_task(task)
            for finding in found:
                said = _SAID[finding.kind].format(count=finding.count)
                bar.console.print(
                    f"{one} {finding.subject}: {said} ({finding.repair})", soft_wrap=True
                )
            findings += found
    return findings


async def _rebuild(tenant: UUID | None, *, after: UUID | None) -> int:
    queued = 0
    async with opened() as wiring, progress() as bar:
        for one in await chosen_tenants(wiring, tenant, after):
            count = await wiring.use_cases(one).rebuild_index()
            bar.console.print(f"{one}: {count} documents queued", soft_wrap=True)
            queued += count
    return queued


async def chosen_tenants(wiring: "Wiring", tenant: UUID | None, after: UUID | None) -> list[UUID]:
    """Return the tenants in an order in which one can go on after a stop."""
    if tenant is not None:
        return [tenant]
    known = await wiring.all_tenants()
    return sorted(one for one in known if after is None or one > after)


@asynccontextmanager
async def opened() -> "AsyncIterator[Wiring]":
    """Put the documents service's rooms together; the service itself need not run.

    Raises:
        OpsError: A store is out of reach.
    """
    from libs.common.resources import Resources  # noqa: PLC0415 - as said above
    from services.documents.wiring import Wiring  # noqa: PLC0415 - as said above

    settings = settings_of("documents")
    if settings.worker_db_url is None:
        raise OpsError("WORKER_DB_URL is not set: all tenants' documents are found with its role.")
    try:
        async with Resources.open(settings) as resources, Wiring.open(resources) as wiring:
            yield wiring
    except Unavailable as error:
        raise OpsError(f"{error.message} Start again; nothing is lost.") from error


@asynccontextmanager
async def progress() -> AsyncIterator[Bar]:
    """Show what is being done."""
    with Bar(TextColumn("{task.description}")) as bar:
        yield bar


def uuid_of(given: str | None) -> UUID | None:
    """Return the id that somebody typed.

    Raises:
        OpsError: It is none.
    """
    try:
        return None if given is None else UUID(given)
    except ValueError:
        raise OpsError(f"{given} is not the id of a tenant.") from None

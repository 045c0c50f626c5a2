"""Erasing tenants: the commands."""

import asyncio
import getpass
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from libs.common.security.statements import StatementRefused
from ops.erasure.erase import Erasure, Told
from ops.erasure.ledger import Record
from ops.erasure.stores import opened, public_keys
from ops.errors import OpsError
from ops.local.home import write_private

REPLAYED = "restored, and erased again"


def erase(
    tenant: str, *, by: str | None, reason: str, sure: bool, receipt: Path | None, vacuum: bool
) -> None:
    """Erase a tenant from every store and print its signed receipt.

    Raises:
        OpsError: It is not due, unknown, or a store is out of reach.
    """
    tenant_id = _id(tenant)

    async def work() -> str:
        async with opened(vacuum=vacuum) as erasure:
            with _bar() as bar:
                record = await erasure(
                    tenant_id, by=by or _user(), reason=reason, sure=sure, told=_telling(bar)
                )
            return await erasure.ledger.write(record)

    text = asyncio.run(work())
    if receipt is not None:
        write_private(receipt, text + "\n")
    typer.secho(f"Nothing is left of {tenant_id}. The receipt:", err=True)
    typer.echo(text)


def verify_receipt(file: Path, *, jwks: Path | None) -> None:
    """Print what a receipt says, if it is genuine.

    Raises:
        OpsError: It is not; says why.
    """
    try:
        believed: Mapping[str, Any] = (
            json.loads(jwks.read_text(encoding="utf-8")) if jwks is not None else public_keys()
        )
        record = Record.verified(file.read_text(encoding="utf-8"), jwks=believed)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise OpsError(f"It cannot be read: {error}") from error
    except StatementRefused as refusal:
        raise OpsError(f"The receipt does not hold. {refusal}") from refusal
    if not record.finished:
        raise OpsError(f"The erasure of {record.tenant_id} was begun and is not finished.")
    typer.echo(json.dumps(record.as_json(), indent=2))


def replay(receipts: list[Path] | None) -> None:
    """Erase again whatever a restore has brought back, and finish what was begun.

    Args:
        receipts: Receipts that were kept elsewhere, of tenants that the ledger may not know.

    Raises:
        OpsError: A record is not believed, or a store is out of reach.
    """

    async def work() -> list[str]:
        async with opened() as erasure:
            await _learn(erasure, receipts or [])
            records = await erasure.ledger.all()
            again = []
            with _bar() as bar:
                for record in records:
                    if record.finished and not await erasure.found(record.tenant_id):
                        continue
                    await erasure(
                        record.tenant_id,
                        by=_user(),
                        reason=REPLAYED,
                        sure=True,
                        told=_telling(bar),
                    )
                    again.append(str(record.tenant_id))
            typer.echo(f"{len(records)} erasures are known; {len(again)} had to be done again.")
            return again

    for tenant_id in asyncio.run(work()):
        typer.echo(tenant_id)


async def _learn(erasure: Erasure, receipts: list[Path]) -> None:
    for file in receipts:
        try:
            record = Record.verified(file.read_text(encoding="utf-8"), jwks=public_keys())
        except (OSError, UnicodeDecodeError, StatementRefused) as error:
            raise OpsError(f"{file} is not believed: {error}") from error
        if await erasure.ledger.read(record.tenant_id) is None:
            await erasure.ledger.write(record)


def _bar() -> Bar:
    return Bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())


def _telling(bar: Bar) -> Told:
    tasks: dict[str, TaskID] = {}

    def told(place: str, done: int, total: int) -> None:
        if place not in tasks:
            tasks[place] = bar.add_task(place, total=total)
        bar.update(tasks[place], completed=done, total=total)

    return told


def _id(tenant: str) -> UUID:
    try:
        return UUID(tenant)
    except ValueError:
        raise OpsError(f"{tenant} is not the id of a tenant.") from None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"

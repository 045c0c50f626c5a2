"""What an operator does to move the platform to another embedding model; `docs/operations.md`."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import orjson

from libs.common.errors import AppError
from ops.documents import chosen_tenants, opened, progress, uuid_of
from ops.errors import OpsError

if TYPE_CHECKING:
    from services.documents.domain.moves import Probe
    from services.documents.wiring.moves import MoveUseCases

_CONFLICT: Final = 409


def status(tenant: str | None, *, after: str | None) -> int:
    """Show how far each tenant is; return 0 when both spaces are full everywhere, else 1."""
    lacking = 0

    async def tell(use: "MoveUseCases") -> str:
        nonlocal lacking
        filling = await use.tell()
        lacking += 0 if filling.ended else filling.lacking
        if filling.ended:
            return f"{filling.live} is live, {filling.other} is not kept"
        done = filling.documents - filling.lacking
        return f"{filling.live} is live, {done} of {filling.documents} documents are in both"

    asyncio.run(_each(tenant, after, tell))
    return 1 if lacking else 0


def fill(tenant: str | None, *, after: str | None) -> None:
    """Queue what is in one space only."""

    async def queue(use: "MoveUseCases") -> str:
        return f"{await use.fill()} documents queued"

    asyncio.run(_each(tenant, after, queue))


def evaluate(
    tenant: str | None,
    *,
    after: str | None,
    sample: int,
    tolerance: float,
    questions: Path | None,
    agent: str | None,
) -> int:
    """Ask both spaces the same; return 1 where the other one finds clearly less.

    Args:
        tenant: One, or all.
        after: Go on after this one.
        sample: How many passages of each tenant are asked for.
        tolerance: How much less, as a share of the questions, is no reason to stay.
        questions: A file as `make eval` reads it, for one tenant's agent.
        agent: Whose documents the questions are about.

    Raises:
        OpsError: Questions without a tenant and an agent, or not as they should be.
    """
    probes: list[Probe] = []
    if questions is not None:
        agent_id = uuid_of(agent)
        if tenant is None or agent_id is None:
            raise OpsError("Say whose questions these are: --tenant and --agent.")
        probes = _probes(questions, agent_id)
    worse = 0

    async def compare(use: "MoveUseCases") -> str:
        nonlocal worse
        compared = await use.compare(probes, sample=sample)
        if not compared.probes:
            return "nothing is in both spaces yet"
        is_worse = compared.found[1] < compared.found[0] - tolerance
        worse += is_worse
        return (
            f"{compared.probes} questions; found live {_percent(compared.found[0])}, "
            f"in the other space {_percent(compared.found[1])}; by meaning alone "
            f"{_percent(compared.found_by_meaning[0])} and "
            f"{_percent(compared.found_by_meaning[1])}; agreement of the best passages "
            f"{_percent(compared.agreement)}{': WORSE' if is_worse else ''}"
        )

    asyncio.run(_each(tenant, after, compare))
    return 1 if worse else 0


def flip(tenant: str | None, *, after: str | None, back: bool) -> int:
    """Search the second space, or the first again; return 1 where it cannot be done yet."""
    return asyncio.run(_each(tenant, after, lambda use: _flipped(use, back=back), goes_on=True))


def drop(tenant: str | None, *, after: str | None, back: bool) -> int:
    """Give up the first space, or the second one; return 1 where it is searched still."""

    async def give_up(use: "MoveUseCases") -> str:
        return f"{await use.drop(back=back)} documents are in the live space only"

    return asyncio.run(_each(tenant, after, give_up, goes_on=True))


async def _flipped(use: "MoveUseCases", *, back: bool) -> str:
    changed = await use.flip(back=back)
    filling = await use.tell()
    return f"{filling.live} is live{'' if changed else ' already'}"


async def _each(
    tenant: str | None,
    after: str | None,
    act: "Callable[[MoveUseCases], Awaitable[str]]",
    *,
    goes_on: bool = False,
) -> int:
    """Do something for each tenant, and print what came of it.

    Args:
        tenant: One, or all.
        after: Go on after this one.
        act: What is to be done.
        goes_on: A tenant that is in no state for it does not keep the others from it.
    """
    from services.documents.wiring.moves import MoveUseCases  # noqa: PLC0415

    refused = 0
    async with opened() as wiring, progress() as bar:
        if wiring.models is None:
            raise OpsError(
                "NEXT_EMBEDDING_MODEL is not set: there is one embedding model, and one space."
            )
        for one in await chosen_tenants(wiring, uuid_of(tenant), uuid_of(after)):
            task = bar.add_task(f"{one}: at work", total=None)
            try:
                said = await act(MoveUseCases(wiring.use_cases(one), wiring.models))
            except AppError as error:
                if not goes_on or error.http_status != _CONFLICT:
                    raise
                refused += 1
                said = error.message
            bar.remove_task(task)
            bar.console.print(f"{one}: {said}", soft_wrap=True)
    return 1 if refused else 0


def _probes(path: Path, agent_id: UUID) -> "list[Probe]":
    from services.documents.domain.moves import Probe  # noqa: PLC0415

    probes = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.strip():
                continue
            row: dict[str, Any] = orjson.loads(line)
            documents = frozenset(str(one["doc"]) for one in row.get("evidence", ()))
            if documents:
                probes.append(
                    Probe(agent_id=agent_id, question=row["question"], documents=documents)
                )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OpsError(f"{path} has no questions as `make eval` reads them: {error}") from error
    if not probes:
        raise OpsError(f"{path} has no question with evidence.")
    return probes


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"

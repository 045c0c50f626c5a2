"""What this worker is making, and who of it is to be stopped."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from services.conversations.domain.answers import TakenAnswer
from services.conversations.use_cases.stopping import Stop

_REMEMBERED: Final = 1_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """An answer in the making."""

    taken: TakenAnswer
    task: "asyncio.Task[None]"
    stop: Stop


@dataclass
class Attempts:
    """The attempts of this process, by answer."""

    _running: dict[UUID, Attempt] = field(default_factory=dict)
    # A cancellation can be heard while the reply that gives us the answer is still on its way.
    _cancelled: OrderedDict[UUID, None] = field(default_factory=OrderedDict)

    def __len__(self) -> int:
        return len(self._running)

    def __iter__(self) -> Iterator[Attempt]:
        return iter(list(self._running.values()))

    def __contains__(self, answer_id: object) -> bool:
        return answer_id in self._running

    def ids(self) -> set[UUID]:
        """Return the answers that are being made."""
        return set(self._running)

    def get(self, answer_id: UUID) -> Attempt | None:
        """Return the attempt at an answer, if there is one here."""
        return self._running.get(answer_id)

    def begin(self, taken: TakenAnswer, task: "asyncio.Task[None]", stop: Stop) -> None:
        """Note an attempt that begins."""
        self._running[taken.answer_id] = Attempt(taken, task, stop)
        if taken.answer_id in self._cancelled:
            stop.ask()

    def end(self, taken: TakenAnswer) -> None:
        """Forget an attempt, unless another of the same answer has begun since."""
        current = self._running.get(taken.answer_id)
        if current is not None and current.taken is taken:
            del self._running[taken.answer_id]

    def cancel(self, answer_id: UUID) -> None:
        """Stop the attempt at an answer, or the one that may be about to begin."""
        self._cancelled[answer_id] = None
        if len(self._cancelled) > _REMEMBERED:
            self._cancelled.popitem(last=False)
        attempt = self._running.get(answer_id)
        if attempt is not None:
            attempt.stop.ask()

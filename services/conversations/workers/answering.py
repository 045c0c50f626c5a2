"""The worker's side of a question: taking answers, keeping their leases, and letting go of them.

Announcements come over Redis; what they miss (a crash between commit and announcement, a dead
worker's lease, a Redis that is down or was emptied) is found in PostgreSQL within a second or two.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from prometheus_client import Gauge
from redis.exceptions import RedisError

from libs.common.errors import Unavailable
from libs.common.telemetry import continue_trace, get_logger
from services.conversations.domain.answers import AnnouncedAnswer, AnswerState, TakenAnswer
from services.conversations.use_cases.compose_answer import LookedUp
from services.conversations.use_cases.stopping import Stop
from services.conversations.wiring import Wiring
from services.conversations.workers.attempts import Attempts

log = get_logger(__name__)

_IN_FLIGHT: Final = Gauge("answers_in_flight", "Answers that this process is making.")
_BATCH: Final = 64
_SWEEP_SECONDS: Final = 1.0
_ON_ITS_WAY_SECONDS: Final = 1.0
_RENEWALS_A_LEASE: Final = 4
_DRAIN_SECONDS: Final = 20.0
# Without Redis, a cancellation is noticed within this.
_LOOK_SECONDS: Final = 0.5
# When to ask for an answer that was announced while it was being stored: mostly it is there by
# the first time, which is sooner than anything that is looked up for it.
_EARLY_PAUSES_SECONDS: Final = (0.002, 0.003, 0.006, 0.012, 0.05)
# What took longer to store is announced again soon, and finds what was looked up for it.
_EARLY_KEPT_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class _LookUp:
    """What was begun for an answer before it was taken."""

    announced: AnnouncedAnswer
    task: "asyncio.Task[LookedUp]"

    def is_for(self, taken: TakenAnswer) -> bool:
        """Whether it is what the answer needs; an announcement is a hint, not the truth."""
        one = self.announced
        return (one.tenant_id, one.answer_id, one.agent_id, one.question, one.groups) == (
            taken.tenant_id,
            taken.answer_id,
            taken.agent_id,
            taken.question,
            taken.groups,
        )


class Answering:
    """Makes answers, many at a time; `run` it until it is cancelled."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._store = wiring.store
        self._room = wiring.settings.answer_concurrency
        self._attempts = Attempts()
        self._taking: set[UUID] = set()
        self._crowded: set[UUID] = set()
        self._looked_up: dict[UUID, _LookUp] = {}
        self._early: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()
        self._unheard = asyncio.Event()
        self._redis_is_down = False
        self._stopping = False

    async def run(self) -> None:
        """Take and make answers; when cancelled, finish what is begun, or put it back."""
        cancellations = self._wiring.cancellations
        async with cancellations.heard(self._attempts.cancel, self._unheard.set):
            await self._run()

    async def _run(self) -> None:
        feeds = asyncio.create_task(self._wiring.feeds.run(), name="answer-feeds")
        loops = [
            asyncio.create_task(loop, name=name)
            for name, loop in (
                ("dispatch", self._dispatch()),
                ("sweep", self._sweep()),
                ("leases", self._keep_leases()),
                ("cancellations", self._look_for_cancelled()),
                ("afterwards", self._wiring.afterwards.run()),
            )
        ]
        try:
            # A loop only ends by breaking; then all of this starts again.
            await asyncio.wait([feeds, *loops], return_when=asyncio.FIRST_COMPLETED)
            for task in (feeds, *loops):
                if task.done():
                    task.result()
        finally:
            await self._stop([*loops[:2], *self._early])
            for task in (feeds, *loops):
                task.cancel()
            await asyncio.gather(feeds, *loops, return_exceptions=True)

    async def _dispatch(self) -> None:
        while True:
            free = self._free_room()
            if free <= 0:
                self._freed.clear()
                await self._freed.wait()
                continue
            try:
                found = await self._wiring.queue.get(self._wiring.owner, count=min(free, _BATCH))
                self._redis_is_down = False
            except (RedisError, OSError, TimeoutError) as error:
                if not self._redis_is_down:
                    log.warning("answers_polled_from_database", error=repr(error))
                self._redis_is_down = True
                await asyncio.sleep(_SWEEP_SECONDS)
                continue
            if found:
                self._wiring.wake.events()
            self._look_up(found)
            stored = [one for one in found if not one.early]
            for one in found:
                if one.early:
                    self._take_soon(one)
            try:
                await self._take_all([(one.tenant_id, one.answer_id) for one in stored])
            finally:
                self._forget_look_ups(stored)

    def _take_soon(self, announced: AnnouncedAnswer) -> None:
        task = asyncio.create_task(self._take_early(announced))
        self._early.add(task)
        task.add_done_callback(self._early.discard)

    async def _take_early(self, announced: AnnouncedAnswer) -> None:
        """Take what is being stored, once it is; when that fails, the sweep looks on."""
        try:
            for pause in _EARLY_PAUSES_SECONDS:
                await asyncio.sleep(pause)
                if self._free_room() <= 0:
                    return
                if await self._take(announced.tenant_id, [announced.answer_id], early=True):
                    self._wiring.wake.events()
                    return
            await asyncio.sleep(_EARLY_KEPT_SECONDS)
        finally:
            self._forget_look_ups([announced])

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS * random.uniform(0.7, 1.0))  # noqa: S311 - jitter
            if not self._redis_is_down:
                with suppress(RedisError, OSError, TimeoutError):
                    await self._wiring.queue.trim()
            free = self._free_room()
            if free <= 0:
                continue
            waited = 0.0 if self._redis_is_down else _ON_ITS_WAY_SECONDS
            with suppress(Unavailable):
                found = await self._store.due(waited_seconds=waited, limit=min(free, _BATCH * 4))
                # When the database was away, our own leases have run out too; we go on with them.
                await self._take_all([one for one in found if one[1] not in self._attempts])

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._store.lease_seconds / _RENEWALS_A_LEASE)
            mine = self._attempts.ids()
            if not mine:
                continue
            try:
                held = await self._store.renew_leases(mine)
            except Unavailable:
                # Nobody can take them over either, as long as the database is down.
                continue
            for answer_id in mine - held.keys():
                await self._let_go_if_lost(answer_id)
            for answer_id in (one for one, cancelled in held.items() if cancelled):
                self._attempts.cancel(answer_id)

    async def _look_for_cancelled(self) -> None:
        """Ask PostgreSQL who is to be stopped, while Redis cannot tell and after it could not."""
        while True:
            if self._wiring.cancellations.live:
                await self._unheard.wait()
            else:
                await asyncio.sleep(_LOOK_SECONDS)
            self._unheard.clear()
            mine = self._attempts.ids()
            with suppress(Unavailable):
                for answer_id in await self._store.cancelled_of(mine) if mine else ():
                    self._attempts.cancel(answer_id)

    async def _let_go_if_lost(self, answer_id: UUID) -> None:
        """Stop an attempt whose answer was cancelled or is another worker's now."""
        attempt = self._attempts.get(answer_id)
        if attempt is None or attempt.stop.asked:
            return
        taken, task = attempt.taken, attempt.task
        with suppress(Unavailable):
            status = await self._store.status(taken.tenant_id, answer_id)
            done = status is not None and status.state in {
                AnswerState.COMPLETED,
                AnswerState.FAILED,
            }
            if status is not None and status.state is AnswerState.CANCELLED:
                # It may have cost something, which is told as it stops.
                self._attempts.cancel(answer_id)
            elif not done:
                log.info("lease_lost", answer_id=str(answer_id), attempt=taken.attempt)
                task.cancel()

    def _look_up(self, announced: Sequence[AnnouncedAnswer]) -> None:
        """Begin to look things up for those that are likely to be taken."""
        in_flight = Counter(attempt.taken.tenant_id for attempt in self._attempts)
        for one in announced:
            in_flight[one.tenant_id] += 1
            if (
                one.agent_id is None
                or one.answer_id in self._attempts
                or one.answer_id in self._looked_up
                or one.tenant_id in self._crowded
                or in_flight[one.tenant_id] > self._store.per_tenant
            ):
                continue
            with continue_trace(one.traceparent):
                task = asyncio.create_task(
                    self._wiring.compose.look_up(
                        one.tenant_id, one.agent_id, one.question, groups=one.groups
                    )
                )
            # Who awaits it hears of its failure; nobody may.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._looked_up[one.answer_id] = _LookUp(one, task)

    def _forget_look_ups(self, announced: Sequence[AnnouncedAnswer]) -> None:
        """Drop what was begun for answers that were not taken."""
        for one in announced:
            look_up = self._looked_up.pop(one.answer_id, None)
            if look_up is not None:
                look_up.task.cancel()

    async def _take_all(self, found: Sequence[tuple[UUID, UUID]]) -> None:
        by_tenant: dict[UUID, list[UUID]] = {}
        for tenant_id, answer_id in found:
            by_tenant.setdefault(tenant_id, []).append(answer_id)
        if by_tenant:
            await asyncio.gather(*(self._take(*entry) for entry in by_tenant.items()))

    async def _take(
        self, tenant_id: UUID, answer_ids: list[UUID] | None, *, early: bool = False
    ) -> bool:
        """Take the listed answers of a tenant, or whichever wait; tell whether there were any.

        Args:
            tenant_id: Whose.
            answer_ids: Which; None for the oldest that wait.
            early: They may not be stored yet.
        """
        try:
            if answer_ids is None:
                taken = await self._store.take_waiting(tenant_id)
            else:
                taken = await self._store.take(tenant_id, answer_ids)
                # Whoever gets less than was announced has others in line, here or elsewhere.
                if len(taken) == len(answer_ids):
                    self._crowded.discard(tenant_id)
                elif not early:
                    self._crowded.add(tenant_id)
        except Unavailable:
            return False  # the sweep finds them again
        for answer in taken:
            stop = Stop()
            task = asyncio.create_task(self._make(answer, stop, self._looked_up_for(answer)))
            self._attempts.begin(answer, task, stop)
        _IN_FLIGHT.set(len(self._attempts))
        return bool(taken)

    def _looked_up_for(self, taken: TakenAnswer) -> "asyncio.Task[LookedUp] | None":
        look_up = self._looked_up.pop(taken.answer_id, None)
        if look_up is None:
            return None
        if look_up.is_for(taken):
            return look_up.task
        look_up.task.cancel()
        return None

    async def _make(
        self, taken: TakenAnswer, stop: Stop, looked_up: "asyncio.Task[LookedUp] | None"
    ) -> None:
        others_wait = False
        try:
            others_wait = await self._wiring.produce(taken, looked_up=looked_up, stop=stop)
        except Unavailable as error:
            # The lease runs out, and the answer is begun anew.
            log.warning("answer_not_stored", code=error.code, answer_id=str(taken.answer_id))
        except Exception:
            log.exception("answer_not_stored", answer_id=str(taken.answer_id))
        finally:
            self._attempts.end(taken)
            _IN_FLIGHT.set(len(self._attempts))
            self._freed.set()
        if others_wait and not self._stopping and taken.tenant_id not in self._taking:
            self._taking.add(taken.tenant_id)
            try:
                await self._take(taken.tenant_id, None)
            finally:
                self._taking.discard(taken.tenant_id)

    def _free_room(self) -> int:
        return self._room - len(self._attempts)

    async def _stop(self, takers: Sequence["asyncio.Task[None]"]) -> None:
        """Take no more, give what is begun some time, and put the rest back."""
        self._stopping = True
        for task in takers:
            task.cancel()
        await asyncio.gather(*takers, return_exceptions=True)
        started = time.monotonic()
        tasks = [attempt.task for attempt in self._attempts]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_DRAIN_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            log.info(
                "answers_drained", late=len(late), seconds=round(time.monotonic() - started, 1)
            )
        # Also of what a take had got hold of when it was cut short.
        with suppress(Unavailable):
            await self._store.release_leases()
        await self._wiring.queue.forget(self._wiring.owner)

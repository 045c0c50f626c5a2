"""One attempt at an answer, from the lease to the stored message."""

import asyncio
import random
import time
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from libs.common.errors import AppError, RateLimited, Unavailable
from libs.common.ids import new_id
from libs.common.telemetry import continue_trace, get_logger
from libs.common.wake import Wake
from services.conversations.domain.answers import Answer, TakenAnswer
from services.conversations.domain.errors import AnswerCancelled, AnswerGivenUp, HandedOver
from services.conversations.domain.frames import DELTA, START, AnswerFrames, events_in
from services.conversations.domain.ports import AnswerFeed, AnswerFeeds
from services.conversations.repositories.answers import AnswerStore
from services.conversations.repositories.handoff import HandoffStore
from services.conversations.use_cases.afterwards import Afterwards
from services.conversations.use_cases.compose_answer import ComposeAnswer, LookedUp
from services.conversations.use_cases.draft import Draft
from services.conversations.use_cases.metrics import AGENT_RESPONSES
from services.conversations.use_cases.stopping import AnswerStopped, Stop

log = get_logger(__name__)

_STORE_PATIENCE_SECONDS: Final = 30.0
_FEED_TIMEOUT_SECONDS: Final = 1.0
_TRIES: Final = 4
# An answer that its workers died of so often would take down the next one too. Deploys put
# answers back and count as well, so this is generous.
MAX_ATTEMPTS: Final = 10


@dataclass(frozen=True, kw_only=True)
class ProduceAnswer:
    """Make an answer that this process has taken, and store it; exactly one attempt can."""

    compose: ComposeAnswer
    store: AnswerStore
    handoffs: HandoffStore
    feeds: AnswerFeeds
    wake: Wake
    afterwards: Afterwards

    async def __call__(
        self,
        taken: TakenAnswer,
        *,
        looked_up: Awaitable[LookedUp] | None = None,
        stop: Stop | None = None,
    ) -> bool:
        """Return whether other answers of the tenant wait for their turn.

        When its task is cancelled, the answer is left as it is, for whoever holds its lease next.

        Args:
            taken: The answer.
            looked_up: The result of `ComposeAnswer.look_up`, where that was begun before.
            stop: Ends the attempt early; what it has written by then is the answer.
        """
        with continue_trace(
            taken.traceparent, "answer", answer_id=str(taken.answer_id), attempt=taken.attempt
        ):
            started = time.monotonic()
            feed = self.feeds.open(taken)
            feed.in_progress()
            if taken.attempt > MAX_ATTEMPTS:
                log.error("answer_given_up", answer_id=str(taken.answer_id))
                return await self._fail(taken, feed, AnswerGivenUp.code, AnswerGivenUp.message)
            draft = Draft()
            abandoned: list[str] = []
            try:
                with (stop or Stop()).heeded():
                    if taken.attempt > 1:
                        abandoned += await self._abandoned(taken)
                        if await self.store.cancel_requested(taken.tenant_id, taken.answer_id):
                            raise AnswerStopped
                    answer = await self._compose(taken, feed, looked_up, draft, abandoned)
            except AnswerStopped:
                answer = await self.compose.cut_short(taken, draft, abandoned=abandoned)
                log.info("answer_cancelled", answer_id=str(taken.answer_id))
            except AppError as error:
                log.warning("answer_failed", code=error.code, answer_id=str(taken.answer_id))
                return await self._fail(taken, feed, error.code, error.message)
            except Exception:
                log.exception("answer_broke", answer_id=str(taken.answer_id))
                return await self._fail(taken, feed, AppError.code, AppError.message)
            return await self._finish(taken, feed, answer, started)

    async def _compose(
        self,
        taken: TakenAnswer,
        feed: AnswerFeed,
        looked_up: Awaitable[LookedUp] | None,
        draft: Draft,
        abandoned: Sequence[str],
    ) -> Answer:
        """Compose, trying again while a part of the platform is out of reach."""
        for attempt in range(1, _TRIES + 1):
            try:
                return await self.compose(
                    taken, feed.delta, abandoned=abandoned, looked_up=looked_up, draft=draft
                )
            except (Unavailable, RateLimited):
                looked_up = None
                if attempt == _TRIES:
                    raise
                pause = 2 ** (attempt - 1) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
                await asyncio.sleep(pause)
        raise AssertionError("the loop returns or raises")

    async def _abandoned(self, taken: TakenAnswer) -> list[str]:
        """Return what each earlier attempt had written, as far as its feed still tells."""
        texts: dict[int, str] = {}
        with suppress(TimeoutError):
            async with asyncio.timeout(_FEED_TIMEOUT_SECONDS):
                for frame in await self.feeds.history(
                    taken.tenant_id, taken.answer_id, after=START
                ):
                    attempt = frame.position.attempt
                    for name, data in events_in(frame) if attempt < taken.attempt else ():
                        if name == DELTA:
                            texts[attempt] = texts.get(attempt, "") + data["delta"]
        return list(texts.values())

    async def _finish(
        self, taken: TakenAnswer, feed: AnswerFeed, answer: Answer, started: float
    ) -> bool:
        message_id = new_id()
        give_up_at = time.monotonic() + _STORE_PATIENCE_SECONDS
        while True:
            try:
                finished = await self.store.finish(
                    taken, answer, message_id=message_id, seconds=time.monotonic() - started
                )
                break
            except Unavailable:
                # A whole answer is worth waiting for the database; the lease tells whether it
                # was stored by then, or somebody else has taken over.
                if time.monotonic() >= give_up_at:
                    raise
                await asyncio.sleep(0.5)
        if finished is None:
            log.info("answer_lost", answer_id=str(taken.answer_id), attempt=taken.attempt)
            return await self._unsaid(taken, answer, feed)
        self.wake.events()
        outcome = "cancelled" if answer.cancelled else "completed"
        AGENT_RESPONSES.labels(answer.mode.value, outcome).inc()
        position = feed.last_position()
        frames = _frames(taken)
        await feed.finish(
            frames.completed(finished.message, position)
            if finished.message is not None
            else frames.failed(AnswerCancelled.message, AnswerCancelled.code, position),
            position,
            others_pending=finished.conversation_waits,
        )
        self.afterwards.answered(taken, answer)
        return finished.tenant_waits

    async def _unsaid(self, taken: TakenAnswer, answer: Answer, feed: AnswerFeed) -> bool:
        """End an answer that a person came before; returns whether others may wait for it."""
        if not await self.handoffs.bill_unsaid(taken, answer):
            return False
        self.wake.events()
        position = feed.last_position()
        frame = _frames(taken).failed(HandedOver.message, HandedOver.code, position)
        await feed.finish(frame, position, others_pending=True)
        return True

    async def _fail(self, taken: TakenAnswer, feed: AnswerFeed, code: str, message: str) -> bool:
        waiting = await self.store.fail(taken, code=code, error=message)
        if waiting is None:
            return False
        self.wake.events()
        AGENT_RESPONSES.labels("none", "failed").inc()
        position = feed.last_position()
        frame = _frames(taken).failed(message, code, position)
        await feed.finish(frame, position, others_pending=True)
        return waiting


def _frames(taken: TakenAnswer) -> AnswerFrames:
    return AnswerFrames(
        conversation_id=taken.conversation_id,
        message_id=taken.message_id,
        task_id=taken.task_id,
        answer_id=taken.answer_id,
    )

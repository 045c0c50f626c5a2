"""What is measured, one method a figure; a round plays all of them, the platform's and the limit's.

Rounds are interleaved, so that whatever else the machine does falls on both alike.
"""

import asyncio
import itertools
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import orjson

from bench.api import Api, median, quantile
from bench.callers import caller_costs, field_cost
from bench.costs import Parts, spent
from bench.knowledge import question, small_manual
from bench.load import (
    Chat,
    Connection,
    Get,
    LimitChat,
    PlatformChat,
    RequestFailed,
    Tally,
    Turn,
    arriving,
    for_some_time,
    open_conversations,
    request_bytes,
)
from bench.stack import LimitProgram, Platform, StubModels
from bench.stub import Plan

# Turns of one conversation before the next one is taken: later ones carry their history.
TURNS_A_CONVERSATION: Final = 4
_SIDE_BY_SIDE: Final = 16
# Conversations are opened for so many, or the first would be gone on with, and grow.
_MOST_TURNS_A_SECOND: Final = 250
_OPENED_SECONDS: Final = 1.0
_STREAMS: Final = 50
_AT_ONCE: Final = Plan()
_SPOKEN: Final = Plan(first_token_seconds=0.5, interval_seconds=0.05, tokens=20)
_UPLOADERS: Final = 4
_WARM_SECONDS: Final = 1.5


@dataclass(frozen=True)
class Lengths:
    """How long each measurement is, and over how much."""

    # Of 200 sections each: ten thousand passages, the size at which retrieval is measured.
    manuals: int = 50
    rounds: int = 5
    chat_seconds: float = 8.0
    single_seconds: float = 4.0
    get_seconds: float = 3.0
    stream_seconds: float = 7.0
    documents: int = 200
    crowd: int = 1_000
    crowd_per_second: float = 100.0
    crowd_tokens: int = 30
    starts: int = 3


QUICK: Final = Lengths(
    manuals=10,
    rounds=1,
    chat_seconds=5.0,
    single_seconds=2.0,
    get_seconds=1.5,
    stream_seconds=4.0,
    documents=60,
    crowd=300,
    crowd_tokens=4,
    starts=1,
)


@dataclass
class Findings:
    """All figures of a run: a value for each round, by name."""

    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    notes: list[str] = field(default_factory=list)
    shares: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, name: str, value: float) -> None:
        """Note a value of this round."""
        self.values[name].append(value)

    def heard(self, what: str, tally: Tally[Turn] | Tally[float]) -> None:
        """Note what went wrong in a run of load."""
        for error, count in tally.errors.items():
            self.errors[f"{what}: {error}"] += count


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Measures a running platform beside the limit program."""

    platform: Platform
    models: StubModels
    limit: LimitProgram
    api: Api
    agent_id: str
    manuals: int
    sections_each: int
    lengths: Lengths
    findings: Findings
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    chance: random.Random = field(default_factory=lambda: random.Random(11))

    async def warm_up(self) -> None:
        """Let every process see what is to come: a platform is not measured by its first calls."""
        await self.models.plan(_AT_ONCE)
        for asks in (
            await self._platform_asks(_SIDE_BY_SIDE, 100),
            self._limit_asks(_SIDE_BY_SIDE),
        ):
            await for_some_time(asks, seconds=_WARM_SECONDS)

    async def callers(self) -> None:
        """What knowing a caller costs a service, and what a field's encryption."""
        costs = await caller_costs(self.platform, token=self.api.token, key=self.api.key)
        for name, milliseconds in costs.items():
            self.findings.add(name, milliseconds)
        self.findings.add("field.us", field_cost())

    async def chat_side_by_side(self) -> None:
        """CPU of a turn, sixteen asking at once."""
        await self.models.plan(_AT_ONCE)
        asks = await self._platform_asks(
            _SIDE_BY_SIDE, self.lengths.chat_seconds * _MOST_TURNS_A_SECOND
        )
        parts, found = self.platform.parts(), self.findings
        before_counts = await self.models.counts()
        async with self._cost(parts) as costs:
            tally = await for_some_time(asks, seconds=self.lengths.chat_seconds)
        counts = await self.models.counts()
        found.heard("chat, 16 at once", tally)
        turns = len(tally.done)
        if turns:
            found.add("turn.cpu_ms", sum(costs.values()) / turns)
            found.add("turn.per_second", tally.rate)
            found.add("turn.p95_ms", quantile([turn.whole for turn in tally.done], 0.95))
            found.add(
                "turn.embeddings", (counts.embedding_calls - before_counts.embedding_calls) / turns
            )
            for name, cost in costs.items():
                found.shares[name].append(cost / turns)

    async def chat_limit_side_by_side(self) -> None:
        """The same of the limit program."""
        parts = Parts(
            {"limit": self.limit.pid, "postgres": self.platform.parts().roots["postgres"]}
        )
        asks = self._limit_asks(_SIDE_BY_SIDE)
        async with self._cost(parts) as costs:
            tally = await for_some_time(asks, seconds=self.lengths.chat_seconds / 2)
        self.findings.heard("limit, 16 at once", tally)
        if tally.done:
            self.findings.add("limit.cpu_ms", sum(costs.values()) / len(tally.done))
            self.findings.add("limit.per_second", tally.rate)
            self.findings.add("limit.postgres_ms", costs["postgres"] / len(tally.done))

    async def chat_alone(self) -> None:
        """Time that a turn takes beyond the model's, one asking at a time."""
        await self.models.plan(_AT_ONCE)
        asks = await self._platform_asks(1, self.lengths.single_seconds * 120)
        ours = await for_some_time(asks, seconds=self.lengths.single_seconds)
        limit = await for_some_time(self._limit_asks(1), seconds=self.lengths.single_seconds / 2)
        self.findings.heard("chat, one at a time", ours)
        self.findings.add("alone.added_ms", median([turn.whole for turn in ours.done]))
        self.findings.add("alone.first_token_ms", median([turn.first_token for turn in ours.done]))
        self.findings.add("alone.limit_ms", median([turn.whole for turn in limit.done]))

    async def reading(self) -> None:
        """A small authenticated GET."""
        path, port = f"/api/v1/agent/{self.agent_id}", self.platform.port
        for count, name in ((1, "get"), (_SIDE_BY_SIDE, "get16")):
            readers = [Get(port, path, self.api.key.headers) for _ in range(count)]
            await asyncio.gather(*(reader.read() for reader in readers))
            parts = self.platform.parts()
            async with self._cost(parts) as costs:
                tally = await for_some_time(
                    [reader.read for reader in readers], seconds=self.lengths.get_seconds
                )
            self.findings.heard("GET", tally)
            self.findings.add(f"{name}.p50_ms", median(tally.done))
            self.findings.add(f"{name}.per_second", tally.rate)
            self.findings.add(f"{name}.cpu_ms", sum(costs.values()) / max(1, len(tally.done)))
            for reader in readers:
                reader.close()

    async def searching(self) -> None:
        """A search of ten thousand passages, one after another; no query is asked twice."""
        connection = Connection(self.platform.port)
        headers = {**self.api.key.headers, "content-type": "application/json"}

        async def search() -> float:
            body = orjson.dumps({"agent_id": self.agent_id, "query": self._question(), "limit": 5})
            started = time.perf_counter()
            status, _ = await connection.send(
                request_bytes("POST", "/api/v1/search/document", headers, body)
            )
            if status != 200:
                raise RequestFailed(f"a search was answered with {status}")
            return 1_000 * (time.perf_counter() - started)

        await search()
        tally = await for_some_time([search], seconds=self.lengths.get_seconds / 2)
        connection.close()
        self.findings.heard("search", tally)
        self.findings.add("search.p50_ms", median(tally.done))
        self.findings.add("search.p95_ms", quantile(tally.done, 0.95))

    async def streams(self) -> None:
        """Time to the first token beyond the model's, with fifty streams at a time."""
        await self.models.plan(_SPOKEN)
        asks = await self._platform_asks(_STREAMS, _STREAMS * self.lengths.stream_seconds)
        parts = self.platform.parts()
        async with self._cost(parts) as costs:
            ours = await for_some_time(asks, seconds=self.lengths.stream_seconds)
        limit = await for_some_time(
            self._limit_asks(_STREAMS), seconds=self.lengths.stream_seconds / 2
        )
        self.findings.heard("chat, 50 streams", ours)
        delays = [turn.first_token for turn in ours.done]
        self.findings.add("streams.first_token_ms", median(delays))
        self.findings.add("streams.first_token_p95_ms", quantile(delays, 0.95))
        self.findings.add("streams.cpu_ms", sum(costs.values()) / max(1, len(ours.done)))
        self.findings.add("streams.limit_ms", median([turn.first_token for turn in limit.done]))

    async def ingestion(self) -> None:
        """Small Markdown files, from the first upload until all can be searched."""
        lengths = self.lengths
        first = 10_000 + next(self.numbers) * 1_000
        files = {
            f"manual-{number}.md": small_manual(number).encode()
            for number in range(first, first + lengths.documents)
        }
        agent = await asyncio.to_thread(self.api.make_agent, f"Ingestion {first}")
        await asyncio.to_thread(self.api.search, agent, "anything", limit=1)
        queue = list(files.items())
        loop = asyncio.get_running_loop()
        parts = self.platform.parts()
        started = loop.time()
        async with self._cost(parts) as costs:
            uploads = [self._upload_all(agent, queue) for _ in range(_UPLOADERS)]
            await asyncio.gather(*uploads)
            uploaded = loop.time() - started
            await asyncio.to_thread(
                self.api.wait_until_indexed,
                agent,
                lengths.documents,
                seconds=120,
                pause_seconds=0.2,
            )
            seconds = loop.time() - started
        found = await asyncio.to_thread(
            self.api.search, agent, question(first, 0, number=first), limit=50
        )
        if not any(f"manual-{first}.md" in str(hit["metadata"]) for hit in found):
            self.findings.errors["ingestion: a document that is indexed is not found"] += 1
        self.findings.add("ingest.per_second", lengths.documents / seconds)
        self.findings.add("ingest.upload_seconds", uploaded)
        self.findings.add("ingest.cpu_ms", sum(costs.values()) / lengths.documents)
        for name, cost in costs.items():
            self.findings.shares[f"ingest {name}"].append(cost / lengths.documents)

    async def crowd(self) -> None:
        """A thousand streams, arriving a hundred a second."""
        lengths = self.lengths
        await self.models.plan(
            Plan(first_token_seconds=0.1, interval_seconds=1.0, tokens=lengths.crowd_tokens)
        )
        conversations = await self._conversations(lengths.crowd)
        chats = [PlatformChat(self.platform.port, self.api.key.headers) for _ in conversations]
        tally = await arriving(
            (
                chat.ask(conversation, self._question())
                for chat, conversation in zip(chats, conversations, strict=True)
            ),
            per_second=lengths.crowd_per_second,
        )
        for chat in chats:
            chat.close()
        self.findings.heard(f"{lengths.crowd} streams", tally)
        delays = [turn.first_token for turn in tally.done]
        self.findings.add("crowd.streams", lengths.crowd)
        self.findings.add("crowd.errors", tally.errors.total())
        self.findings.add("crowd.p50_ms", median(delays))
        self.findings.add("crowd.p99_ms", quantile(delays, 0.99))

    def _question(self) -> str:
        manual = self.chance.randrange(self.manuals)
        section = self.chance.randrange(self.sections_each)
        return question(manual, section, number=next(self.numbers))

    async def _platform_asks(
        self, count: int, turns: float
    ) -> Sequence[Callable[[], "asyncio.Future[Turn]"]]:
        """Return so many people who ask, with conversations for so many turns in all."""
        each = max(1, int(turns / TURNS_A_CONVERSATION / count))
        opened = await self._conversations(each * count)
        asks = []
        for number in range(count):
            chat = PlatformChat(self.platform.port, self.api.key.headers)
            # Nobody shares a conversation, or one would hear the other's answers.
            own = opened[number::count]
            turns_of_own = [place for place in own for _ in range(TURNS_A_CONVERSATION)]
            asks.append(partial(self._ask, chat, itertools.cycle(turns_of_own)))
        return asks

    def _limit_asks(self, count: int) -> Sequence[Callable[[], "asyncio.Future[Turn]"]]:
        chats = [LimitChat(self.limit.port, self.limit.token) for _ in range(count)]
        return [partial(self._ask, chat, itertools.repeat("")) for chat in chats]

    def _ask(self, chat: Chat, places: Iterator[str]) -> "asyncio.Future[Turn]":
        return asyncio.ensure_future(chat.ask(next(places), self._question()))

    async def _conversations(self, count: int) -> list[str]:
        """Return new conversations; opening them is not measured."""
        opened = await open_conversations(
            self.platform.port, self.api.key.headers, self.agent_id, count
        )
        # What other services hear of it is no part of a turn either.
        await asyncio.sleep(_OPENED_SECONDS)
        return opened

    async def _upload_all(self, agent: str, queue: list[tuple[str, bytes]]) -> None:
        while queue:
            name, content = queue.pop()
            await asyncio.to_thread(self.api.upload, agent, {name: content})

    @asynccontextmanager
    async def _cost(self, parts: Parts) -> AsyncIterator[dict[str, float]]:
        """Give the CPU milliseconds of each part, once the block has ended."""
        costs: dict[str, float] = {}
        before = parts.cpu_seconds()
        yield costs
        costs.update(spent(before, parts.cpu_seconds()))

"""The measuring itself: figures that are wrong are worse than none."""

import asyncio
import time
from collections.abc import AsyncIterator

import numpy as np
import orjson
import pytest

from bench.api import median, quantile
from bench.load import Connection, LimitChat, RequestFailed, for_some_time, request_bytes
from bench.rounds import Findings
from bench.stack import free_port
from bench.stub import Connection as StubConnection
from bench.stub import ModelServer, Plan, embed
from bench.table import ROWS, missed, render


@pytest.fixture
async def stub() -> AsyncIterator[tuple[ModelServer, int]]:
    """The stub models in this process, and their port."""
    server, port = ModelServer(), free_port()
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: StubConnection(server), "127.0.0.1", port)
    async with listening:
        yield server, port


class TestStub:
    async def test_keeps_the_delays_of_its_plan_and_says_so(
        self, stub: tuple[ModelServer, int]
    ) -> None:
        server, port = stub
        server.plan = Plan(first_token_seconds=0.05, interval_seconds=0.02, tokens=4)
        # It answers wherever the path ends so; the client of the limit program posts to /chat.
        request = request_bytes("POST", "/v1/chat/completions", {}, orjson.dumps({"stream": True}))
        started = time.monotonic()
        status, body = await Connection(port).send(request)
        elapsed = time.monotonic() - started

        assert status == 200
        assert elapsed >= 0.11
        events = [line[6:] for line in body.splitlines() if line.startswith(b"data: {")]
        text = "".join(
            choice["delta"].get("content", "")
            for event in events
            for choice in orjson.loads(event)["choices"]
        )
        first, *_, last = text.split()
        received, began = (int(number) for number in first.strip("@").split("."))
        assert 0.05e9 <= began - received < 0.11e9
        assert int(last.strip("@")) - received >= 0.11e9

    def test_texts_with_the_same_words_are_alike(self) -> None:
        asked, right, wrong = (embed(text) for text in ("red lamps", "Lamps: red!", "blue doors"))
        assert float(asked @ right) == pytest.approx(1.0)
        assert float(asked @ wrong) < 0.5
        assert float(np.linalg.norm(embed(""))) == pytest.approx(1.0)


class TestLoad:
    async def test_counts_what_fails(self, stub: tuple[ModelServer, int]) -> None:
        chat = LimitChat(stub[1], "token")
        tally = await for_some_time([lambda: chat.ask("", "hello")], seconds=0.1)
        chat.close()
        assert not tally.done
        assert tally.errors.total() >= 1
        assert "404" in next(iter(tally.errors))

    async def test_an_unreachable_port_is_an_error_and_not_the_end(self) -> None:
        chat = LimitChat(free_port(), "token")
        with pytest.raises((OSError, RequestFailed)):
            await chat.ask("", "hello")


class TestFigures:
    def test_quantiles_lie_between_the_values(self) -> None:
        assert median([3, 1, 2]) == 2
        assert median([4, 1]) == 2.5
        assert quantile(range(101), 0.99) == 99
        assert median([]) == 0

    def test_bars_are_reached_or_missed(self) -> None:
        findings = Findings()
        for row in ROWS:
            findings.add(row.key, row.target)
        assert missed(findings) == []
        findings.values["ingest.per_second"] = [10.0]
        findings.values["turn.cpu_ms"] = [40.0, 3.0, 50.0]
        assert missed(findings) == [ROWS[0].name, "ingestion of 4 KiB Markdown"]
        assert sum("MISS" in line for line in render(findings)) == 2

    def test_a_smaller_crowd_is_called_so(self) -> None:
        findings = Findings()
        findings.add("crowd.streams", 300)
        findings.add("crowd.errors", 2)
        assert missed(findings) == ["300 streams at 100/s: errors"]
        shown = "\n".join(render(findings))
        assert "| 300 streams at 100/s: errors | 2.00 | ≤ 0 | MISS |" in shown
        assert "1,000" not in shown

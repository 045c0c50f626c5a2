"""Seeing, replaying and dropping what a service gave up."""

import asyncio
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from redis.asyncio import Redis

from libs.common.events.catalogue.documents import DocumentDeleted
from libs.common.events.dead_letters import bury
from libs.common.events.envelope import EventEnvelope
from libs.common.events.streams import dead_stream_name, stream_name
from libs.common.ids import new_id
from ops import dead_letters
from ops.errors import OpsError

TENANT = UUID("0192aaaa-0000-7000-8000-000000000001")


async def bury_one(redis: Redis, data: bytes | None = None) -> None:
    event = DocumentDeleted(document_id=new_id(), agent_id=new_id())
    envelope = EventEnvelope(
        id=new_id(),
        name=event.event_name,
        version=event.schema_version,
        tenant_id=TENANT,
        aggregate_id=event.document_id,
        aggregate_version=1,
        occurred_at=datetime.now(UTC),
        traceparent=None,
        payload=event.model_dump(mode="json"),
    )
    await bury(
        redis,
        topic="documents",
        group="analytics",
        entry_id=b"1-1",
        data=data or envelope.to_json(),
        deliveries=5,
        reason="ValueError at facts.py:12",
    )


@pytest.fixture
def filled(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of the one dead letter that there is."""
    monkeypatch.setenv("REDIS_URL", redis_url)

    async def fill() -> str:
        async with Redis.from_url(redis_url) as redis:
            await redis.flushdb()
            await bury_one(redis)
            return (await dead_letters.all_of(redis, "documents"))[0].id

    return asyncio.run(fill())


def lengths(redis_url: str) -> tuple[int, int]:
    """Return how many entries the topic has, and how many dead letters."""

    async def count() -> tuple[int, int]:
        async with Redis.from_url(redis_url) as redis:
            alive = await redis.xlen(stream_name("documents"))
            return alive, await redis.xlen(dead_stream_name("documents"))

    return asyncio.run(count())


class TestAllOf:
    async def test_reads_every_page(self, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dead_letters, "MAX_PAGE", 2)
        for _ in range(5):
            await bury_one(redis)

        assert len(await dead_letters.all_of(redis, "documents")) == 5
        assert await dead_letters.all_of(redis, "agents") == []


class TestDescribed:
    async def test_names_the_event_and_not_its_content(self, redis: Redis) -> None:
        await bury_one(redis)
        await bury_one(redis, b"{broken")

        whole, broken = map(dead_letters.described, await dead_letters.all_of(redis, "documents"))

        assert whole["event"] == "document.deleted"
        assert (whole["tenant_id"], whole["service"]) == (str(TENANT), "analytics")
        assert "payload" not in whole
        assert (broken["event"], broken["reason"]) == ("not an event", "ValueError at facts.py:12")


class TestCommands:
    """They run a loop of their own, so the tests are plain functions."""

    def test_list_as_json(self, filled: str, capsys: pytest.CaptureFixture[str]) -> None:
        dead_letters.show(None, as_json=True)

        (letter,) = json.loads(capsys.readouterr().out)
        assert (letter["topic"], letter["id"]) == ("documents", filled)

    def test_list_for_people(self, filled: str, capsys: pytest.CaptureFixture[str]) -> None:
        dead_letters.show("documents", as_json=False)

        shown = capsys.readouterr().out
        assert f"documents {filled}  document.deleted" in shown
        assert "1 dead letters." in shown

    def test_replay_puts_it_back(
        self, filled: str, redis_url: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        dead_letters.replay("documents", [filled], every=False)

        assert capsys.readouterr().out == "1 put back.\n"
        assert lengths(redis_url) == (1, 0)

    def test_drop_forgets_it(
        self, filled: str, redis_url: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        dead_letters.drop("documents", None, every=True)

        assert capsys.readouterr().out == "1 dropped.\n"
        assert lengths(redis_url) == (0, 0)

    @pytest.mark.parametrize(("ids", "every"), [(None, False), (["1-1"], True)])
    def test_wants_ids_or_all(self, filled: str, ids: list[str] | None, *, every: bool) -> None:
        with pytest.raises(OpsError, match="--all"):
            dead_letters.drop("documents", ids, every=every)

    def test_knows_its_topics(self, filled: str) -> None:
        with pytest.raises(OpsError, match="no topic letters"):
            dead_letters.show("letters", as_json=False)

    def test_says_when_redis_is_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")

        with pytest.raises(OpsError, match="Redis"):
            dead_letters.show(None, as_json=False)

"""Writes that carry an `Idempotency-Key`."""

import asyncio
from collections.abc import Callable
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from libs.common.database import PLATFORM_TENANT, DatabaseUnavailable
from libs.common.http import RateLimits
from libs.common.http.idempotency import boundary_of
from libs.common.http.idempotency_keys import KeyRecord
from libs.common.rate_limits import RateLimiter
from libs.common.resources import Resources
from libs.common.security import Scope
from tests.common.http.conftest import Callers, Sample

URL = "/api/v1/note"


@pytest.fixture
def ann(callers: Callers) -> dict[str, str]:
    """The headers of a caller, with a key."""
    return callers.add("ann", Scope.AGENTS_WRITE) | {"idempotency-key": "key-1"}


@pytest.fixture
def state(app: FastAPI) -> Sample:
    """The sample service's state."""
    sample: Sample = app.state.sample
    return sample


class TestReplay:
    async def test_the_same_request_runs_once(
        self, client: httpx.AsyncClient, ann: dict[str, str], state: Sample
    ) -> None:
        first = await client.post(URL, json={"text": "a"}, headers=ann)
        second = await client.post(URL, json={"text": "a"}, headers=ann)

        assert state.runs == 1
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.content == second.content
        assert second.headers["content-type"] == "application/json"
        assert "idempotency-replayed" not in first.headers
        assert second.headers["idempotency-replayed"] == "true"

    async def test_without_a_key_every_request_runs(
        self, client: httpx.AsyncClient, ann: dict[str, str], state: Sample
    ) -> None:
        del ann["idempotency-key"]
        for _ in range(2):
            await client.post(URL, json={"text": "a"}, headers=ann)

        assert state.runs == 2

    async def test_another_request_is_refused(
        self, client: httpx.AsyncClient, ann: dict[str, str], state: Sample
    ) -> None:
        await client.post(URL, json={"text": "a"}, headers=ann)
        other_body = await client.post(URL, json={"text": "b"}, headers=ann)
        other_query = await client.post(f"{URL}?x=1", json={"text": "a"}, headers=ann)

        assert [other_body.status_code, other_query.status_code] == [422, 422]
        assert other_body.json()["code"] == "idempotency_key_reused"
        assert state.runs == 1

    async def test_a_refusal_is_replayed_too(
        self, client: httpx.AsyncClient, ann: dict[str, str]
    ) -> None:
        first = await client.post(URL, json={"stars": 9}, headers=ann)
        second = await client.post(URL, json={"stars": 9}, headers=ann)

        assert (first.status_code, second.status_code) == (400, 400)
        assert second.headers["idempotency-replayed"] == "true"

    async def test_a_failure_is_not(
        self, client: httpx.AsyncClient, ann: dict[str, str], state: Sample
    ) -> None:
        for _ in range(2):
            failed = await client.post(URL, json={"text": "explode"}, headers=ann)
            assert failed.status_code == 500

        assert state.runs == 2

    async def test_the_stored_reply_is_encrypted(
        self,
        client: httpx.AsyncClient,
        ann: dict[str, str],
        callers: Callers,
        resources: Resources,
    ) -> None:
        reply = await client.post(URL, json={"text": "a"}, headers=ann)

        async with resources.database.lean(callers.known["ann"].tenant_id) as connection:
            row = await connection.fetchrow("SELECT status, body FROM idempotency_keys")
        assert row is not None
        assert row["status"] == 201
        assert reply.content not in row["body"]

    @pytest.mark.parametrize("key", ["", "x" * 256, "ümlaut".encode().decode("latin-1")])
    async def test_an_unusable_key_is_refused(
        self, client: httpx.AsyncClient, ann: dict[str, str], state: Sample, key: str
    ) -> None:
        headers = {**ann, "idempotency-key": key}.items()
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        response = await client.post(URL, json={"text": "a"}, headers=raw)

        assert response.status_code == 400
        assert state.runs == 0


class TestOwnership:
    async def test_a_key_belongs_to_its_caller(
        self, client: httpx.AsyncClient, ann: dict[str, str], callers: Callers, state: Sample
    ) -> None:
        bob = callers.add("bob", Scope.AGENTS_WRITE) | {"idempotency-key": "key-1"}

        mine = await client.post(URL, json={"text": "a"}, headers=ann)
        theirs = await client.post(URL, json={"text": "a"}, headers=bob)

        assert mine.json()["tenant"] != theirs.json()["tenant"]
        assert state.runs == 2

    async def test_strangers_are_refused_each_time(
        self, client: httpx.AsyncClient, ann: dict[str, str], state: Sample
    ) -> None:
        stranger = {"idempotency-key": "key-1"}
        await client.post(URL, json={"text": "a"}, headers=ann)

        for _ in range(2):
            refused = await client.post(URL, json={"text": "a"}, headers=stranger)
            assert refused.status_code == 401
            assert "idempotency-replayed" not in refused.headers

    async def test_nothing_is_kept_for_strangers(
        self, client: httpx.AsyncClient, state: Sample, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def claim(_: KeyRecord) -> None:
            raise AssertionError("a stranger has a key")

        monkeypatch.setattr(KeyRecord, "claim", claim)
        stranger = {"idempotency-key": "key-1", "authorization": "Bearer forged"}

        assert (await client.post(URL, json={"text": "a"}, headers=stranger)).status_code == 401

    async def test_callers_nobody_knows_have_keys_by_address(
        self,
        client: httpx.AsyncClient,
        state: Sample,
        resources: Resources,
        make_tenant: Callable[[], UUID],
    ) -> None:
        headers = {"idempotency-key": str(make_tenant())}
        for _ in range(2):
            reply = await client.post(f"{URL}/public", headers=headers)
            assert reply.json() == {"run": 1, "known": False}

        assert state.runs == 1
        async with resources.database.lean(PLATFORM_TENANT) as connection:
            assert await connection.fetchval("SELECT count(*) FROM idempotency_keys") >= 1


class TestLimits:
    async def test_replays_count(
        self,
        client: httpx.AsyncClient,
        ann: dict[str, str],
        resources: Resources,
        state: Sample,
    ) -> None:
        resources.rate_limits = RateLimits(RateLimiter(resources.quick_redis), {"default": "3/60"})

        replies = [await client.post(URL, json={"text": "a"}, headers=ann) for _ in range(5)]

        assert [reply.status_code for reply in replies] == [201, 201, 201, 429, 429]
        assert replies[2].headers["ratelimit-remaining"] == "0"
        assert state.runs == 1


class TestTwins:
    async def test_run_once(
        self, client: httpx.AsyncClient, ann: dict[str, str], state: Sample
    ) -> None:
        state.slow = lambda: asyncio.sleep(0.3)

        replies = await asyncio.gather(
            *(client.post(URL, json={"text": "a"}, headers=ann) for _ in range(5))
        )

        assert state.runs == 1
        assert {reply.json()["run"] for reply in replies} == {1}

    async def test_do_not_wait_for_ever(
        self,
        client: httpx.AsyncClient,
        ann: dict[str, str],
        state: Sample,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("libs.common.http.idempotency_keys.WAIT_SECONDS", 0.2)
        running, release = asyncio.Event(), asyncio.Event()

        async def wait() -> None:
            running.set()
            await release.wait()

        state.slow = wait
        first = asyncio.create_task(client.post(URL, json={"text": "a"}, headers=ann))
        await running.wait()
        twin = await client.post(URL, json={"text": "a"}, headers=ann)
        release.set()

        assert twin.status_code == 409
        assert int(twin.headers["retry-after"]) > 0
        assert (await first).status_code == 201
        replayed = await client.post(URL, json={"text": "a"}, headers=ann)
        assert replayed.headers["idempotency-replayed"] == "true"

    async def test_an_outage_in_the_middle_undoes_nothing(
        self,
        client: httpx.AsyncClient,
        ann: dict[str, str],
        resources: Resources,
        state: Sample,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("libs.common.http.idempotency_keys.RENEW_SECONDS", 0.01)

        def away(tenant_id: UUID) -> None:
            raise DatabaseUnavailable

        async def wait() -> None:
            with monkeypatch.context() as outage:
                outage.setattr(resources.database, "lean", away)
                await asyncio.sleep(0.1)

        state.slow = wait
        replies = [await client.post(URL, json={"text": "a"}, headers=ann) for _ in range(2)]

        assert [reply.status_code for reply in replies] == [201, 201]
        assert state.runs == 1

    async def test_take_over_from_a_process_that_died(
        self,
        client: httpx.AsyncClient,
        ann: dict[str, str],
        callers: Callers,
        resources: Resources,
        state: Sample,
    ) -> None:
        await client.post(URL, json={"text": "a"}, headers=ann)
        async with resources.database.lean(callers.known["ann"].tenant_id) as connection:
            await connection.execute(
                "UPDATE idempotency_keys SET state = 'running',"
                " locked_until = now() - interval '1 s'"
            )

        again = await client.post(URL, json={"text": "a"}, headers=ann)

        assert again.status_code == 201
        assert state.runs == 2


class TestUploads:
    async def test_a_new_boundary_is_the_same_request(
        self, client: httpx.AsyncClient, ann: dict[str, str], state: Sample
    ) -> None:
        content = b"--x\r\n" * 300_000
        for _ in range(2):
            # httpx makes a new boundary for each request, as the clients' retries do.
            reply = await client.post(f"{URL}/upload", files={"file": content}, headers=ann)
            assert reply.json() == {"run": 1, "size": len(content)}
        other = await client.post(f"{URL}/upload", files={"file": b"other"}, headers=ann)

        assert other.status_code == 422

    @pytest.mark.parametrize(
        ("content_type", "boundary"),
        [
            (b"multipart/form-data; boundary=abc", b"abc"),
            (b'Multipart/Form-Data; charset=utf-8; Boundary="a b"', b"a b"),
            (b"application/json", None),
            (b"multipart/form-data", None),
        ],
    )
    def test_the_boundary_is_found(self, content_type: bytes, boundary: bytes | None) -> None:
        assert boundary_of(content_type) == boundary


async def test_without_a_database_nothing_runs(
    client: httpx.AsyncClient,
    ann: dict[str, str],
    resources: Resources,
    state: Sample,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(tenant_id: UUID) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(resources.database, "lean", away)

    reply = await client.post(URL, json={"text": "a"}, headers=ann)

    assert reply.status_code == 503
    assert "retry-after" in reply.headers
    assert state.runs == 0

"""What lies beside the routes: knowing another tenant's ids opens none of it.

Streams, tasks, idempotency keys, caches, counts, and, with a service's own rights in Redis and
PostgreSQL, keys, objects, jobs and events.
"""

import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
import requests
from redis import Redis

from libs.common.events.catalogue.agents import AgentDeleted
from libs.common.events.envelope import EventEnvelope
from libs.common.events.streams import ENTRY_FIELD
from libs.common.ids import new_id
from services.documents.domain.jobs import IndexDocument, PurgeVectors
from tests.flows.platform_keys import environment_of
from tests.platform import Company, Platform, register, wait_for
from tests.tenancy.cast import DOCUMENT_TEXT, finished, told, uploaded

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

TENANT = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# Keys that belong to no tenant, and why.
OF_THE_PLATFORM = (
    r"events:[a-z]+(:dead)?",  # each entry names its tenant
    r"answers",  # the same
    r"arq:[a-z_:-]+",  # "look", to workers
    # Before a tenant is known: by a session's id, and by the hash of a key and its secret.
    r"platform:live-session:" + TENANT,
    r"platform:api-key:[0-9a-f]{64}",
    r"platform:limit:[a-z]+:[0-9a-f:.]+",  # by address
    r"platform:limit:login:(pair|account|address):[0-9a-f:.]+",
)
STREAM = "/api/v1/conversation/{}/messages/stream"


@pytest.fixture(scope="module")
def redis(platform: Platform) -> Iterator[Any]:
    """Redis, as the services reach it."""
    client = Redis.from_url(environment_of(platform, "documents")["REDIS_URL"])
    yield client
    client.close()


@pytest.fixture
async def documents(platform: Platform) -> AsyncIterator[asyncpg.Connection]:
    """PostgreSQL with the rights of the documents service."""
    url = environment_of(platform, "documents")["PRIMARY_DB_URL"]
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))
    yield connection
    await connection.close()


class TestStreams:
    def read(self, company: Company, conversation_id: str, last: str | None) -> requests.Response:
        headers = dict(company.bearer) | ({"Last-Event-ID": last} if last else {})
        path = company.platform.url + STREAM.format(conversation_id)
        return requests.get(path, headers=headers, timeout=30)

    def last_id(self, company: Company, conversation_id: str) -> str:
        found = re.findall(
            r"^id: (.+)$", self.read(company, conversation_id, None).text, re.MULTILINE
        )
        assert found
        return str(found[-1])

    def test_a_foreign_conversation_is_missing(self, globex: Company, ids: dict[str, str]) -> None:
        missing = self.read(globex, str(uuid4()), None)

        assert missing.status_code == 404
        assert told(self.read(globex, ids["conversation_id"], None)) == told(missing)

    def test_nor_does_its_last_event_open_it(
        self, acme: Company, globex: Company, ids: dict[str, str]
    ) -> None:
        last = self.last_id(acme, ids["conversation_id"])

        for event_id in (last, last.split(":")[0], last.split(".")[0]):
            assert self.read(globex, ids["conversation_id"], event_id).status_code == 404

    def test_a_foreign_event_is_like_an_unknown_one(
        self, acme: Company, globex: Company, ids: dict[str, str], own: dict[str, str]
    ) -> None:
        last = self.last_id(acme, ids["conversation_id"])
        answer_id = re.findall(TENANT, last)[0]
        unknown = last.replace(answer_id, str(new_id()))

        foreign, missing = (
            self.read(globex, own["conversation_id"], event_id) for event_id in (last, unknown)
        )

        assert told(foreign) == told(missing)
        assert ids["conversation_id"] not in foreign.text
        assert answer_id not in foreign.text
        assert own["conversation_id"] in foreign.text


class TestTasks:
    def test_those_of_files_are_nobody_elses(self, acme: Company, globex: Company) -> None:
        agent = acme.call("POST", "/api/v1/agent", json={"name": "Files"}).json()["agent"]
        task = acme.call(
            "POST",
            "/api/v1/document/upload",
            data={"agent_id": agent["id"]},
            files={"files": ("task.txt", b"A task is a capability.")},
        ).json()["task_id"]
        finished(acme, task)
        missing = f"{task[0]}{str(uuid4())[1:]}"

        foreign, unknown = (
            globex.call("GET", f"/api/v1/tasks/{one}/status") for one in (task, missing)
        )

        assert foreign.status_code == 404
        assert told(foreign, but=[task]) == told(unknown, but=[missing])

    def test_with_a_key_neither(
        self, platform: Platform, globex: Company, ids: dict[str, str]
    ) -> None:
        path = f"{platform.url}/api/v1/tasks/{ids['task_id']}/status"

        assert requests.get(path, headers=globex.key_headers, timeout=30).status_code == 404

    def test_their_ids_are_random(self, ids: dict[str, str]) -> None:
        assert UUID(ids["task_id"]).version == 4


class TestIdempotencyKeys:
    def test_each_tenant_has_its_own(self, acme: Company, globex: Company) -> None:
        key = {"Idempotency-Key": uuid4().hex}
        made = []
        for company in (acme, globex, acme):
            reply = requests.post(
                f"{company.platform.url}/api/v1/agent",
                headers={**company.bearer, **key},
                json={"name": "Twice"},
                timeout=30,
            )
            assert reply.ok, reply.text
            made.append((reply.json()["agent"], reply.headers.get("idempotency-replayed")))

        first, others, again = made
        assert (first[0]["company_id"], first[1]) == (acme.id, None)
        assert (others[0]["company_id"], others[1]) == (globex.id, None)
        assert (again[0]["id"], again[1]) == (first[0]["id"], "true")

    def test_each_caller_of_a_tenant_too(self, acme: Company) -> None:
        key = {"Idempotency-Key": uuid4().hex}

        replies = [
            requests.post(
                f"{acme.platform.url}/api/v1/agent",
                headers={**credentials, **key},
                json={"name": "Thrice"},
                timeout=30,
            )
            for credentials in (acme.bearer, acme.key_headers)
        ]

        assert replies[0].json()["agent"]["id"] != replies[1].json()["agent"]["id"]


class TestCaches:
    def test_what_is_fresh_for_one_is_missing_for_another(
        self, acme: Company, globex: Company, ids: dict[str, str]
    ) -> None:
        """Agents' profiles, searches and queries are remembered by process, for half a minute."""
        ask = {"agent_id": ids["agent_id"], "query": "How long is the warranty of a kettle?"}
        for _ in range(5):
            own = acme.call("POST", "/api/v1/search/document", json=ask)
            assert "seven years" in own.text

            foreign = globex.call("POST", "/api/v1/search/document", json=ask)

            assert foreign.status_code == 404
            assert "seven years" not in foreign.text
            opened = globex.call("POST", "/api/v1/conversation", json={"agent_id": ids["agent_id"]})
            assert opened.status_code == 404

    def test_the_same_question_finds_ones_own(self, acme: Company, globex: Company) -> None:
        words = {acme.id: "heliotrope", globex.id: "chartreuse"}
        agents = {}
        for company in (acme, globex):
            agent = company.call("POST", "/api/v1/agent", json={"name": "Colours"}).json()
            agents[company.id] = agent["agent"]["id"]
            text = f"The colour of the year is {words[company.id]}."
            uploaded(company, agents[company.id], "colour.txt", text)

        for company, other in ((acme, globex), (globex, acme)) * 2:
            ask = {"agent_id": agents[company.id], "query": "What is the colour of the year?"}
            found = company.call("POST", "/api/v1/search/document", json=ask).text
            assert words[company.id] in found
            assert words[other.id] not in found

    def test_half_of_a_key_that_is_remembered_opens_nothing(
        self, platform: Platform, acme: Company, globex: Company
    ) -> None:
        for company in (acme, globex):
            path = f"{platform.url}/api/v1/agent"
            assert requests.get(path, headers=company.key_headers, timeout=30).ok
        mixed = {"X-API-Key": acme.api_key, "X-API-Secret": globex.api_secret}

        reply = requests.get(f"{platform.url}/api/v1/agent", headers=mixed, timeout=30)

        assert reply.status_code == 401


class TestCounts:
    def test_calls_are_counted_for_who_made_them(self, platform: Platform, acme: Company) -> None:
        fresh = register(platform, "Fresh")
        for _ in range(7):
            assert fresh.call("GET", "/api/v1/providers").ok
            assert acme.call("GET", "/api/v1/providers").ok
            assert acme.call("GET", "/api/v1/agent").ok

        def providers(counts: Mapping[str, int]) -> list[int]:
            return [counts[one] for one in counts if one.endswith("/api/v1/providers")]

        def counted() -> Any:
            rows = fresh.call("GET", "/api/v1/analytic/usage").json()["endpoint_usage"]
            counts = {row["endpoint"]: row["call_count"] for row in rows}
            # They are told every few seconds, so perhaps not all at once.
            return counts if sum(providers(counts)) >= 7 else None

        counts = wait_for(counted, seconds=30, what="the calls counted")

        assert providers(counts) == [7]
        assert not [one for one in counts if one.endswith("/api/v1/agent")]


class TestRedis:
    def test_every_key_begins_with_its_tenant(
        self, acme: Company, globex: Company, ids: dict[str, str], redis: Any
    ) -> None:
        seen: set[str] = set()
        until = time.monotonic() + 2
        while time.monotonic() < until:
            for company in (acme, globex):
                company.call("GET", "/api/v1/agent")
                requests.get(
                    f"{company.platform.url}/api/v1/document",
                    headers=company.key_headers,
                    timeout=30,
                )
            seen |= {key.decode() for key in redis.scan_iter(count=1000)}
        known = "|".join((rf"{TENANT}:.+", *OF_THE_PLATFORM))

        assert [key for key in seen if not re.fullmatch(known, key)] == []
        assert any(key.startswith("platform:live-session:") for key in seen)

    def test_every_entry_of_a_shared_stream_names_its_tenant(
        self, ids: dict[str, str], redis: Any
    ) -> None:
        streams = [key for key in redis.scan_iter("events:*") if redis.type(key) == b"stream"]
        assert len(streams) > 3
        for stream in streams:
            for _, fields in redis.xrange(stream, count=1000):
                envelope = orjson.loads(fields[ENTRY_FIELD])
                assert re.fullmatch(TENANT, envelope["tenant_id"])
                # Ids and numbers, and no content: whoever reads along learns nothing.
                assert DOCUMENT_TEXT not in str(envelope)
        for _, fields in redis.xrange("answers"):
            assert re.fullmatch(TENANT, fields[b"tenant_id"].decode())


class TestObjects:
    def test_each_lies_below_its_tenant_and_is_unreadable(
        self, platform: Platform, acme: Company, ids: dict[str, str]
    ) -> None:
        folder: Path = platform.home / "objects"
        files = [path for path in folder.rglob("*") if path.is_file()]

        places = [path.relative_to(folder).parts for path in files]
        # What proves something of tenants to others outlives them.
        of_tenants = [parts for parts in places if parts[0] != "platform"]
        assert {parts[1] for parts in places if parts[0] == "platform"} <= {
            "audit-heads",
            "erasures",
        }
        assert all(re.fullmatch(TENANT, parts[0]) for parts in of_tenants)
        assert any(path.relative_to(folder).parts[0] == acme.id for path in files)
        assert not [path for path in files if b"kettle" in path.read_bytes().lower()]


class TestJobsAndEvents:
    async def test_a_job_reaches_its_own_tenants_things_only(
        self,
        acme: Company,
        globex: Company,
        ids: dict[str, str],
        documents: asyncpg.Connection,
    ) -> None:
        """Even a job that names another tenant's document, however it came to be."""
        jobs = [
            kind(document_id=UUID(ids["document_id"]), version=version)
            for kind in (PurgeVectors, IndexDocument)
            for version in (1, 2)
        ]
        async with documents.transaction():
            await documents.execute("SELECT set_config('app.tenant_id', $1, true)", globex.id)
            for job in jobs:
                await documents.execute(
                    "INSERT INTO documents.jobs (tenant_id, id, kind, payload, max_attempts)"
                    " VALUES ($1, $2, $3, $4, 1)",
                    UUID(globex.id),
                    new_id(),
                    job.kind,
                    job.model_dump_json(),
                )
        before = acme.call("GET", f"/api/v1/document/{ids['document_id']}").json()

        async def left() -> int:
            async with documents.transaction():
                await documents.execute("SELECT set_config('app.tenant_id', $1, true)", globex.id)
                count: int = await documents.fetchval(
                    "SELECT count(*) FROM documents.jobs WHERE state IN ('queued', 'running')"
                )
                return count

        give_up_at = time.monotonic() + 60
        while await left():
            assert time.monotonic() < give_up_at, "the jobs were not done"

        ask = {"agent_id": ids["agent_id"], "query": "How long is the warranty of a kettle?"}
        assert acme.call("GET", f"/api/v1/document/{ids['document_id']}").json() == before
        assert "seven years" in acme.call("POST", "/api/v1/search/document", json=ask).text

    async def test_nor_can_one_be_put_into_anothers_line(
        self, acme: Company, globex: Company, documents: asyncpg.Connection
    ) -> None:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            async with documents.transaction():
                await documents.execute("SELECT set_config('app.tenant_id', $1, true)", globex.id)
                await documents.execute(
                    "INSERT INTO documents.jobs (tenant_id, id, kind, payload)"
                    " VALUES ($1, $2, 'documents.index', '{}')",
                    UUID(acme.id),
                    new_id(),
                )

    def test_an_event_counts_for_its_own_tenant_only(
        self, platform: Platform, acme: Company, redis: Any
    ) -> None:
        """Even one that names another tenant's agent, however it came onto the stream."""
        own, stranger = register(platform, "Own"), register(platform, "Stranger")
        agent = own.call("POST", "/api/v1/agent", json={"name": "Kept"}).json()["agent"]["id"]
        dashboard = "/api/v1/analytic/dashboard"
        wait_for(
            lambda: agents_counted(own.call("GET", dashboard).json()) == 1,
            seconds=30,
            what="the agent counted",
        )
        forged = AgentDeleted(agent_id=UUID(agent))
        envelope = EventEnvelope(
            id=new_id(),
            name=forged.event_name,
            version=forged.schema_version,
            tenant_id=UUID(stranger.id),
            aggregate_id=UUID(agent),
            aggregate_version=10**6,
            occurred_at=EventEnvelope.from_json(
                redis.xrevrange("events:agents", count=1)[0][1][ENTRY_FIELD]
            ).occurred_at,
            traceparent=None,
            payload=forged.model_dump(mode="json"),
        )
        redis.xadd("events:agents", {ENTRY_FIELD: envelope.to_json()})
        # What came after it has been read once it is counted.
        later = own.call("POST", "/api/v1/agent", json={"name": "Later"})
        assert later.ok

        wait_for(
            lambda: agents_counted(own.call("GET", dashboard).json()) == 2,
            seconds=30,
            what="both agents counted",
        )
        assert own.call("GET", f"/api/v1/agent/{agent}/stats").status_code == 200


def agents_counted(dashboard: Mapping[str, Any]) -> int:
    """Return how many agents analytics knows of."""
    return int(dashboard["core_metrics"]["agent_count"])

"""Telling webhooks: everything that is to be told, signed, until it is taken or given up."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest
from aiohttp import web
from redis.asyncio import Redis

from libs.common.events.relay import Relay
from libs.common.http.outbound import Outbound
from libs.common.jobs.runner import JobRunner
from libs.common.outbound import OutboundPolicy
from services.conversations.adapters.webhook_calls import WebhookCalls
from services.conversations.domain.webhooks import MAX_TRIES, DeliverWebhook
from services.conversations.repositories.webhook_feed import WebhookFeed
from services.conversations.wiring import Wiring
from services.conversations.workers.jobs import WebhookJobs
from services.conversations.workers.purge import PurgeLoop
from tests.conversations.cast import Company
from tests.conversations.endpoints.test_webhooks import URL, created
from tests.conversations.leads import register

Json = dict[str, Any]


@dataclass
class Receiver:
    """A company's own server; `codes` is used up call by call, its last entry stays."""

    codes: list[int] = field(default_factory=lambda: [200])
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    seconds: float = 0
    url: str = ""

    @property
    def bodies(self) -> list[Json]:
        return [orjson.loads(body) for _, body in self.calls]

    async def hear(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.calls.append((headers, await request.read()))
        await asyncio.sleep(self.seconds)
        code = self.codes.pop(0) if len(self.codes) > 1 else self.codes[0]
        moved = {"location": f"{self.url}?moved"} if code in {301, 302, 307} else {}
        return web.Response(status=code, headers=moved)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A server that takes what it is told."""
    made = Receiver()
    app = web.Application()
    app.router.add_post("/hook", made.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """The operator vouches for the receiver."""
    return {**environment, "TRUSTED_WEBHOOK_HOSTS": "127.0.0.1"}


@dataclass
class Telling:
    """What a worker does: publishes, and tells."""

    relay: Relay
    runner: JobRunner
    wiring: Wiring

    async def all(self) -> None:
        """Publish and tell until nothing is due."""
        while await self.relay.publish():
            pass
        await self.runner.drain()

    async def later(self, company: Company) -> None:
        """Tell what is to be told again, as if it were due."""
        async with self.wiring.database.lean(company.id) as connection:
            await connection.execute("UPDATE jobs SET run_at = now() WHERE state = 'queued'")
        await self.runner.drain()


def runner_of(wiring: Wiring, redis: Redis) -> JobRunner:
    """Return one worker's hands."""
    jobs = WebhookJobs(wiring)
    return JobRunner(
        wiring.database, redis, "test-webhooks", jobs.by_kind, on_failed=jobs.on_failed
    )


@pytest.fixture
async def telling(wiring: Wiring, redis: Redis) -> Telling:
    """A worker's relay and hands."""
    feed = WebhookFeed(wiring.database)
    relay = Relay(wiring.database, redis, "conversations", topics=("handoffs",), hears=feed)
    return Telling(relay, runner_of(wiring, redis), wiring)


async def log_of(
    client: httpx.AsyncClient, company: Company, webhook_id: str, **query: str
) -> list[Json]:
    """Return what a webhook was told, newest first."""
    reply = await client.get(f"{URL}/{webhook_id}/delivery", params=query, headers=company.admin)
    assert reply.status_code == 200, reply.text
    found: list[Json] = reply.json()["deliveries"]
    return found


def is_signed(call: tuple[dict[str, str], bytes], secret: str) -> bool:
    """Check a signature as a receiver does, with nothing of ours."""
    headers, body = call
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    wanted = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return f"v1,{wanted}" in headers["webhook-signature"].split()


class TestTelling:
    async def test_sends_what_is_wanted_and_nothing_of_others(
        self,
        client: httpx.AsyncClient,
        acme: Company,
        globex: Company,
        receiver: Receiver,
        telling: Telling,
    ) -> None:
        made = await created(client, acme, url=receiver.url, events=["lead.registered"])
        lead = await register(client, acme)
        await register(client, globex)
        await client.put(f"/api/v1/lead/{lead['id']}", json={"status": "lost"}, headers=acme.admin)

        await telling.all()
        await telling.all()

        (call,) = receiver.calls
        assert is_signed(call, made["secret"])
        (body,) = receiver.bodies
        assert body["type"] == "lead.registered"
        # No name and no address, unless that is asked for.
        assert body["data"] == {"lead_id": lead["id"], "agent_id": str(acme.agent_id)}
        (entry,) = await log_of(client, acme, made["webhook"]["id"])
        assert (entry["status"], entry["attempts"]) == ("delivered", 1)
        assert (entry["response_code"], entry["error"]) == (200, None)
        assert entry["event_id"] == body["id"] == call[0]["webhook-id"]

    async def test_says_who_a_lead_is_where_that_is_wanted_and_they_are_still_there(
        self, client: httpx.AsyncClient, acme: Company, receiver: Receiver, telling: Telling
    ) -> None:
        await created(
            client, acme, url=receiver.url, events=["lead.registered"], personal_data=True
        )
        await register(client, acme)
        await telling.all()
        gone = await register(client, acme, email="gone@visitor.example.com")
        await client.delete(f"/api/v1/lead/{gone['id']}", headers=acme.admin)
        await telling.all()
        known, unknown = receiver.bodies
        assert known["data"]["lead"]["email"] == "ada@visitor.example.com"
        assert "lead" not in unknown["data"]

    async def test_signs_with_the_old_secret_too_for_a_day(
        self, client: httpx.AsyncClient, acme: Company, receiver: Receiver, telling: Telling
    ) -> None:
        made = await created(client, acme, url=receiver.url)
        own = f"{URL}/{made['webhook']['id']}"
        new = (await client.post(f"{own}/secret", headers=acme.admin)).json()["secret"]
        await client.post(f"{own}/test", headers=acme.admin)
        await telling.all()
        async with telling.wiring.database.lean(acme.id) as connection:
            await connection.execute("UPDATE webhooks SET previous_until = now()")
        await client.post(f"{own}/test", headers=acme.admin)
        await telling.all()
        during, after = receiver.calls
        assert is_signed(during, made["secret"])
        assert is_signed(during, new)
        assert is_signed(after, new)
        assert not is_signed(after, made["secret"])

    async def test_that_two_begin_is_noted_once(
        self,
        client: httpx.AsyncClient,
        acme: Company,
        receiver: Receiver,
        wiring: Wiring,
        redis: Redis,
    ) -> None:
        made = await created(client, acme, url=receiver.url)
        own = f"{URL}/{made['webhook']['id']}"
        receiver.codes, receiver.seconds = [500], 0.3
        tested = (await client.post(f"{own}/test", headers=acme.admin)).json()["delivery"]
        job = DeliverWebhook(delivery_id=UUID(tested["id"]), attempt=0)
        # As when a worker is taken for dead while it waits for the reply.
        await asyncio.gather(*(wiring.send_webhook(acme.id, job) for _ in range(3)))
        # Whoever has the job later finds it done.
        await wiring.send_webhook(acme.id, job)
        await runner_of(wiring, redis).drain()
        (entry,) = await log_of(client, acme, made["webhook"]["id"])
        assert (entry["attempts"], len(receiver.calls)) == (1, 3)
        assert len({headers["webhook-id"] for headers, _ in receiver.calls}) == 1


class TestFailing:
    async def test_is_tried_again_under_the_same_id(
        self, client: httpx.AsyncClient, acme: Company, receiver: Receiver, telling: Telling
    ) -> None:
        made = await created(client, acme, url=receiver.url)
        receiver.codes = [500, 302, 204]
        await register(client, acme)

        await telling.all()
        (entry,) = await log_of(client, acme, made["webhook"]["id"])
        assert (entry["status"], entry["response_code"]) == ("pending", 500)
        assert entry["next_attempt_at"] > entry["last_attempt_at"]
        await telling.later(acme)
        # A redirect is not followed.
        (entry,) = await log_of(client, acme, made["webhook"]["id"])
        assert (entry["status"], entry["response_code"]) == ("pending", 302)
        assert len(receiver.calls) == 2
        await telling.later(acme)
        await telling.later(acme)

        (entry,) = await log_of(client, acme, made["webhook"]["id"], status="delivered")
        assert (entry["attempts"], entry["next_attempt_at"]) == (3, None)
        assert len({headers["webhook-id"] for headers, _ in receiver.calls}) == 1
        shown = await client.get(f"{URL}/{made['webhook']['id']}", headers=acme.admin)
        assert shown.json()["webhook"]["failing_since"] is None

    async def test_for_a_day_switches_it_off_until_it_is_switched_on(
        self, client: httpx.AsyncClient, acme: Company, receiver: Receiver, telling: Telling
    ) -> None:
        made = await created(client, acme, url=receiver.url)
        own = f"{URL}/{made['webhook']['id']}"
        receiver.codes = [503]
        await register(client, acme)
        await telling.all()
        for _ in range(MAX_TRIES - 2):
            await telling.later(acme)
        async with telling.wiring.database.lean(acme.id) as connection:
            await connection.execute("UPDATE webhooks SET failing_since = now() - interval '1 day'")
        (entry,) = await log_of(client, acme, made["webhook"]["id"])
        assert (entry["status"], entry["attempts"]) == ("pending", MAX_TRIES - 1)
        await telling.later(acme)

        (entry,) = await log_of(client, acme, made["webhook"]["id"])
        assert (entry["status"], len(receiver.calls)) == ("failed", MAX_TRIES)
        webhook = (await client.get(own, headers=acme.admin)).json()["webhook"]
        assert webhook["enabled"] is False
        assert "day" in webhook["disabled_because"]
        # It hears of nothing more, though somebody may look whether it works again.
        await register(client, acme, email="later@visitor.example.com")
        receiver.codes = [200]
        await client.post(f"{own}/test", headers=acme.admin)
        await telling.all()
        assert receiver.bodies[-1]["type"] == "webhook.test"
        assert len(receiver.calls) == MAX_TRIES + 1
        async with telling.wiring.database.lean(acme.id) as connection:
            told = await connection.fetchval(
                "SELECT count(*) FROM outbox WHERE payload->>'status' = 'disabled'"
            )
        assert told == 1

        await client.patch(own, json={"enabled": True}, headers=acme.admin)
        again = f"{own}/delivery/{entry['id']}/redeliver"
        assert (await client.post(again, headers=acme.admin)).status_code == 202
        assert (await client.post(again, headers=acme.admin)).status_code == 409
        await telling.all()
        assert receiver.bodies[-1]["id"] == entry["event_id"]
        (_, entry) = await log_of(client, acme, made["webhook"]["id"])
        assert (entry["status"], entry["attempts"]) == ("delivered", MAX_TRIES + 1)

    async def test_for_good_switches_it_off_at_once(
        self, client: httpx.AsyncClient, acme: Company, receiver: Receiver, telling: Telling
    ) -> None:
        made = await created(client, acme, url=receiver.url)
        receiver.codes = [410]
        await register(client, acme)
        await telling.all()
        own = f"{URL}/{made['webhook']['id']}"
        assert (await client.get(own, headers=acme.admin)).json()["webhook"]["enabled"] is False
        (entry,) = await log_of(client, acme, made["webhook"]["id"])
        assert (entry["status"], entry["attempts"]) == ("failed", 1)

    async def test_of_one_that_is_switched_off_meanwhile_ends(
        self, client: httpx.AsyncClient, acme: Company, receiver: Receiver, telling: Telling
    ) -> None:
        made = await created(client, acme, url=receiver.url)
        receiver.codes = [500]
        await register(client, acme)
        await telling.all()
        own = f"{URL}/{made['webhook']['id']}"
        await client.patch(own, json={"enabled": False}, headers=acme.admin)
        await telling.later(acme)
        (entry,) = await log_of(client, acme, made["webhook"]["id"])
        assert (entry["status"], len(receiver.calls)) == ("failed", 1)
        assert "switched off" in entry["error"]


class TestRepublishing:
    async def test_tells_nothing_twice(
        self, client: httpx.AsyncClient, acme: Company, receiver: Receiver, telling: Telling
    ) -> None:
        await created(client, acme, url=receiver.url)
        await register(client, acme)
        await telling.all()
        async with telling.wiring.database.lean(acme.id) as connection:
            await connection.execute("UPDATE outbox SET published_at = NULL")
        await telling.all()
        assert len(receiver.calls) == 1

    async def test_tells_nothing_from_before_there_was_a_webhook(
        self, client: httpx.AsyncClient, acme: Company, receiver: Receiver, telling: Telling
    ) -> None:
        await register(client, acme)
        await telling.all()
        await created(client, acme, url=receiver.url)
        # As when Redis has lost what was published.
        async with telling.wiring.database.lean(acme.id) as connection:
            await connection.execute("UPDATE outbox SET published_at = NULL")
        await telling.all()
        assert receiver.calls == []


class TestLog:
    async def test_is_thrown_away_after_a_month(
        self, client: httpx.AsyncClient, acme: Company, receiver: Receiver, telling: Telling
    ) -> None:
        made = await created(client, acme, url=receiver.url)
        for _ in range(2):
            await client.post(f"{URL}/{made['webhook']['id']}/test", headers=acme.admin)
        await telling.all()
        (kept, old) = await log_of(client, acme, made["webhook"]["id"])
        async with telling.wiring.database.lean(acme.id) as connection:
            await connection.execute(
                "UPDATE webhook_deliveries SET created_at = now() - interval '31 days'"
                " WHERE id = $1",
                UUID(old["id"]),
            )
        await PurgeLoop(telling.wiring.database).purge()
        (left,) = await log_of(client, acme, made["webhook"]["id"])
        assert left["id"] == kept["id"]


class TestGuard:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254"])
    async def test_keeps_calls_out_of_private_networks(self, host: str) -> None:
        async with Outbound.open(OutboundPolicy(allow_private=False)) as outbound:
            outcome = await WebhookCalls(outbound)(f"http://{host}/", b"{}", {})
        assert outcome.code is None
        assert outcome.error is not None
        assert "private network" in outcome.error

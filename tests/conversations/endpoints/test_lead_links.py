"""Links in mails that bring leads back to what they said before, and what becomes of old ones."""

from uuid import UUID

import httpx
import pytest

from libs.common.errors import RateLimited
from libs.common.jobs import JobContext
from services.conversations.domain.leads import SendLeadLink
from services.conversations.wiring import Wiring
from services.conversations.workers.jobs import JobHandlers
from services.conversations.workers.purge import PurgeLoop
from tests.conversations.cast import Company
from tests.conversations.leads import opened, reaches, register
from tests.conversations.peers import Peers


class TestLinks:
    async def test_a_mailed_link_opens_what_was_said_before_once(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers, wiring: Wiring
    ) -> None:
        peers.sites[acme.agent_id] = ["https://shop.example.com"]
        first = await register(client, acme)
        conversation_id = await opened(client, acme, first)
        body = {
            "agent_id": str(acme.agent_id),
            "email": "ada@visitor.example.com",
            "page_url": "https://shop.example.com/help?x=1#old",
        }
        reply = await client.post("/api/v1/lead/link", json=body)
        assert reply.status_code == 200
        await mail_links(wiring, acme)

        (mail,) = peers.mails
        assert mail["recipient"] == "ada@visitor.example.com"
        page, _, token = mail["address"].partition("#knowrithm-chat=")
        resume = {"agent_id": str(acme.agent_id), "token": token}
        back = await client.post("/api/v1/lead/resume", json=resume)
        again = await client.post("/api/v1/lead/resume", json=resume)

        assert page == "https://shop.example.com/help?x=1"
        assert back.status_code == 200, back.text
        assert back.json()["conversation_id"] == conversation_id
        assert await reaches(client, conversation_id, back.json())
        # The visit that it was begun in has not shown whose it is.
        assert not await reaches(client, conversation_id, first)
        assert again.status_code == 400

    async def test_does_not_tell_who_is_known_and_mails_nobody_else(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers, wiring: Wiring
    ) -> None:
        await register(client, acme)
        body = {"agent_id": str(acme.agent_id), "email": "stranger@visitor.example.com"}
        unknown = await client.post("/api/v1/lead/link", json=body)
        known = await client.post(
            "/api/v1/lead/link", json={**body, "email": "ada@visitor.example.com"}
        )
        await mail_links(wiring, acme)

        assert unknown.json() == known.json()
        assert [mail["recipient"] for mail in peers.mails] == ["ada@visitor.example.com"]

    async def test_leads_to_no_page_that_the_company_has_not_named(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers, wiring: Wiring
    ) -> None:
        await register(client, acme)
        body = {
            "agent_id": str(acme.agent_id),
            "email": "ada@visitor.example.com",
            "page_url": "https://evil.test/",
        }
        await client.post("/api/v1/lead/link", json=body)
        await mail_links(wiring, acme)

        assert peers.mails[0]["address"].startswith(f"{wiring.settings.public_url}/api/v1/test?")

    async def test_a_failure_does_not_use_the_link_up(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers, wiring: Wiring
    ) -> None:
        first = await register(client, acme)
        conversation_id = await opened(client, acme, first)
        body = {"agent_id": str(acme.agent_id), "email": "ada@visitor.example.com"}
        await client.post("/api/v1/lead/link", json=body)
        await mail_links(wiring, acme)
        token = peers.mails[0]["address"].partition("#knowrithm-chat=")[2]
        resume = {"agent_id": str(acme.agent_id), "token": token}

        peers.auth_down = True
        failed = await client.post("/api/v1/lead/resume", json=resume)
        assert failed.status_code == 503
        assert await reaches(client, conversation_id, first)
        peers.auth_down = False
        back = await client.post("/api/v1/lead/resume", json=resume)

        assert back.status_code == 200, back.text
        assert await reaches(client, conversation_id, back.json())

    async def test_an_address_is_not_flooded_from_many_places(
        self, client: httpx.AsyncClient, acme: Company, wiring: Wiring
    ) -> None:
        await register(client, acme)
        agent = acme.agent_id
        for email in ("Ada@visitor.example.com", "stranger@visitor.example.com"):
            for _ in range(5):
                await wiring.leads.request_link(email, agent_id=agent, page=None, origin=None)
            with pytest.raises(RateLimited):
                await wiring.leads.request_link(email, agent_id=agent, page=None, origin=None)

    async def test_a_link_of_another_company_is_none(
        self,
        client: httpx.AsyncClient,
        acme: Company,
        globex: Company,
        peers: Peers,
        wiring: Wiring,
    ) -> None:
        await register(client, acme)
        body = {"agent_id": str(acme.agent_id), "email": "ada@visitor.example.com"}
        await client.post("/api/v1/lead/link", json=body)
        await mail_links(wiring, acme)
        token = peers.mails[0]["address"].partition("#knowrithm-chat=")[2]

        reply = await client.post(
            "/api/v1/lead/resume", json={"agent_id": str(globex.agent_id), "token": token}
        )

        assert reply.status_code == 400
        assert reply.json()["code"] == "link_invalid"


class TestPurge:
    async def test_throws_away_what_has_run_out_and_nothing_else(
        self, client: httpx.AsyncClient, acme: Company, wiring: Wiring
    ) -> None:
        old = await register(client, acme)
        conversation_id = await opened(client, acme, old)
        late = await register(client, acme)
        # Something stands in its place for this visit, and goes with it.
        assert not await reaches(client, conversation_id, late)
        async with wiring.database.lean(acme.id) as connection:
            await connection.execute(
                "UPDATE lead_visits SET expires_at = now() - interval '1 second'"
                " WHERE tenant_id = $1 AND id = $2",
                acme.id,
                UUID(late["access_token"].rpartition(":")[2]),
            )

        await PurgeLoop(wiring.database).purge()

        async with wiring.database.lean(acme.id) as connection:
            visits = await connection.fetch(
                "SELECT id FROM lead_visits WHERE tenant_id = $1", acme.id
            )
            instead = await connection.fetchval(
                "SELECT count(*) FROM lead_continuations WHERE tenant_id = $1", acme.id
            )
        assert [str(row["id"]) for row in visits] == [old["access_token"].rpartition(":")[2]]
        assert instead == 0


async def mail_links(wiring: Wiring, company: Company) -> None:
    """Do the jobs that wait, as the worker does."""
    async with wiring.database.lean(company.id) as connection:
        rows = await connection.fetch(
            "SELECT id, payload FROM jobs WHERE tenant_id = $1 AND kind = 'send_lead_link'",
            company.id,
        )
    for row in rows:
        job = SendLeadLink.model_validate_json(row["payload"])
        context = JobContext(
            wiring.database,
            tenant_id=company.id,
            job_id=row["id"],
            attempt=1,
            max_attempts=8,
            owner="test",
            lease_seconds=10,
        )
        await JobHandlers(wiring).send_lead_link(job, context)

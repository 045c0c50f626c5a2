"""What auth asks of analytics."""

from datetime import timedelta

import httpx
import pytest

from libs.common.events.catalogue.conversations import (
    ConversationDeleted,
    LeadDeleted,
    LeadRegistered,
    LeadUpdated,
)
from libs.common.ids import new_id
from libs.common.security import ServiceTokens
from tests.analytics.conftest import NOW, Company
from tests.analytics.story import answer, opening, question
from tests.conftest import ServiceEnvironment

FIGURES = "/internal/company-figures"


def tokens_of(service: str, service_environment: ServiceEnvironment) -> ServiceTokens:
    keys = service_environment(service)
    return ServiceTokens(service, private_pem=keys["SERVICE_KEY"], jwks_json=keys["SERVICE_JWKS"])


@pytest.fixture
def auth(service_environment: ServiceEnvironment) -> ServiceTokens:
    """The identity of auth."""
    return tokens_of("auth", service_environment)


def headers_for(company: Company, tokens: ServiceTokens) -> dict[str, str]:
    return {
        "authorization": f"Bearer {tokens.token_for('analytics')}",
        "x-tenant-id": str(company.id),
    }


class TestFigures:
    async def test_are_for_auth_only(
        self, client: httpx.AsyncClient, acme: Company, service_environment: ServiceEnvironment
    ) -> None:
        agents = tokens_of("agents", service_environment)

        stranger = await client.get(FIGURES)
        person = await client.get(FIGURES, headers=acme.bearer)
        other = await client.get(FIGURES, headers=headers_for(acme, agents))

        statuses = [reply.status_code for reply in (stranger, person, other)]
        assert statuses == [401, 401, 403]

    async def test_count_the_company_that_is_asked_about(
        self, client: httpx.AsyncClient, acme: Company, globex: Company, auth: ServiceTokens
    ) -> None:
        await acme.hears(*opening(acme), question(acme), answer(acme))

        own = (await client.get(FIGURES, headers=headers_for(acme, auth))).json()
        foreign = (await client.get(FIGURES, headers=headers_for(globex, auth))).json()

        assert own == {
            "agents": 1,
            "conversations": 1,
            "questions": 1,
            "documents": 1,
            "storage_bytes": 4096,
            "recent_answers": 1,
            "recent_tokens": 110,
            "active_conversations": 1,
            "recent_leads": 0,
            "recent_qualified_leads": 0,
            "recent_converted_leads": 0,
        }
        assert set(foreign.values()) == {0}

    async def test_what_is_recent_is_asked_for(
        self, client: httpx.AsyncClient, acme: Company, auth: ServiceTokens
    ) -> None:
        await acme.hears(*opening(acme))
        await acme.hears(question(acme), answer(acme), at=NOW - timedelta(days=10))

        async def active(days: int) -> tuple[int, int]:
            reply = await client.get(
                FIGURES, params={"days": days}, headers=headers_for(acme, auth)
            )
            body = reply.json()
            return body["active_conversations"], body["recent_answers"]

        assert (await active(9), await active(11)) == ((0, 0), (1, 1))
        gone = ConversationDeleted(conversation_id=acme.conversation_id, agent_id=acme.agent_id)
        await acme.hears(gone)
        assert await active(11) == (0, 1)

    async def test_leads_are_counted_by_what_became_of_them(
        self, client: httpx.AsyncClient, acme: Company, globex: Company, auth: ServiceTokens
    ) -> None:
        first, second, third, gone = (new_id() for _ in range(4))
        minute = timedelta(minutes=1)
        # What became of the first is heard of before the first itself, and its end before that.
        await acme.hears(LeadUpdated(lead_id=first, status="converted"), at=NOW - minute)
        await acme.hears(LeadUpdated(lead_id=first, status="new"), at=NOW - 2 * minute)
        await acme.hears(LeadDeleted(lead_id=gone), at=NOW - minute)
        for lead in (first, second, gone):
            await acme.hears(LeadRegistered(lead_id=lead, agent_id=None), at=NOW - 3 * minute)
        await acme.hears(LeadUpdated(lead_id=second, status="qualified"), at=NOW - minute)
        await acme.hears(LeadRegistered(lead_id=third, agent_id=None), at=NOW - timedelta(days=10))

        async def leads(company: Company, days: int) -> tuple[int, int, int]:
            reply = await client.get(
                FIGURES, params={"days": days}, headers=headers_for(company, auth)
            )
            figures = reply.json()
            return (
                figures["recent_leads"],
                figures["recent_qualified_leads"],
                figures["recent_converted_leads"],
            )

        assert await leads(acme, 9) == (2, 2, 1)
        assert await leads(acme, 11) == (3, 2, 1)
        assert await leads(globex, 11) == (0, 0, 0)

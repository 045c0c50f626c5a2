"""Counters that follow other services' events."""

from uuid import UUID, uuid4

from libs.common.database.models import utc_now
from libs.common.events import Event, EventEnvelope
from libs.common.events.catalogue.auth import TenantClosed, TenantReopened
from libs.common.events.catalogue.conversations import (
    AnswerCompleted,
    ConversationDeleted,
    ConversationStarted,
    MessagePosted,
)
from libs.common.events.catalogue.documents import DocumentDeleted, DocumentIndexed
from libs.common.events.delivery import Delivered, Delivery
from services.agents.workers.events import HANDLERS
from tests.agents.cast import Company, Json


def delivered(
    event: Event, tenant_id: UUID, *, about: UUID | None = None, version: int = 0
) -> Delivered:
    """Wrap an event as it comes out of a stream."""
    envelope = EventEnvelope(
        id=uuid4(),
        name=event.event_name,
        version=1,
        tenant_id=tenant_id,
        aggregate_id=about,
        aggregate_version=version,
        occurred_at=utc_now(),
        traceparent=None,
        payload=event.model_dump(mode="json"),
    )
    return Delivered(event, envelope)


class TestCounters:
    async def test_count_every_event_once_in_any_order(
        self, acme: Company, globex: Company
    ) -> None:
        agent_id = UUID((await acme.create_agent())["id"])
        one, other = uuid4(), uuid4()
        answer = AnswerCompleted(
            answer_id=uuid4(),
            conversation_id=one,
            agent_id=agent_id,
            mode="generated",
            prompt_tokens=1,
            completion_tokens=1,
            cost_micros=0,
            duration_ms=300,
            citation_count=0,
        )
        # The deletion of one overtakes its beginning.
        gone = ConversationDeleted(conversation_id=one, agent_id=agent_id)
        events = [
            delivered(gone, acme.id, about=one, version=2),
            delivered(
                ConversationStarted(conversation_id=one, agent_id=agent_id),
                acme.id,
                about=one,
                version=1,
            ),
            delivered(
                ConversationStarted(conversation_id=other, agent_id=agent_id),
                acme.id,
                about=other,
                version=1,
            ),
            delivered(
                MessagePosted(message_id=uuid4(), conversation_id=one, agent_id=agent_id), acme.id
            ),
            delivered(answer, acme.id),
        ]
        delivery = Delivery(acme.resources.database, "agents", HANDLERS)
        await delivery.deliver(acme.id, events)
        await delivery.deliver(acme.id, events)
        stats = await acme.send("GET", f"/agent/{agent_id}/stats")
        assert stats["total_conversations"] == 2
        assert stats["active_conversations"] == 1
        assert stats["total_messages"] == 2
        assert stats["average_response_time_ms"] == 300
        shown = await acme.send("GET", f"/agent/{agent_id}")
        assert shown["agent"]["total_conversations"] == 2

    async def test_count_a_document_once_however_often_it_is_indexed(self, acme: Company) -> None:
        agent_id, document_id = UUID((await acme.create_agent())["id"]), uuid4()
        indexed = DocumentIndexed(
            document_id=document_id, agent_id=agent_id, passage_count=1, token_count=1
        )
        deleted = DocumentDeleted(document_id=document_id, agent_id=agent_id)
        delivery = Delivery(acme.resources.database, "agents", HANDLERS)
        for version in (1, 2):
            await delivery.deliver(
                acme.id, [delivered(indexed, acme.id, about=document_id, version=version)]
            )
        stats = await acme.send("GET", f"/agent/{agent_id}/stats")
        assert stats["documents_count"] == 1
        assert stats["last_trained"]
        await delivery.deliver(acme.id, [delivered(deleted, acme.id, about=document_id, version=3)])
        late = [delivered(indexed, acme.id, about=document_id, version=2)]
        await delivery.deliver(acme.id, late)
        assert (await acme.send("GET", f"/agent/{agent_id}/stats"))["documents_count"] == 0


class TestClosedCompanies:
    async def test_show_their_agents_to_nobody_until_they_are_open_again(
        self, acme: Company, globex: Company
    ) -> None:
        own = await acme.create_agent(status="active")
        other = await globex.create_agent(status="active")
        delivery = Delivery(acme.resources.database, "agents", HANDLERS)

        async def status_of(agent: Json) -> int:
            return (await acme.client.get(f"/api/v1/agent/{agent['id']}")).status_code

        assert await status_of(own) == 200
        closed = delivered(TenantClosed(), acme.id, about=acme.id, version=1)
        await delivery.deliver(acme.id, [closed])
        assert (await status_of(own), await status_of(other)) == (404, 200)

        reopened = delivered(TenantReopened(), acme.id, about=acme.id, version=2)
        await delivery.deliver(acme.id, [reopened])
        # An old one that comes late changes nothing.
        late = delivered(TenantClosed(), acme.id, about=acme.id, version=1)
        await delivery.deliver(acme.id, [late])
        assert await status_of(own) == 200

"""Hand-offs in the audit trail, and the mail about who waits."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from libs.common.events.catalogue.conversations import HandoffChanged, WebhookChanged
from libs.common.events.envelope import EventEnvelope
from libs.common.ids import new_id
from services.auth.workers.handoffs import on_handoff, on_webhook
from tests.auth.conftest import AuthService, Deliver, Mailbox, Person


async def told(auth: AuthService, person: Person, status: str, user_id: UUID) -> HandoffChanged:
    """Hand an event to the handler, as the consumer does."""
    event = HandoffChanged.model_validate(
        {
            "conversation_id": uuid4(),
            "agent_id": uuid4(),
            "status": status,
            "user_id": user_id,
        }
    )
    envelope = EventEnvelope(
        id=new_id(),
        name="handoff.changed",
        version=1,
        tenant_id=person.tenant_id,
        aggregate_id=event.conversation_id,
        aggregate_version=0,
        occurred_at=datetime.now(UTC),
        traceparent=None,
        payload={},
    )
    async with auth.resources.database.session(person.tenant_id) as session:
        await on_handoff(event, envelope, session)
    return event


class TestHandoffs:
    async def test_who_waits_is_mailed_to_the_company_once(
        self,
        auth: AuthService,
        acme: Person,
        globex: Person,
        mailbox: Mailbox,
        deliver: Deliver,
    ) -> None:
        await told(auth, acme, "waiting", UUID(int=0))
        await told(auth, acme, "waiting", UUID(int=0))
        await told(auth, acme, "human", acme.user_id)
        await deliver()

        def asking(person: Person) -> int:
            mails = mailbox.to(person.email)
            return sum(mail["Subject"] == "A visitor asks for a person" for mail in mails)

        assert (asking(acme), asking(globex)) == (1, 0)

    async def test_stand_in_the_trail(self, auth: AuthService, acme: Person) -> None:
        event = await told(auth, acme, "human", acme.user_id)

        reply = await auth.client.get(
            "/api/v1/audit-log",
            params={"event_type": "handoff.changed"},
            headers=acme.bearer,
        )

        (entry,) = reply.json()["data"]
        assert entry["entity_id"] == str(event.conversation_id)


class TestWebhooks:
    async def test_that_are_switched_off_are_told_to_admins_and_stand_in_the_trail(
        self,
        auth: AuthService,
        acme: Person,
        globex: Person,
        mailbox: Mailbox,
        deliver: Deliver,
    ) -> None:
        webhook_id = uuid4()
        for status in ("created", "disabled"):
            event = WebhookChanged.model_validate(
                {"webhook_id": webhook_id, "status": status, "user_id": UUID(int=0)}
            )
            envelope = EventEnvelope(
                id=new_id(),
                name="webhook.changed",
                version=1,
                tenant_id=acme.tenant_id,
                aggregate_id=webhook_id,
                aggregate_version=0,
                occurred_at=datetime.now(UTC),
                traceparent=None,
                payload={},
            )
            async with auth.resources.database.session(acme.tenant_id) as session:
                await on_webhook(event, envelope, session)
        await deliver()

        def told(person: Person) -> int:
            mails = mailbox.to(person.email)
            return sum(mail["Subject"] == "A webhook was switched off" for mail in mails)

        assert (told(acme), told(globex)) == (1, 0)
        reply = await auth.client.get(
            "/api/v1/audit-log",
            params={"event_type": "webhook.changed"},
            headers=acme.bearer,
        )
        entries = reply.json()["data"]
        assert {entry["entity_id"] for entry in entries} == {str(webhook_id)}
        assert len(entries) == 2

"""Events in: each becomes a fact, in the transaction that marks it as received."""

from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.events.envelope import Event, EventEnvelope
from services.analytics.repositories.facts import FactRepository
from services.analytics.use_cases.keep_fact import KeepFact


async def on_event(event: Event, envelope: EventEnvelope, session: AsyncSession) -> None:
    """Keep what an event tells."""
    keep_fact = KeepFact(facts=FactRepository(session, envelope.tenant_id))
    await keep_fact(event, at=envelope.occurred_at)

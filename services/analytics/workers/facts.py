"""Events in: each becomes a fact, in the transaction that marks it as received."""

from collections.abc import Sequence
from typing import Final, get_args

from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.events.catalogue.auth import UserDeleted
from libs.common.events.catalogue.conversations import LeadDeleted
from libs.common.events.delivery import Delivered, EveryOne, Handler, Handlers, Together
from libs.common.events.envelope import Event, EventEnvelope
from services.analytics.repositories.facts import FactRepository
from services.analytics.use_cases.keep_fact import KEPT, KeepFact, OfQuestion


async def on_event(event: Event, envelope: EventEnvelope, session: AsyncSession) -> None:
    """Keep what an event tells."""
    keep_fact = KeepFact(facts=FactRepository(session, envelope.tenant_id))
    await keep_fact(event, at=envelope.occurred_at)


async def on_questions(events: Sequence[Delivered], session: AsyncSession) -> None:
    """Keep what was asked and answered."""
    keep_fact = KeepFact(facts=FactRepository(session, events[0].envelope.tenant_id))
    await keep_fact.of_questions(
        [
            (one.event, one.envelope.occurred_at)
            for one in events
            if isinstance(one.event, OfQuestion)
        ]
    )


# They never come back, so their end needs no place in an order.
_FINAL: Final = (UserDeleted, LeadDeleted)


def _in_any_order(kind: type[Event]) -> Handler | EveryOne:
    ordered = kind.event_name.endswith((".deleted", ".restored")) and kind not in _FINAL
    return on_event if ordered else EveryOne(on_event)


# Facts stand in tables of their own and do not depend on the order of events, but for a thing's
# deletion and return, which the consumer keeps in order by version.
HANDLERS: Final[Handlers] = {
    **{kind: _in_any_order(kind) for kind in KEPT},
    **dict.fromkeys(get_args(OfQuestion), Together(on_questions)),
}

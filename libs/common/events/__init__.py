"""Events between services: declared in `catalogue`, written to the outbox, relayed, consumed."""

from libs.common.events.envelope import Event, EventEnvelope, MalformedEvent
from libs.common.events.outbox import Outbox, Recorded, read_outbox, record_events

__all__ = [
    "Event",
    "EventEnvelope",
    "MalformedEvent",
    "Outbox",
    "Recorded",
    "read_outbox",
    "record_events",
]

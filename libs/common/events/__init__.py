"""Events between services: declared in `catalogue`, written to the outbox, relayed, consumed.

The worker's side stands in `relay` and `consumer`, which HTTP processes need not import.
"""

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

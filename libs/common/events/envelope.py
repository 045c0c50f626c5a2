"""Events: facts that a service tells the others, and the envelope in which they travel.

An event carries ids and numbers only, never content or personal data, so that erasing a tenant
needs no search through streams. Schemas change by addition: a new field has a default, and readers
ignore fields they do not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict

_registry: dict[str, type[Event]] = {}


class MalformedEvent(ValueError):
    """What stands in a stream is not an event as we write them."""


class Event(BaseModel):
    """A past-tense fact, declared once in `libs.common.events.catalogue`.

    A subclass names its topic (the service that sends it), its name on the wire, and its schema
    version when that is not 1:

        class AgentCreated(Event, topic="agents", name="agent.created"): ...
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    topic: ClassVar[str]
    event_name: ClassVar[str]
    schema_version: ClassVar[int]

    def __init_subclass__(
        cls, *, topic: str = "", name: str = "", version: int = 1, **kwargs: Any
    ) -> None:
        super().__init_subclass__(**kwargs)
        if not topic or not name:
            raise TypeError(f"{cls.__name__} must name its topic and its name on the wire")
        if name in _registry and _registry[name].__qualname__ != cls.__qualname__:
            raise TypeError(f"{name} is declared twice")
        cls.topic, cls.event_name, cls.schema_version = topic, name, version
        _registry[name] = cls


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEnvelope:
    """An event on its way: whose it is, when it happened, and what it was about.

    Attributes:
        aggregate_id: The thing whose state the event tells; None for a fact about no one thing.
        aggregate_version: That thing's version after the change; 0 when it has none.
        payload: The event's fields, as JSON values.
    """

    id: UUID
    name: str
    version: int
    tenant_id: UUID
    aggregate_id: UUID | None
    aggregate_version: int
    occurred_at: datetime
    traceparent: str | None
    payload: dict[str, Any]

    def to_json(self) -> bytes:
        """Return the envelope as it stands in a stream."""
        return orjson.dumps({name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def from_json(cls, data: bytes) -> EventEnvelope:
        """Read an envelope from a stream.

        Raises:
            MalformedEvent: `data` is not an envelope.
        """
        try:
            fields = orjson.loads(data)
            aggregate_id = fields["aggregate_id"]
            payload = fields["payload"]
            if not isinstance(payload, dict):
                raise TypeError("a payload is an object")
            return cls(
                id=UUID(fields["id"]),
                name=str(fields["name"]),
                version=int(fields["version"]),
                tenant_id=UUID(fields["tenant_id"]),
                aggregate_id=UUID(aggregate_id) if aggregate_id else None,
                aggregate_version=int(fields["aggregate_version"]),
                occurred_at=datetime.fromisoformat(fields["occurred_at"]),
                traceparent=fields.get("traceparent"),
                payload=payload,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MalformedEvent(f"not an event envelope ({type(error).__name__})") from error


def event_class(name: str) -> type[Event] | None:
    """Return the class of an event by its name on the wire; None for one we do not know."""
    return _registry.get(name)


def declared_events() -> list[type[Event]]:
    """Return every event declared so far, in the order of declaration."""
    return list(_registry.values())

"""Envelopes and the catalogue."""

from datetime import UTC, datetime
from typing import get_args
from uuid import uuid4

import pytest

from libs.common.events.catalogue.audit import AccessDenied
from libs.common.events.catalogue.conversations import BudgetExhausted
from libs.common.events.document import catalogued_events
from libs.common.events.envelope import Event, EventEnvelope, MalformedEvent, event_class


def make_envelope(**changes: object) -> EventEnvelope:
    """An envelope as a service sends it."""
    fields: dict[str, object] = {
        "id": uuid4(),
        "name": "agent.created",
        "version": 1,
        "tenant_id": uuid4(),
        "aggregate_id": uuid4(),
        "aggregate_version": 3,
        "occurred_at": datetime(2026, 11, 22, 12, tzinfo=UTC),
        "traceparent": None,
        "payload": {"agent_id": str(uuid4())},
    }
    return EventEnvelope(**{**fields, **changes})  # type: ignore[arg-type]  # as the class has them


class TestEventEnvelope:
    def test_survives_the_stream(self) -> None:
        envelope = make_envelope()

        assert EventEnvelope.from_json(envelope.to_json()) == envelope

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"not json",
            b"[]",
            b"null",
            b"{}",
            b'{"id": 1}',
            make_envelope().to_json().replace(b"agent_id", b"\xff"),
            make_envelope(payload=[]).to_json(),
            make_envelope(id="x").to_json(),
        ],
    )
    def test_rejects_what_is_none(self, data: bytes) -> None:
        with pytest.raises(MalformedEvent):
            EventEnvelope.from_json(data)


class TestEvent:
    def test_names_its_topic(self) -> None:
        with pytest.raises(TypeError, match="must name its topic"):
            type("Nameless", (Event,), {})

    def test_is_declared_once(self) -> None:
        assert event_class("agent.created") is not None
        with pytest.raises(TypeError, match="declared twice"):
            type("Other", (Event,), {}, topic="agents", name="agent.created")

    def test_carries_ids_and_numbers_only(self) -> None:
        allowed = {
            "UUID",
            "int",
            "bool",
            "role",
            "mode",
            "code",
            "reason_code",
            "status",
            "agent_id",
            "agent_version",
            "previous_rating",
        }
        usage = {"service", "method", "route", "status_class"}
        # The audit trail wants to know from where somebody was refused.
        refusal = {"reason", "caller_kind", "address", "role"}
        # Words of a list of ours.
        budget = {"period", "unit"}

        for kind in catalogued_events():
            for name, field in kind.model_fields.items():
                if kind is AccessDenied and name in {*refusal, "caller_id", "user_id"}:
                    continue
                if kind is BudgetExhausted and name in budget:
                    continue
                types = {
                    getattr(one, "__name__", "")
                    for one in get_args(field.annotation) or (field.annotation,)
                } - {"NoneType"}
                known = types <= (allowed | usage) or name in allowed | usage
                assert known, f"{kind.__name__}.{name}"

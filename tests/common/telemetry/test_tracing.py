"""Traces travel always; spans are recorded when there is somewhere to send them."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from libs.common.telemetry import (
    configure_tracing,
    continue_trace,
    current_trace_id,
    current_traceparent,
    shutdown_tracing,
    span,
)
from libs.common.telemetry.tracing import ServerSpan, continue_traces, parse_traceparent

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    """Collects the spans that are recorded."""
    collected = InMemorySpanExporter()
    configure_tracing(service="sample", endpoint=None, exporter=collected)
    yield collected
    shutdown_tracing()


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "nonsense",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"ff-{TRACE_ID}-00f067aa0ba902b7-01",
        TRACEPARENT.upper(),
    ],
)
def test_nonsense_begins_a_new_trace(value: str | None) -> None:
    assert parse_traceparent(value) is None
    with continue_trace(value):
        assert current_trace_id() not in (None, TRACE_ID)


class TestWithoutExporter:
    def test_the_context_travels(self) -> None:
        with continue_trace(TRACEPARENT), span("work"):
            assert current_traceparent() == TRACEPARENT

        assert current_traceparent() is None

    def test_a_request_joins_its_callers_trace(self) -> None:
        server = ServerSpan("GET /x", TRACEPARENT)
        inside = current_trace_id()
        server.end(status=200, method="GET", route="/x")

        assert (inside, server.trace_id, current_trace_id()) == (TRACE_ID, TRACE_ID, None)


class TestWithExporter:
    def test_one_question_is_one_trace(self, exporter: InMemorySpanExporter) -> None:
        server = ServerSpan("POST /chat", TRACEPARENT)
        with span("insert", rows=2):
            queued = current_traceparent()
        server.end(status=503, method="POST", route="/chat")
        with continue_trace(queued, "answer", attempt=1), span("model"):
            pass

        spans = {found.name: found for found in exporter.get_finished_spans()}
        parents = {name: found.parent and found.parent.span_id for name, found in spans.items()}
        assert {f"{found.context.trace_id:032x}" for found in spans.values()} == {TRACE_ID}
        assert parents["POST /chat"] == 0x00F067AA0BA902B7
        assert parents["insert"] == spans["POST /chat"].context.span_id
        assert parents["answer"] == spans["insert"].context.span_id
        assert parents["model"] == spans["answer"].context.span_id
        assert spans["insert"].attributes == {"rows": 2}
        assert not spans["POST /chat"].status.is_ok

    def test_an_exception_marks_its_span(self, exporter: InMemorySpanExporter) -> None:
        with pytest.raises(ValueError, match="x"), span("work"):
            raise ValueError("x")

        (found,) = exporter.get_finished_spans()
        assert not found.status.is_ok

    def test_work_for_many_traces_is_seen_in_each(self, exporter: InMemorySpanExporter) -> None:
        parents = [f"00-{number:032x}-{number:016x}-01" for number in (1, 2)]

        with continue_traces((parent, "consume") for parent in [*parents, None]):
            pass

        spans = exporter.get_finished_spans()
        assert [found.context.trace_id for found in spans if found.context] == [1, 2]
        assert [found.parent.span_id for found in spans if found.parent] == [1, 2]

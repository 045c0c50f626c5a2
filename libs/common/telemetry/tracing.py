"""Traces that follow one question over HTTP, streams and jobs.

A trace context (W3C `traceparent`) always travels, so that logs of different services can be
joined by `trace_id`. Spans are recorded and exported only when an OTLP endpoint is configured;
without one the SDK is not even imported and a span costs next to nothing.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
)

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

AttributeValue = str | int | float | bool

_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_NO_SPAN: Final = NonRecordingSpan(INVALID_SPAN_CONTEXT)
_FLAGS: Final = {False: TraceFlags(0), True: TraceFlags(TraceFlags.SAMPLED)}


class _State:
    """What `configure_tracing` found; one per process."""

    tracer: Tracer | None = None
    provider: "TracerProvider | None" = None


def configure_tracing(
    *,
    service: str,
    endpoint: str | None,
    sample_ratio: float = 1.0,
    exporter: "SpanExporter | None" = None,
) -> None:
    """Record and export spans when there is somewhere to send them.

    Args:
        service: Becomes `service.name`.
        endpoint: The collector's base URL (OTLP over HTTP); None exports nothing.
        sample_ratio: Share of new traces to record, 0 to 1; a caller's decision is kept.
        exporter: Takes the place of OTLP, for tests.
    """
    if endpoint is None and exporter is None:
        return
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - costs 60 ms, rarely needed
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace.export import (  # noqa: PLC0415 - as above
        BatchSpanProcessor,
        SimpleSpanProcessor,
    )
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio  # noqa: PLC0415 - as above

    provider = TracerProvider(
        resource=Resource.create({"service.name": service, "service.namespace": "knowrithm"}),
        sampler=ParentBasedTraceIdRatio(sample_ratio),
        shutdown_on_exit=False,
    )
    if exporter is not None:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - as above
            OTLPSpanExporter,
        )

        # The exporter reads the endpoint, headers and timeouts from the standard variables.
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _State.provider = provider
    _State.tracer = provider.get_tracer("knowrithm")


def shutdown_tracing() -> None:
    """Send what is still buffered; spans from now on are not recorded."""
    provider, _State.provider, _State.tracer = _State.provider, None, None
    if provider is not None:
        provider.shutdown()


@contextmanager
def span(
    name: str, *, kind: SpanKind = SpanKind.INTERNAL, **attributes: AttributeValue
) -> Iterator[Span]:
    """Time a piece of work as a child of the current span; an exception marks it as failed."""
    tracer = _State.tracer
    if tracer is None:
        yield _NO_SPAN
        return
    with tracer.start_as_current_span(name, kind=kind, attributes=attributes) as current:
        yield current


@contextmanager
def continue_trace(
    traceparent: str | None, name: str = "", **attributes: AttributeValue
) -> Iterator[Span]:
    """Go on with a trace that began elsewhere: in an event's sender, or before a job was queued.

    Args:
        traceparent: What `current_traceparent()` gave there; None or nonsense begins a new trace.
        name: Of the span that covers the block.
        attributes: Of that span.
    """
    parent = parse_traceparent(traceparent) or new_span_context()
    with attached(parent):
        if _State.tracer is None or not name:
            yield trace.get_current_span()
            return
        with span(name, kind=SpanKind.CONSUMER, **attributes) as current:
            yield current


@contextmanager
def continue_traces(traces: Iterable[tuple[str | None, str]]) -> Iterator[None]:
    """Go on with many traces at once, for work that is done for all of them together.

    Args:
        traces: For each the `traceparent`, and the name of its span that covers the block.
    """
    tracer = _State.tracer
    if tracer is None:
        yield
        return
    spans = [
        tracer.start_span(
            name,
            context=trace.set_span_in_context(NonRecordingSpan(parent)),
            kind=SpanKind.CONSUMER,
        )
        for traceparent, name in traces
        if (parent := parse_traceparent(traceparent)) is not None
    ]
    try:
        yield
    finally:
        for one in spans:
            one.end()


@contextmanager
def attached(span_context: SpanContext) -> Iterator[None]:
    """Make a span context the current one, without recording anything."""
    token = otel_context.attach(trace.set_span_in_context(NonRecordingSpan(span_context)))
    try:
        yield
    finally:
        otel_context.detach(token)


class ServerSpan:
    """The span of one request: joins the caller's trace, or begins one.

    Not a context manager, because the middleware that uses it is one function on the hot path.
    """

    __slots__ = ("_span", "_token", "span_context")

    def __init__(self, name: str, traceparent: str | None) -> None:
        parent = parse_traceparent(traceparent) if traceparent else None
        tracer = _State.tracer
        self._span: Span
        if tracer is None:
            self.span_context = parent or new_span_context()
            self._span = NonRecordingSpan(self.span_context)
        else:
            above = trace.set_span_in_context(
                NonRecordingSpan(parent) if parent else _NO_SPAN, otel_context.Context()
            )
            self._span = tracer.start_span(name, context=above, kind=SpanKind.SERVER)
            self.span_context = self._span.get_span_context()
        self._token = otel_context.attach(trace.set_span_in_context(self._span))

    @property
    def trace_id(self) -> str:
        """The trace's id as 32 hex digits."""
        return f"{self.span_context.trace_id:032x}"

    def end(self, *, status: int, method: str, route: str) -> None:
        """Close the span with what became of the request."""
        otel_context.detach(self._token)
        if self._span.is_recording():
            self._span.set_attributes(
                {
                    "http.request.method": method,
                    "http.route": route,
                    "http.response.status_code": status,
                }
            )
            if status >= 500:
                self._span.set_status(StatusCode.ERROR)
            self._span.end()


def current_traceparent() -> str | None:
    """Return the current trace context as a W3C `traceparent`; None outside any trace."""
    context = trace.get_current_span().get_span_context()
    if not context.trace_id:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def current_trace_id() -> str | None:
    """Return the current trace's id as 32 hex digits; None outside any trace."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.trace_id else None


def parse_traceparent(value: str | None) -> SpanContext | None:
    """Read a W3C `traceparent`; None when it is missing or malformed."""
    match = _TRACEPARENT.fullmatch(value) if value else None
    if match is None or value is None or value.startswith("ff"):
        return None
    trace_id, span_id, flags = (int(part, 16) for part in match.groups())
    if not trace_id or not span_id:
        return None
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=_FLAGS[bool(flags & 1)])


def new_span_context() -> SpanContext:
    """Begin a trace of our own that is not recorded."""
    random = os.urandom(24)
    return SpanContext(
        int.from_bytes(random[:16], "big"),
        int.from_bytes(random[16:], "big"),
        is_remote=False,
        trace_flags=_FLAGS[False],
    )

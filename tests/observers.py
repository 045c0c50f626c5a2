"""Servers that stand outside the platform and note what it sends them: spans, and questions."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class SeenSpan:
    """A span as it was exported."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: Mapping[str, str]


@dataclass
class Collector:
    """Takes traces by OTLP over HTTP."""

    url: str = ""
    spans: list[SeenSpan] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        """Keep the spans of one export."""
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = {one.key: one.value.string_value for one in group.resource.attributes}
            self.spans += [
                SeenSpan(
                    service=resource["service.name"],
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    attributes={one.key: one.value.string_value for one in span.attributes},
                )
                for scope in group.scope_spans
                for span in scope.spans
            ]

    def trace(
        self, trace_id: str, *, until: Callable[[list[SeenSpan]], bool], seconds: float = 40
    ) -> list[SeenSpan]:
        """Return a trace once it is complete, or what came of it in time."""
        give_up_at = time.monotonic() + seconds
        while True:
            found = [span for span in self.spans if span.trace_id == trace_id]
            if until(found) or time.monotonic() > give_up_at:
                return found
            time.sleep(0.2)


@dataclass
class ChatModel:
    """An OpenAI-compatible chat model with one answer.

    Attributes:
        asked: The headers of each request, with lower-case names.
    """

    url: str = ""
    answer: str = "It stands in the documents [Source 1]."
    asked: list[dict[str, str]] = field(default_factory=list)

    def frames(self) -> Iterator[bytes]:
        """Yield the answer as server-sent events, word by word."""
        for word in self.answer.split(" "):
            delta = {"content": f"{word} "}
            yield _event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        yield _event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        yield b"data: [DONE]\n\n"


@contextmanager
def running_collector() -> Iterator[Collector]:
    """Serve a collector on a free port."""
    collector = Collector()

    def post(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        collector.take(body)
        handler.send_response(200)
        handler.send_header("Content-Type", "application/x-protobuf")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with _serving(post) as collector.url:
        yield collector


@contextmanager
def running_chat_model() -> Iterator[ChatModel]:
    """Serve a chat model on a free port."""
    model = ChatModel()

    def post(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        model.asked.append({name.lower(): value for name, value in handler.headers.items()})
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        for frame in model.frames():
            handler.wfile.write(frame)

    with _serving(post) as model.url:
        yield model


@contextmanager
def _serving(post: Callable[[BaseHTTPRequestHandler, bytes], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            post(self, self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as above
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"

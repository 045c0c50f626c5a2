"""Prometheus metrics.

The standard HTTP metrics (`http_requests_total`, `http_request_duration_seconds`, sizes) are those
of prometheus-fastapi-instrumentator. Its middleware finds each request's route by matching all
routes once more, which costs more than many of our handlers; ours knows the route already, so it
hands the library's recorders what they need and leaves its middleware out.

Labels are route templates, methods, status classes and names from the code: never ids.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Final, cast

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from prometheus_fastapi_instrumentator.metrics import Info
    from starlette.requests import Request
    from starlette.responses import Response

METRICS_CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

ACTIVE_CONNECTIONS: Final = Gauge(
    "active_connections", "Requests being served at the moment, open streams included."
)
OUTSIDE_CALLS: Final = Histogram(
    "outside_call_duration_seconds",
    "Calls to what lies outside this process, by target and outcome (ok, error, timeout, refused).",
    ("target", "outcome"),
    buckets=(0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60),
)

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_STATUS_CLASSES: Final = ("0xx", "1xx", "2xx", "3xx", "4xx", "5xx")


class _Headers:
    """A message's headers, as far as the instrumentator asks for them."""

    __slots__ = ("headers",)

    def __init__(self, content_length: str) -> None:
        self.headers: Mapping[str, str] = {"Content-Length": content_length}


def status_class(status: int) -> str:
    """Return `2xx` for 204."""
    return _STATUS_CLASSES[status // 100]


@cache
def _recorder() -> "tuple[type[Info], Callable[[Info], None]]":
    from prometheus_fastapi_instrumentator import metrics  # noqa: PLC0415 - workers need none

    recorder = metrics.default(
        should_exclude_streaming_duration=True,
        latency_lowr_buckets=(0.005, 0.025, 0.1, 0.5, 1, 5),
    )
    if recorder is None:
        raise RuntimeError("the HTTP metrics are registered already, by somebody else")
    return metrics.Info, recorder


def record_request(
    *,
    method: str,
    route: str,
    status: int,
    seconds_to_headers: float,
    request_bytes: str,
    response_bytes: str,
) -> None:
    """Count one request.

    Args:
        method: The HTTP method.
        route: The template, as in `/api/v1/agent/{agent_id}`, or `none`.
        status: The reply's.
        seconds_to_headers: Until the reply began, so that open streams do not look slow.
        request_bytes: The request's Content-Length, or "0".
        response_bytes: The reply's Content-Length, or "0".
    """
    info_class, recorder = _recorder()
    recorder(
        info_class(
            request=cast("Request", _Headers(request_bytes)),
            response=cast("Response", _Headers(response_bytes)),
            method=method if method in _METHODS else "other",
            modified_handler=route,
            modified_status=status_class(status),
            modified_duration=seconds_to_headers,
            modified_duration_without_streaming=seconds_to_headers,
        )
    )


@contextmanager
def outside_call(target: str) -> Iterator[None]:
    """Time a call to something outside this process; the outcome follows from what is raised."""
    started = time.perf_counter()
    outcome = "error"
    try:
        yield
        outcome = "ok"
    except TimeoutError:
        outcome = "timeout"
        raise
    finally:
        OUTSIDE_CALLS.labels(target, outcome).observe(time.perf_counter() - started)


def render_metrics() -> bytes:
    """Return all metrics of this process in Prometheus' text format."""
    return generate_latest(REGISTRY)

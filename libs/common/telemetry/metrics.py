"""Prometheus metrics.

The standard HTTP metrics (`http_requests_total`, `http_request_duration_seconds`) are those
of prometheus-fastapi-instrumentator. Its middleware finds each request's route by matching all
routes once more, which costs more than many of our handlers; ours knows the route already, so it
hands the library's recorders what they need and leaves its middleware out.

Labels are route templates, methods, status classes and names from the code: never ids.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Final, cast

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from prometheus_fastapi_instrumentator.metrics import Info
    from starlette.requests import Request

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

DURATION_BUCKETS: Final = (0.005, 0.025, 0.1, 0.5, 1, 5, float("inf"))

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_STATUS_CLASSES: Final = ("0xx", "1xx", "2xx", "3xx", "4xx", "5xx")


def status_class(status: int) -> str:
    """Return `2xx` for 204."""
    return _STATUS_CLASSES[status // 100]


@cache
def _recorders() -> "tuple[type[Info], tuple[Callable[[Info], None], ...]]":
    from prometheus_fastapi_instrumentator import metrics  # noqa: PLC0415 - workers need none

    recorders = (
        metrics.requests(should_include_status=True),
        metrics.latency(
            metric_name="http_request_duration_seconds",
            should_include_status=False,
            buckets=DURATION_BUCKETS,
        ),
    )
    found = tuple(recorder for recorder in recorders if recorder is not None)
    if len(found) < len(recorders):
        raise RuntimeError("the HTTP metrics are registered already, by somebody else")
    return metrics.Info, found


def record_request(*, method: str, route: str, status: int, seconds_to_headers: float) -> None:
    """Count one request.

    Args:
        method: The HTTP method.
        route: The template, as in `/api/v1/agent/{agent_id}`, or `none`.
        status: The reply's.
        seconds_to_headers: Until the reply began, so that open streams do not look slow.
    """
    info_class, recorders = _recorders()
    info = info_class(
        # None of the two recorders looks at these.
        request=cast("Request", None),
        response=None,
        method=method if method in _METHODS else "other",
        modified_handler=route,
        modified_status=status_class(status),
        modified_duration=seconds_to_headers,
        modified_duration_without_streaming=seconds_to_headers,
    )
    for recorder in recorders:
        recorder(info)


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

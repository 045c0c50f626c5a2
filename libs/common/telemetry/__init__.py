"""Logs, metrics and traces: what an operator sees of a running process."""

from libs.common.telemetry.logging import configure_logging, get_logger
from libs.common.telemetry.tracing import (
    configure_tracing,
    continue_trace,
    current_trace_id,
    current_traceparent,
    shutdown_tracing,
    span,
)

__all__ = [
    "configure_logging",
    "configure_tracing",
    "continue_trace",
    "current_trace_id",
    "current_traceparent",
    "get_logger",
    "shutdown_tracing",
    "span",
]

"""JSON logs on stdout, one object a line, with request, trace and tenant ids and no secrets.

Our own code logs through structlog; what libraries write through `logging` comes out in the same
shape. Request and tenant ids are bound by the HTTP middleware, the events and the jobs with
`structlog.contextvars`.
"""

import asyncio
import contextlib
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import IO, Any, BinaryIO, ClassVar, Final, Protocol, cast

import orjson
import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from libs.common.telemetry.tracing import current_trace_id

REDACTED: Final = "[redacted]"
FLUSH_AFTER_SECONDS: Final = 0.1
MAX_WAITING_LINES: Final = 500

_SECRET_KEY: Final = re.compile(
    r"authorization|cookie|password|passwd|secret|token|api[-_]?key|private[-_]?key|credential",
    re.IGNORECASE,
)
# A task id is a capability: whoever reads it in a log could poll the task.
_TASK_PATH: Final = re.compile(r"(/tasks/)[0-9a-fA-F-]{8,}")
_MAX_DEPTH: Final = 4


class Logger(Protocol):
    """The part of structlog's bound logger that we use."""

    def debug(self, event: str, **fields: object) -> None:
        """Log what helps only while looking for a fault."""

    def info(self, event: str, **fields: object) -> None:
        """Log a fact of normal operation."""

    def warning(self, event: str, **fields: object) -> None:
        """Log what an operator may want to look at."""

    def error(self, event: str, **fields: object) -> None:
        """Log what an operator must look at."""

    def exception(self, event: str, **fields: object) -> None:
        """Log an error with the traceback of the exception being handled."""

    def bind(self, **fields: object) -> "Logger":
        """Return a logger that adds `fields` to everything it logs."""


def get_logger(name: str) -> Logger:
    """Return a logger; `name` is the module's, as in `get_logger(__name__)`."""
    return cast("Logger", structlog.get_logger(module=name))


class _Lossy:
    """Standard output that never raises: on a full disk lines get lost, and the work goes on.

    An error while an error is logged would end the loops of a worker, and requests with it.
    """

    def __init__(self, output: IO[bytes]) -> None:
        self._output = output

    def write(self, line: bytes) -> None:
        """Write what there is room for."""
        with contextlib.suppress(OSError):
            self._output.write(line)

    def flush(self) -> None:
        """Hand it over, now or with a later line."""
        with contextlib.suppress(OSError):
            self._output.flush()


def configure_logging(*, service: str, level: str = "INFO") -> None:
    """Route all logging of this process to stdout as JSON."""
    _Access.service = service
    output = _Lossy(sys.stdout.buffer)
    _Access.output = output
    threshold = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    _Access.enabled = threshold <= logging.INFO
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _Origin(service),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_dump)],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.BytesLoggerFactory(cast("BinaryIO", output)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=_dump_text),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(threshold, logging.WARNING) if threshold > logging.DEBUG else threshold)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


def log_request(fields: dict[str, object], *, warn: bool) -> None:
    """Write a request's line, by a short way: it is the one line that every request costs.

    Args:
        fields: What the line says; the caller has left out secrets and masked task ids.
        warn: Whether it stands out, as the lines of failed requests do.
    """
    if not _Access.enabled:
        return
    line: dict[str, object] = {
        **fields,
        **structlog.contextvars.get_contextvars(),
        "event": "request",
        "level": "warning" if warn else "info",
        "service": _Access.service,
        "trace_id": current_trace_id(),
        "timestamp": datetime.now(UTC),
    }
    _Access.lines.append(_dump(line))
    if len(_Access.lines) == 1:
        # Lines leave together a moment later: a write a line would cost more than the line.
        asyncio.get_running_loop().call_later(FLUSH_AFTER_SECONDS, flush_request_lines)
    elif len(_Access.lines) >= MAX_WAITING_LINES:
        flush_request_lines()


def flush_request_lines() -> None:
    """Write the lines that are waiting; a process that ends must not forget it."""
    if _Access.lines:
        lines, _Access.lines = _Access.lines, []
        _Access.output.write(b"\n".join(lines) + b"\n")
        _Access.output.flush()


class _Access:
    """What `configure_logging` was told, for the requests' lines, and those that wait."""

    enabled = False
    service = ""
    output: "_Lossy"
    lines: ClassVar[list[bytes]] = []


def redact(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Replace secrets by their key's name, and task ids in paths. Counts of tokens stay."""
    for key, value in event_dict.items():
        if isinstance(value, str):
            if _is_secret(key):
                event_dict[key] = REDACTED
            elif "/tasks/" in value:
                event_dict[key] = mask_task_ids(value)
        elif isinstance(value, Mapping | list | tuple | bytes):
            event_dict[key] = _clean(key, value, depth=0)
    return event_dict


def mask_task_ids(text: str) -> str:
    """Return a path or message without the task ids in it."""
    return _TASK_PATH.sub(r"\1***", text)


def _clean(key: str, value: object, *, depth: int) -> object:
    if isinstance(value, str | bytes):
        if _is_secret(key):
            return REDACTED
        return mask_task_ids(value) if isinstance(value, str) else f"<{len(value)} bytes>"
    if depth >= _MAX_DEPTH:
        return value
    if isinstance(value, Mapping):
        return {name: _clean(str(name), item, depth=depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(key, item, depth=depth + 1) for item in value]
    return value


@cache
def _is_secret(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


class _Origin:
    """Adds which service wrote a line, and in which trace."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
        event_dict["service"] = self._service
        if trace_id := current_trace_id():
            event_dict["trace_id"] = trace_id
        return event_dict


def _dump(event_dict: object, **_: Any) -> bytes:
    return orjson.dumps(event_dict, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z)


def _dump_text(event_dict: object, **_: Any) -> str:
    return _dump(event_dict).decode()

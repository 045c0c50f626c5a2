"""What the tests of the mechanisms share."""

import socket

import pytest
import structlog


@pytest.fixture
def unused_port() -> int:
    """A port of the loopback on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def log_plainly() -> None:
    """Log without structlog's drawings of tracebacks, which take seconds."""
    structlog.configure(
        processors=[
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ],
        cache_logger_on_first_use=False,
    )


@pytest.fixture(autouse=True, scope="session")
def plain_logs() -> None:
    """Log plainly in all these tests."""
    log_plainly()

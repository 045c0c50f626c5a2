"""The platform that all flows of a run share, and those who watch it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.observers import ChatModel, Collector, running_chat_model, running_collector
from tests.platform import Platform, running_platform

MAX_UPLOAD_BYTES = 1_000_000


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Where the platform sends its traces."""
    with running_collector() as running:
        yield running


@pytest.fixture(scope="session")
def chat_model() -> Iterator[ChatModel]:
    """A chat model that agents may name."""
    with running_chat_model() as running:
        yield running


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Platform]:
    """A platform on embedded parts only, as `make up` starts it, but watched.

    One for all: it takes twenty seconds to start.
    """
    home: Path = tmp_path_factory.mktemp("platform") / "home"
    with running_platform(
        home,
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_BSP_SCHEDULE_DELAY="200",
        MAX_UPLOAD_BYTES=str(MAX_UPLOAD_BYTES),
    ) as started:
        yield started

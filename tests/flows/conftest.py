"""The platform that all flows of a run share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.platform import Platform, running_platform


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform on embedded parts only, as `make up` starts it."""
    home: Path = tmp_path_factory.mktemp("platform") / "home"
    with running_platform(home) as started:
        yield started

"""What the person at the keyboard is told when a start fails."""

import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from ops.errors import OpsError
from ops.local import front
from ops.local.home import Home
from ops.settings import load_settings

Usage = namedtuple("Usage", ["total", "used", "free"])


def failed_start(home: Home) -> str:
    launcher = subprocess.Popen([sys.executable, "-c", ""])
    with pytest.raises(OpsError) as error:
        front._follow(home, launcher, load_settings())
    return str(error.value)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.prepare()
    return made


def test_a_launcher_that_could_not_write_on_a_full_disk(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**9, 10**9, 0))

    assert failed_start(home) == (
        f"The disk that holds {home.folder} is full: make room and start again."
    )


def test_the_launchers_last_line_otherwise(home: Home) -> None:
    assert failed_start(home) == "The launcher ended without a word."
    (home.logs / "launcher.log").write_text("first\nThe port is taken.\n")
    assert failed_start(home) == "The port is taken."

"""`make logs`, and what it says where there is nothing to show."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.errors import OpsError
from ops.local.log_view import show_logs
from ops.local.supervisor import rotate

FOLLOW = """
import sys; from pathlib import Path; from ops.local.log_view import show_logs
show_logs(Path(sys.argv[1]), "auth", follow=True)
"""
# Reading is what waits here.
pytestmark = pytest.mark.timeout(60)


def ops(*arguments: str, home: Path, encoding: str = "utf-8") -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"KNOWRITHM_HOME": str(home), "PYTHONIOENCODING": encoding}
    return subprocess.run(
        [sys.executable, "-m", "ops", *arguments], env=environment, capture_output=True, check=False
    )


def test_a_terminal_that_lacks_a_character_shows_the_rest(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "auth.log").write_text("“Frames” and Ærø\n", encoding="utf-8")

    shown = ops("logs", "auth", home=tmp_path, encoding="latin-1")
    refused = ops("logs", "agents", home=tmp_path, encoding="latin-1")

    assert shown.stdout.decode("latin-1") == "?Frames? and Ærø\n", shown.stderr
    assert refused.stderr == b"? There is no log of agents; there are: auth.\n"


def test_a_home_where_nothing_was_started(tmp_path: Path) -> None:
    for name in (None, "auth"):
        with pytest.raises(OpsError, match="nothing has been started there yet"):
            show_logs(tmp_path / "logs", name, follow=False)


def test_goes_on_after_a_log_was_cut(tmp_path: Path) -> None:
    log = tmp_path / "auth.log"
    log.write_text("before\n" * 100)
    with subprocess.Popen(
        [sys.executable, "-c", FOLLOW, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as reader:
        try:
            assert reader.stdout is not None
            assert reader.stdout.readline() == "before\n"
            rotate(log, limit=10)
            with log.open("a") as file:
                file.write("after\n")
            assert "after\n" in iter(reader.stdout.readline, "")
        finally:
            reader.kill()

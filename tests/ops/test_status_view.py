"""What `make status` says of processes that are not what they should be."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ops.local.home import Home
from ops.local.process import free_port
from ops.local.state import PartState, PartStatus, Phase, StackState
from ops.local.status_view import show_status


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home whose launcher is running: this test holds its lock."""
    made = Home(tmp_path)
    made.prepare()
    with made.lock():
        yield made


@pytest.fixture
def healthy() -> Iterator[int]:
    """The port of a process that says it is ready."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health/ready" else 503)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def write(home: Home, *parts: PartStatus, phase: Phase = Phase.READY) -> None:
    state = StackState(pid=1, phase=phase, url="http://localhost:8543")
    state.parts = {part.name: part for part in parts}
    state.write(home.state)


def ready(name: str, port: int) -> PartStatus:
    return PartStatus(name=name, state=PartState.READY, port=port)


class TestStatus:
    def test_all_ready(self, home: Home, healthy: int, capsys: pytest.CaptureFixture[str]) -> None:
        done = PartStatus(name="migrate", state=PartState.DONE)
        write(home, done, ready("auth", healthy), ready("auth-worker", healthy))

        assert show_status(home) == 0

        assert "http://localhost:8543  ready, 0 MiB in all" in capsys.readouterr().out

    def test_one_that_is_being_started_again(
        self, home: Home, healthy: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        restarting = PartStatus(name="agents", state=PartState.RESTARTING, restarts=1)
        write(home, ready("auth", healthy), restarting)

        assert show_status(home) == 1

        assert "not ready: agents (restarting)" in capsys.readouterr().out

    def test_one_that_hangs(self, home: Home, capsys: pytest.CaptureFixture[str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as frozen:
            write(home, ready("auth", frozen.getsockname()[1]), ready("agents", free_port()))
            assert show_status(home) == 1

        assert "not ready: auth (no answer), agents (no answer)" in capsys.readouterr().out

    def test_one_that_cannot_do_its_work(
        self, home: Home, healthy: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(home, ready("models", healthy))

        assert show_status(home) == 1

        assert "not ready: models (unready)" in capsys.readouterr().out

    def test_what_the_platform_can_do_without(
        self, home: Home, healthy: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        fetching = PartStatus(name="chat-model", essential=False, state=PartState.STARTING)
        write(home, ready("auth", healthy), fetching)

        assert show_status(home) == 0

        assert "starting" in capsys.readouterr().out

    def test_on_the_way_up(self, home: Home, capsys: pytest.CaptureFixture[str]) -> None:
        write(home, PartStatus(name="auth"), phase=Phase.STARTING)

        assert show_status(home) == 1

        assert "http://localhost:8543  starting," in capsys.readouterr().out

"""The whole stack from its launcher: up, asked, killed part by part, stopped."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ops.local.home import Home
from ops.local.process import free_port
from ops.local.stack import PROCESSES
from ops.local.state import PartState, Phase, StackState, memory_bytes
from tests.platform import Platform, running_platform

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

HEALING_SECONDS = 60
# The bar of the specification; asserted with room, since a shared machine is no stopwatch.
MAX_IDLE_BYTES = 900 * 2**20


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running_platform(tmp_path_factory.mktemp("stack") / "a home") as running:
        yield running


def state_of(platform: Platform) -> StackState:
    state = StackState.read(Home(platform.home).state)
    assert state is not None
    return state


class TestUp:
    def test_all_parts_are_ready(self, platform: Platform) -> None:
        state = state_of(platform)
        assert state.phase is Phase.READY
        assert {"postgres", "valkey", "models", "gateway", *PROCESSES} <= state.parts.keys()
        assert platform.ops("status").returncode == 0

    def test_the_first_start_has_shown_an_answer_and_left_credentials(
        self, platform: Platform
    ) -> None:
        account = json.loads(Home(platform.home).demo.read_text())
        assert account["question_asked"]
        assert account["api_key"].startswith("ak_")
        assert Home(platform.home).demo.stat().st_mode & 0o077 == 0

    def test_the_demo_agent_answers_with_a_citation(self, platform: Platform) -> None:
        asked = platform.ops("demo", "--question", "How long is the warranty on the battery?")
        assert asked.returncode == 0, asked.stderr
        assert "800 full" in asked.stdout
        assert "[Source 1] handbook.pdf, page 4" in asked.stdout

    def test_the_demo_needs_no_port_to_find_the_platform(self, platform: Platform) -> None:
        environment = {**platform.environment, "PORT": str(free_port())}
        elsewhere = Platform(platform.url, platform.home, environment)
        asked = elsewhere.ops("demo", "--question", "How many days a week may I work from home?")
        assert asked.returncode == 0, asked.stderr
        assert asked.stdout.count("[Source 1] handbook.pdf") == 1

    def test_idle_memory_stays_below_the_bar(self, platform: Platform) -> None:
        parts = state_of(platform).parts
        used = sum(memory_bytes(parts[name].pid or 0) or 0 for name in PROCESSES)
        assert used < MAX_IDLE_BYTES, f"{used / 2**20:.0f} MiB"

    def test_each_process_is_called_what_it_is(self, platform: Platform) -> None:
        parts = state_of(platform).parts
        for name in PROCESSES:
            command = " ".join(psutil.Process(parts[name].pid).cmdline()).strip()
            service, _, kind = name.partition("-")
            assert command.endswith(f"-m services.{service}.{kind or 'main'}")


class TestOneSentence:
    def test_a_second_start(self, platform: Platform) -> None:
        second = platform.ops("up")
        assert second.returncode == 1
        assert "is running already" in second.stderr
        assert len(second.stderr.strip().splitlines()) == 1

    def test_a_busy_port(self, platform: Platform, tmp_path: Path) -> None:
        other = Platform(
            platform.url, tmp_path, {**platform.environment, "KNOWRITHM_HOME": str(tmp_path)}
        )
        started = other.ops("up")
        assert started.returncode == 1
        assert "is taken by another program" in started.stderr
        assert len(started.stderr.strip().splitlines()) == 1

    def test_reset_asks_first(self, platform: Platform) -> None:
        refused = platform.ops("reset")
        assert refused.returncode == 1
        assert "FORCE=1" in refused.stderr


class TestKilled:
    def test_every_part_heals(self, platform: Platform) -> None:
        for name in (*PROCESSES, "models", "valkey", "postgres", "nursery", "gateway"):
            part = state_of(platform).parts.get(name)
            if part is None:  # no nursery where processes are not forked
                continue
            assert part.pid is not None
            os.kill(part.pid, signal.SIGKILL)
            self._wait_for(platform, name, other_than=part.pid)
        asked = platform.ops("demo", "--question", "How many days of annual leave do I have?")
        assert asked.returncode == 0, asked.stderr
        assert "27 working days" in asked.stdout

    def _wait_for(self, platform: Platform, name: str, *, other_than: int) -> None:
        deadline = time.monotonic() + HEALING_SECONDS
        while time.monotonic() < deadline:
            part = state_of(platform).parts[name]
            if part.pid != other_than and part.state is PartState.READY:
                return
            time.sleep(0.05)
        raise AssertionError(f"{name} did not come back: {part}")

    def test_a_killed_launcher_takes_all_with_it_and_the_next_start_keeps_the_data(
        self, platform: Platform
    ) -> None:
        before = state_of(platform)
        children = [part.pid for part in before.parts.values() if part.pid is not None]
        os.kill(before.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(_processes(children), timeout=40)
        assert not alive

        started = platform.ops("up")

        assert started.returncode == 0, started.stdout + started.stderr
        assert "Making the demo company" not in started.stdout
        asked = platform.ops("demo")
        assert "[Source 1]" in asked.stdout


class TestDown:
    def test_leaves_nothing_running(self, platform: Platform) -> None:
        state = state_of(platform)
        pids = [state.pid, *(part.pid for part in state.parts.values() if part.pid is not None)]
        port = int(platform.url.rpartition(":")[2])

        stopped = platform.ops("down")

        assert "Stopped." in stopped.stdout
        assert not _processes(pids)
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.1", port)) != 0
        assert platform.ops("status").returncode == 3
        assert "Nothing was running" in platform.ops("down").stdout


def _processes(pids: list[int]) -> list[psutil.Process]:
    found = []
    for pid in pids:
        try:
            process = psutil.Process(pid)
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found

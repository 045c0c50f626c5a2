"""What the person at the keyboard sees of the launcher: starting it, following it, stopping it."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from dotenv import dotenv_values
from rich.console import Console

from ops.errors import OpsError
from ops.local.home import Home
from ops.local.process import Program, alive, spawn, tail, wait_until_gone
from ops.local.progress import Progress
from ops.local.state import Phase, StackState
from ops.paths import ROOT
from ops.settings import SUPERSEDED, StackSettings, load_settings

POLL_SECONDS = 0.1
STOP_SECONDS = 60.0
LAUNCHER = (sys.executable, "-m", "ops.local.launcher")


def run_in_background() -> None:
    """Start the stack, wait until it is ready, show the demo at the first start, and return."""
    settings, home = _begin()
    log = home.logs / "launcher.log"
    with log.open("ab") as file:
        launcher = subprocess.Popen(
            LAUNCHER,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _follow(home, launcher, settings)
    except (OpsError, KeyboardInterrupt):
        _stop(launcher.pid)
        raise
    # It lives on without us; nobody waits for it any more.
    launcher.returncode = 0
    _show(settings, home)


def run_in_foreground() -> int:
    """Start the stack and stay until Ctrl-C or SIGTERM, or until it ends by itself."""
    settings, home = _begin()
    log = home.logs / "launcher.log"
    launcher = spawn(
        Program(
            name="launcher",
            command=LAUNCHER,
            directory=ROOT,
            log=log,
            environment=dict(os.environ),
        )
    )

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, interrupt)
    console = Console()
    try:
        _follow(home, launcher, settings)
        try:
            _show(settings, home)
        except OpsError as error:
            console.print(f"[red]✗[/] {error}", soft_wrap=True)
        console.print("\nIt stays up until Ctrl-C.")
        launcher.wait()
    except KeyboardInterrupt:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        console.print("\nStopping …")
        _stop(launcher.pid, wait=launcher.poll)
        console.print("Stopped.")
        return 0
    except OpsError:
        _stop(launcher.pid, wait=launcher.poll)
        raise
    if launcher.returncode == 0:
        console.print("Stopped.")
        return 0
    raise OpsError(f"The platform ended: {tail(log, lines=1)}")


def stop_stack(home: Home) -> bool:
    """Stop a running stack, however it was started; False when there was none."""
    state = StackState.read(home.state)
    if state is None or not home.locked() or not alive(state.pid):
        return False
    _stop(state.pid)
    return True


def forget_data(home: Home) -> None:
    """Delete everything but the model files."""
    for folder in (
        home.postgres,
        home.valkey,
        home.objects,
        home.mails,
        home.logs,
        home.secrets,
        home.run,
    ):
        shutil.rmtree(folder, ignore_errors=True)
    for log in home.folder.glob("*.log"):
        log.unlink()


def _begin() -> tuple[StackSettings, Home]:
    settings = load_settings()
    home = Home(settings.knowrithm_home)
    home.prepare()
    with home.lock():
        pass  # a launcher of this home would hold it
    given = dotenv_values(ROOT / ".env") | os.environ
    for name, instead in SUPERSEDED.items():
        if given.get(name):
            print(f"Note: {name} is not read any more; {instead}.", file=sys.stderr)
    return settings, home


def _follow(home: Home, launcher: "subprocess.Popen[bytes]", settings: StackSettings) -> None:
    """Show the way up until all is ready.

    Raises:
        OpsError: it failed; the sentence says why.
    """
    deadline = time.monotonic() + settings.start_timeout_seconds
    with Progress(Console()) as progress:
        while True:
            state = StackState.read(home.state)
            if state is not None and state.pid == launcher.pid:
                progress.show(state)
                if state.phase is Phase.READY:
                    return
                if state.phase is Phase.FAILED:
                    launcher.wait()
                    home.check_room()
                    raise OpsError(state.error)
            if launcher.poll() is not None:
                # On a full disk it could not write down why it ended.
                home.check_room()
                text = tail(home.logs / "launcher.log", lines=1)
                raise OpsError(text or "The launcher ended without a word.")
            if time.monotonic() > deadline:
                waiting = ", ".join(progress.waiting_for) or "the launcher"
                raise OpsError(
                    f"Not ready after {settings.start_timeout_seconds:.0f} s; waited for {waiting} "
                    f"(logs in {home.logs})."
                )
            time.sleep(POLL_SECONDS)


def _show(settings: StackSettings, home: Home) -> None:
    from ops.demo.show import show_demo  # noqa: PLC0415 - an HTTP client, after the start

    try:
        show_demo(settings, home)
    except OpsError as error:
        raise OpsError(
            f"The platform is up at {settings.url}, but its demo failed: {error}"
        ) from error


def _stop(pid: int, *, wait: Callable[[], object] | None = None) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        if wait is not None:
            wait()  # our child stays a zombie until we ask for it
        if wait_until_gone(pid, seconds=0.2):
            return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)

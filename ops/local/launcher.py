"""The process that holds the local stack together; `make run` and `make up` start it.

It answers to SIGTERM, tells of itself in `run/state.json`, and takes everything it started with it,
also when it is killed: each part has asked the kernel for a signal when its launcher dies.
"""

import asyncio
import contextlib
import os
import signal
import sys

from ops.errors import OpsError
from ops.local import postgres
from ops.local.environment import Wiring
from ops.local.home import Home
from ops.local.nginx import clear_workers
from ops.local.nursery_client import become_reaper
from ops.local.ports import check_gateway_port, choose_ports
from ops.local.process import LOOPBACK, wait_until_gone
from ops.local.stack import PORT_NAMES, Stack
from ops.local.state import Phase, StackState, same_process
from ops.local.supervisor import Supervisor
from ops.secrets import Secrets, load_secrets
from ops.settings import StackSettings, load_settings

OWNER = "knowrithm"
DATABASE = "knowrithm"
LEFTOVER_SECONDS = 10.0


def main() -> int:
    """Run the stack until told to stop; the exit code says whether it ran."""
    settings = load_settings()
    home = Home(settings.knowrithm_home)
    home.prepare()
    with home.lock():
        previous = StackState.read(home.state)
        state = StackState(pid=os.getpid(), url=settings.url)
        state.write(home.state)
        try:
            cleared = clear_leftovers(previous, home)
            if cleared:
                state.notes.append(
                    f"Ended {cleared} processes that an earlier start had left behind."
                )
            asyncio.run(_run(settings, home, state, previous))
        except OpsError as error:
            state.phase, state.error = Phase.FAILED, str(error)
            with contextlib.suppress(OSError):
                state.write(home.state)
            print(error, file=sys.stderr)
            return 1
        home.state.unlink(missing_ok=True)
    return 0


async def _run(
    settings: StackSettings, home: Home, state: StackState, previous: StackState | None
) -> None:
    check_gateway_port(settings.port, host=settings.bind_address)
    secrets = load_secrets(home.secrets)
    ports = choose_ports(
        PORT_NAMES, home=home.folder, previous=previous.ports if previous is not None else {}
    )
    state.ports = ports
    wiring = wiring_of(settings, home, secrets, ports)
    stack = Stack(wiring, fork=become_reaper())
    await Supervisor(stack.parts(), state=state, state_file=home.state).run()


def wiring_of(
    settings: StackSettings, home: Home, secrets: Secrets, ports: dict[str, int]
) -> Wiring:
    """Return where everything of a local stack is."""
    owner_url = settings.postgres_url or (
        f"postgresql://{OWNER}:{secrets.owner_password}@{LOOPBACK}:{ports['postgres']}/{DATABASE}"
    )
    redis_url = settings.redis_url or (
        f"redis://:{secrets.redis_password}@{LOOPBACK}:{ports['valkey']}/0"
    )
    return Wiring(
        settings=settings,
        home=home,
        secrets=secrets,
        ports=ports,
        owner_url=owner_url,
        redis_url=redis_url,
    )


def clear_leftovers(previous: StackState | None, home: Home) -> int:
    """End what a killed launcher may have left; only processes that are surely those.

    Returns:
        How many there were.
    """
    found = {
        part.pid: postgres.STOP_SIGNAL if part.name == "postgres" else signal.SIGTERM
        for part in (previous.parts.values() if previous is not None else ())
        if part.pid is not None and same_process(part.pid, part.started_at)
    }
    for pid, number in found.items():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    for pid in found:
        if not wait_until_gone(pid, seconds=LEFTOVER_SECONDS):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            wait_until_gone(pid, seconds=LEFTOVER_SECONDS)
    # These outlive even their own masters.
    clear_workers(home.gateway)
    postgres.clear_orphans(home.postgres)
    return len(found)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OpsError as failure:
        print(failure, file=sys.stderr)
        sys.exit(1)

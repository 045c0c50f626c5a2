"""A container engine for the tests: the one that is there, or one started for them.

Without a registry the official images cannot be had; then the base image is made from Debian's
packages and this machine's own Python, laid out as the official one, and the stores are built
from the wheels of the local stack (`standins/`). Our Dockerfile and compose file are the same in
both cases.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ops.deploy.images import build_command

ROOT = Path(__file__).resolve().parents[2]
STANDINS = Path(__file__).parent / "standins"
PYTHON_IMAGE = "python:3.11-slim-bookworm"
DEBIAN_IMAGE = "debian:bookworm-slim"
DEBIAN_PACKAGES = (
    "ca-certificates,netbase,tzdata,libssl3,libffi8,libsqlite3-0,zlib1g,libbz2-1.0,liblzma5,"
    "libreadline8,libncursesw6,libuuid1,libexpat1"
)
ENGINE_PACKAGES = ("docker.io", "iptables", "mmdebstrap")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


class NoEngine(Exception):
    """Why there is no container engine to be had."""


@dataclass(frozen=True)
class Engine:
    """A running container engine."""

    environment: Mapping[str, str]
    has_registry: bool

    def docker(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a docker command.

        Raises:
            AssertionError: It failed; has what it printed.
        """
        run = subprocess.run(
            [_client(), *arguments],
            cwd=ROOT,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0 or not check, run.stdout[-3000:] + run.stderr[-3000:]
        return run

    def build(self, name: str) -> None:
        """Build one of our images."""
        self.docker(*build_command(name, tag="dev"))


@contextmanager
def container_engine(folder: Path) -> Iterator[Engine]:
    """Give an engine, and stop it if it was started for us.

    Raises:
        NoEngine: There is none, and none can be started here; says why.
    """
    config = folder / "config"
    plugins = config / "cli-plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    compose = Path(sys.executable).with_name("docker-compose")
    (plugins / "docker-compose").unlink(missing_ok=True)
    (plugins / "docker-compose").symlink_to(compose)
    environment = os.environ | {"DOCKER_CONFIG": str(config), "DOCKER_BUILDKIT": "1"}
    if _answers(environment):
        yield _with_base_image(environment, folder)
        return
    _install()
    environment["DOCKER_HOST"] = f"unix://{folder}/docker.sock"
    with _daemon(folder, environment):
        yield _with_base_image(environment, folder)


def _client() -> str:
    # Debian's client has BuildKit built in; others want a plugin for it.
    return "/usr/bin/docker" if Path("/usr/bin/docker").exists() else "docker"


def _answers(environment: Mapping[str, str]) -> bool:
    if shutil.which(_client()) is None:
        return False
    run = subprocess.run(
        [_client(), "info"], env=dict(environment), capture_output=True, check=False
    )
    return run.returncode == 0


def _install() -> None:
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise NoEngine("no container engine answers, and only root on Debian can install one here")
    if all(shutil.which(tool) for tool in ("dockerd", "mmdebstrap", "iptables")):
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *ENGINE_PACKAGES]
    for command in (["apt-get", "update", "-qq"], install):
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise NoEngine(f"`{command[0]} {command[1]}` failed: {run.stderr[-300:]}")


@contextmanager
def _daemon(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    log = folder / "dockerd.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                "dockerd",
                f"--data-root={folder}/data",
                f"--exec-root={folder}/exec",
                f"--pidfile={folder}/dockerd.pid",
                f"--host={environment['DOCKER_HOST']}",
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        for _ in range(100):
            if _answers(environment):
                break
            if process.poll() is not None:
                raise NoEngine(f"dockerd ended: {log.read_text(errors='replace')[-300:]}")
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)
        subprocess.run(["ip", "link", "delete", "docker0"], capture_output=True, check=False)


def _with_base_image(environment: Mapping[str, str], folder: Path) -> Engine:
    engine = Engine(environment, has_registry=False)
    if engine.docker("pull", "--quiet", PYTHON_IMAGE, check=False).returncode == 0:
        return Engine(environment, has_registry=True)
    if engine.docker("image", "inspect", PYTHON_IMAGE, check=False).returncode != 0:
        _make_base_image(engine, folder / "base")
    return engine


def _make_base_image(engine: Engine, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    archive = folder / "debian.tar"
    debian = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={DEBIAN_PACKAGES}"]
    subprocess.run([*debian, "bookworm", archive], check=True, capture_output=True)
    engine.docker("import", str(archive), DEBIAN_IMAGE)
    archive.unlink()
    with tarfile.open(folder / "python.tar", "w") as layout:
        _add_python(layout)
    shutil.copy(STANDINS / "python.Dockerfile", folder / "Dockerfile")
    if CERTIFICATES.exists():
        shutil.copy(CERTIFICATES, folder / "ca-certificates.crt")
    (folder / "pip.conf").write_text("[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n")
    engine.docker("build", "--quiet", "--tag", PYTHON_IMAGE, str(folder))


def _add_python(layout: tarfile.TarFile) -> None:
    prefix = Path(sys.base_prefix)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    layout.add(prefix / "bin" / version, f"usr/local/bin/{version}")
    for name in ("python3", "python"):
        link = tarfile.TarInfo(f"usr/local/bin/{name}")
        link.type, link.linkname = tarfile.SYMTYPE, version
        layout.addfile(link)
    for library in (prefix / "lib").glob(f"lib{version}.so*"):
        layout.add(library, f"usr/local/lib/{library.name}")
    unwanted = {"site-packages", "test", "idlelib", "__pycache__", "turtledemo"}

    def keep(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        parts = Path(entry.name).parts
        skipped = unwanted & set(parts) or any(part.startswith("config-") for part in parts)
        return None if skipped else entry

    layout.add(prefix / "lib" / version, f"usr/local/lib/{version}", filter=keep)


def compose(engine: Engine, files: Sequence[Path], *arguments: str, check: bool = True) -> str:
    """Run a compose command over the compose file and what overrides it."""
    named = [part for file in files for part in ("--file", str(file))]
    return engine.docker("compose", *named, *arguments, check=check).stdout

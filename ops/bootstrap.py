"""Make the virtual environment from the locks, before anything else can run.

Runs on the bare interpreter that `make` found, so it imports nothing but the standard library.
It does nothing when the environment already matches the lock. Every package is checked against its
sha256. uv installs ten times faster than pip (4 s against 55 s for our lock), so pip fetches uv
first, by hash; where pip's configuration holds something uv has no word for, or uv fails, pip does
all of it.

Usage: bootstrap.py [--venv FOLDER] [--dev | --lock FILE]
"""

import argparse
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUPPORTED = ((3, 11), (3, 13))
STAMP = "knowrithm-locks.json"

# How uv spells what pip's configuration says. Anything not listed here sends us to pip.
OPTIONS = {
    "index-url": "--default-index",
    "extra-index-url": "--index",
    "find-links": "--find-links",
    "trusted-host": "--allow-insecure-host",
}
ENVIRONMENT = {
    "cert": ["SSL_CERT_FILE"],
    "timeout": ["UV_HTTP_TIMEOUT"],
    "default-timeout": ["UV_HTTP_TIMEOUT"],
    "proxy": ["HTTPS_PROXY", "HTTP_PROXY"],
}
IGNORED_BY_BOTH = {"disable-pip-version-check", "no-color", "quiet", "verbose", "progress-bar"}
IGNORED_BY_BOTH |= {"root-user-action", "no-python-version-warning", "cache-dir", "no-input"}
IGNORED_BY_BOTH |= {"break-system-packages", "no-warn-script-location", "prefer-binary"}


class BootstrapError(Exception):
    """A sentence for the person at the keyboard."""


def main() -> int:
    """Bring the environment up to date; the exit code says whether that worked."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # The path may hold what the terminal cannot show.
            stream.reconfigure(errors="replace")
    parser = argparse.ArgumentParser()
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--dev", action="store_true")
    choice.add_argument("--lock", type=Path, help="Another lock, as the images have.")
    options = parser.parse_args()
    venv: Path = options.venv.absolute()
    lock: Path = ROOT / ("requirements-dev.lock" if options.dev else "requirements.lock")
    try:
        prepare(venv, lock=(options.lock or lock).absolute())
    except BootstrapError as error:
        print(f"make: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        reason = error.strerror or str(error)
        print(f"make: {venv} could not be made: {reason}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def prepare(venv: Path, *, lock: Path) -> None:
    """Create `venv` if need be and install a lock, unless it stands there already.

    Raises:
        BootstrapError: this Python will not do, the disk is full, or a package cannot be had.
    """
    version = sys.version_info[:2]
    if not SUPPORTED[0] <= version <= SUPPORTED[1]:
        raise BootstrapError(
            f"Python 3.11, 3.12 or 3.13 is needed and this is {version[0]}.{version[1]}: "
            "name another with PYTHON=…"
        )
    python = venv / "bin" / "python"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = venv / STAMP
    known = _read_stamp(stamp) if python.exists() else {}
    if known.get(lock.name) == digest:
        return
    # Said only when there is work, which is when waiting needs an explanation.
    started = time.monotonic()
    if not python.exists():
        _say(f"Making a virtual environment in {_short(venv)} (Python {version[0]}.{version[1]})")
        _create(venv)
    _say(f"Installing the packages of {lock.name}")
    _install(venv, lock)
    satisfied = {lock.name: digest}
    if lock.name == "requirements-dev.lock":
        # It holds the same versions as the runtime's and more, so it satisfies both.
        runtime = ROOT / "requirements.lock"
        satisfied[runtime.name] = hashlib.sha256(runtime.read_bytes()).hexdigest()
    stamp.write_text(json.dumps(satisfied))
    _say(f"Installed in {time.monotonic() - started:.0f} s")


def _create(venv: Path) -> None:
    try:
        import ensurepip  # noqa: F401, PLC0415 - only asks whether they exist
        import venv as venv_module  # noqa: PLC0415 - as above
    except ImportError:
        raise BootstrapError(
            f"{sys.executable} comes without 'venv' and 'ensurepip': install them (on Debian and "
            "Ubuntu: apt install python3-venv) or name another Python with PYTHON=…"
        ) from None
    if shutil.disk_usage(_existing(venv)).free < 1_500_000_000:
        raise BootstrapError(f"The disk that holds {venv} has less than 1.5 GB free.")
    try:
        venv_module.create(venv, with_pip=True, symlinks=True)
    except subprocess.CalledProcessError as error:
        output = (error.output or b"").decode(errors="replace").strip()
        reason = output.splitlines()[-1] if output else "ensurepip failed"
        raise BootstrapError(f"{sys.executable} could not make {venv}: {reason}") from error


def _install(venv: Path, lock: Path) -> None:
    python = venv / "bin" / "python"
    arguments = uv_arguments(pip_configuration(python))
    if arguments is not None and _fetch_uv(python):
        command = [str(venv / "bin" / "uv"), "pip", "install", "--quiet", "--no-config"]
        command += ["--python", str(python), "--require-hashes", "--only-binary", ":all:"]
        result = _run([*command, *arguments.options, "-r", str(lock)], arguments.environment)
        if result.returncode == 0:
            return
        check_surroundings(result)
        _say("uv could not install them, so pip does; this takes about a minute")
    command = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes"]
    result = _run([*command, "--only-binary", ":all:", "-r", str(lock)], {})
    if result.returncode != 0:
        check_surroundings(result)
        lines = [line for line in result.stderr.splitlines() if line.startswith("ERROR")]
        reason = lines[-1] if lines else result.stderr.strip()[-500:]
        raise BootstrapError(f"The packages of {lock.name} could not be installed: {reason}")


def _fetch_uv(python: Path) -> bool:
    """Install uv by the hashes of the development lock; False when it cannot be had."""
    text = (ROOT / "requirements-dev.lock").read_text()
    found = re.search(r"^uv==.*?(?=^\S)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        requirement = Path(folder, "uv.txt")
        requirement.write_text(found[0])
        command = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps"]
        result = _run([*command, "--only-binary", ":all:", "-r", str(requirement)], {})
    check_surroundings(result)
    return result.returncode == 0


class UvArguments:
    """Options and environment by which uv does what pip is configured to do."""

    def __init__(self) -> None:
        # With hashes given it does not matter which index a file comes from; pip mixes them too.
        self.options = ["--index-strategy", "unsafe-best-match"]
        self.environment: dict[str, str] = {}


def uv_arguments(configuration: dict[str, str]) -> UvArguments | None:
    """Translate pip's configuration for uv; None when it says something uv cannot be told."""
    arguments = UvArguments()
    for name, value in configuration.items():
        if name in OPTIONS:
            for word in value.split():
                # pip passes over folders that are not there; uv stops.
                if _exists(word):
                    arguments.options += [OPTIONS[name], word]
        elif name == "no-index":
            if value.lower() in {"1", "true", "yes", "on"}:
                arguments.options.append("--no-index")
        elif name in ENVIRONMENT:
            arguments.environment |= dict.fromkeys(ENVIRONMENT[name], value)
        elif name not in IGNORED_BY_BOTH:
            return None
    return arguments


def pip_configuration(python: Path) -> dict[str, str]:
    """Return what pip is told by its files and its environment, the stronger one winning."""
    output = _run([str(python), "-m", "pip", "config", "list"], {}).stdout
    configuration: dict[str, str] = {}
    # Listed from the weakest to the strongest, but environment first: it goes last.
    lines = [line for line in output.splitlines() if "=" in line]
    for line in sorted(lines, key=lambda line: line.startswith(":env:")):
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section in {"global", "install", ":env:"}:
            configuration[name.lower().replace("_", "-")] = value.strip("'\"").replace("\\n", " ")
    return configuration


def _exists(location: str) -> bool:
    path = location.removeprefix("file://")
    return not path.startswith("/") or Path(path).exists()


def _run(command: list[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def check_surroundings(result: "subprocess.CompletedProcess[str]") -> None:
    """Look at why an installer failed for what no other installer would do better with.

    Raises:
        BootstrapError: the disk is full, or pip cannot get through to where packages come from.
    """
    if result.returncode == 0:
        return
    said = result.stderr + result.stdout
    if "No space left on device" in said:
        raise BootstrapError("The disk is full; the packages need about 600 MB.")
    # pip ends with "no matching distribution", as if there were no such package.
    broken = re.search(r"connection broken by '(?:.*: )?([^:']+)'?\)*': /", said)
    if broken is not None:
        raise BootstrapError(
            "pip cannot reach the package index, from which the first start fetches what it needs "
            f"({broken[1].strip()}): is there a network, or a proxy that pip has to know of?"
        )


def _read_stamp(stamp: Path) -> dict[str, str]:
    try:
        content: dict[str, str] = json.loads(stamp.read_text())
    except (OSError, ValueError):
        return {}
    return content


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())

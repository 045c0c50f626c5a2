"""The locks can be installed on every machine that we promise, and agree with each other."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ops.bootstrap import UvArguments, pip_configuration, uv_arguments
from ops.paths import ROOT

UV = Path(sys.executable).with_name("uv")
# glibc 2.28 and later; macOS 14 on Apple silicon.
PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin")
PYTHONS = ("3.11", "3.12", "3.13")
RUNTIME_LOCKS = ("requirements.lock", "requirements-local-chat.lock")
IMAGE_LOCKS = tuple(
    f"requirements-{part}.lock"
    for part in (
        "auth",
        "agents",
        "conversations",
        "documents",
        "analytics",
        "model-server",
        "ops",
    )
)
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


def pins(lock: str) -> set[tuple[str, str]]:
    return set(PIN.findall((ROOT / lock).read_text()))


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_package_has_a_wheel(platform: str, python: str, tmp_path: Path) -> None:
    command = [str(UV), "pip", "install", "--no-config", "--quiet", "--dry-run"]
    command += ["--only-binary", ":all:", "--require-hashes", "--target", str(tmp_path)]
    command += ["--python-platform", platform, "--python-version", python]
    for lock in RUNTIME_LOCKS:
        command += ["-r", str(ROOT / lock)]
    # Whoever needs a proxy, a mirror or a certificate has told pip, not uv.
    told = uv_arguments(pip_configuration(Path(sys.executable))) or UvArguments()
    command += told.options
    environment = {**os.environ, **told.environment, "MACOSX_DEPLOYMENT_TARGET": "14.0"}

    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=110
    )

    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("lock", [*RUNTIME_LOCKS, *IMAGE_LOCKS])
def test_the_locks_agree_on_versions(lock: str) -> None:
    # What is tested is what runs: each lock is a part of the development lock.
    assert pins(lock) <= pins("requirements-dev.lock")


@pytest.mark.parametrize("lock", ["requirements-dev.lock", *RUNTIME_LOCKS, *IMAGE_LOCKS])
def test_a_lock_names_no_registry_and_pins_by_hash(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    requirements = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert requirements
    assert all("--hash=sha256:" in requirement for requirement in requirements)

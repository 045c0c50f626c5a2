"""The compose file: valid, and fitting what the services read."""

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ops.deploy.environment import ALTERNATIVES, settings_of
from ops.deploy.secret_files import all_secrets
from ops.services import SERVICES

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = Path(sys.executable).with_name("docker-compose")
HARDENED = [*SERVICES, *(f"{service}-worker" for service in SERVICES), "gateway", "model-server"]
# In the containers' folder of secrets; a file each, as `ops.deploy.secret_files` writes them.
FILES = {"SERVICE_JWKS", "SERVICE_JWKS_FILE"}


@cache
def rendered(told: tuple[tuple[str, str], ...] = ()) -> dict[str, Any]:
    """Return the file with its variables filled in, as compose understands it."""
    run = subprocess.run(
        [COMPOSE, "--file", ROOT / "docker-compose.yml", "config", "--format", "json"],
        capture_output=True,
        check=True,
        text=True,
        env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        | dict(told),
    )
    found: dict[str, Any] = json.loads(run.stdout)["services"]
    return found


def test_a_fault_would_be_found(tmp_path: Path) -> None:
    faulty = tmp_path / "compose.yml"
    faulty.write_text("services: {a: {image: x, imagee: y}}")

    run = subprocess.run(
        [COMPOSE, "--file", faulty, "config", "-q"], capture_output=True, check=False
    )

    assert run.returncode != 0


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_is_set_and_every_variable_read(service: str, tmp_path: Path) -> None:
    secrets = all_secrets(tmp_path)
    files = secrets[f"{service}-secrets"].keys() | secrets["knowrithm-secrets"].keys()
    for name in (service, f"{service}-worker"):
        given = rendered()[name]["environment"].keys() | files | FILES

        assert settings_of(service) - ALTERNATIVES - given == set()
        assert given - settings_of(service) == set()


@pytest.mark.parametrize("service", SERVICES)
def test_what_people_are_told_to_set_is_heeded(service: str) -> None:
    shown = set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    told = dict.fromkeys(sorted(shown & settings_of(service)), "12345")
    heard = rendered(tuple(told.items()))

    for name in (service, f"{service}-worker"):
        environment = heard[name]["environment"]
        deaf = {one for one in told.keys() & environment.keys() if environment[one] != told[one]}
        assert deaf == set()


@pytest.mark.parametrize("name", HARDENED)
def test_containers_can_do_little(name: str) -> None:
    container = rendered()[name]

    assert container["read_only"]
    assert container["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in container["security_opt"]


def test_only_the_gateway_is_reached_from_outside() -> None:
    published = {name for name, container in rendered().items() if container.get("ports")}

    assert published == {"gateway"}
    (port,) = rendered()["gateway"]["ports"]
    assert port["host_ip"] == "127.0.0.1"


def test_every_service_waits_for_the_migration() -> None:
    for service in SERVICES:
        for name in (service, f"{service}-worker"):
            waits = rendered()[name]["depends_on"]["migrate"]
            assert waits["condition"] == "service_completed_successfully"

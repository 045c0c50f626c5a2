"""The whole platform as its launcher starts it, and companies that use it with the Python SDK."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests
from knowrithm_py.dataclass.config import KnowrithmConfig
from knowrithm_py.knowrithm.client import KnowrithmClient

from libs.common.http.rates import RATE_CLASSES
from ops.local.process import free_port

ROOT = Path(__file__).resolve().parents[1]
# Fetched once a clone, by hash; a run of the tests must not fetch them again.
MODELS = Path(os.environ.get("MODELS_DIR") or ROOT / ".knowrithm" / "models")
PASSWORD = "correct horse battery"
MAX_UPLOAD_BYTES = 1_000_000
"""Of the shared platform: little enough that a test may exceed it."""
# Tests are in a greater hurry than people.
GENEROUS = "1000000/60"
RATES = dict.fromkeys(RATE_CLASSES, GENEROUS)


@dataclass(frozen=True)
class Platform:
    """A running platform.

    Attributes:
        url: The gateway.
        home: Where its state lies; `run/state.json` tells its processes.
    """

    url: str
    home: Path
    environment: Mapping[str, str]

    def processes(self) -> dict[str, int]:
        """Return the process ids of all parts that run, by name."""
        state = json.loads((self.home / "run" / "state.json").read_text(encoding="utf-8"))
        return {name: part["pid"] for name, part in state["parts"].items() if part.get("pid")}

    def ops(self, *arguments: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        """Run an operator's command on it."""
        return subprocess.run(
            [sys.executable, "-m", "ops", *arguments],
            cwd=ROOT,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )


@contextmanager
def running_platform(home: Path, **variables: str) -> Iterator[Platform]:
    """Start the platform with the given variables, and stop it at the end."""
    port = free_port()
    environment = os.environ | {
        "PORT": str(port),
        "KNOWRITHM_HOME": str(home),
        "MODELS_DIR": str(MODELS),
        "LOCAL_CHAT": "extractive",
        "RATE_LIMITS": json.dumps(RATES),
        **variables,
    }
    for name in ("RUN_VARIABLE", "TEST_POSTGRES_URL", "TEST_REDIS_URL"):
        environment.pop(name, None)
    platform = Platform(f"http://127.0.0.1:{port}", home, environment)
    started = platform.ops("up")
    try:
        assert started.returncode == 0, started.stdout[-3000:] + started.stderr[-3000:]
        yield platform
    finally:
        platform.ops("down")


@dataclass
class Company:
    """A registered company: its admin's token, an API key, and the SDK with each."""

    platform: Platform
    name: str
    id: str = ""
    bearer: dict[str, str] = field(default_factory=dict)
    api_key: str = ""
    api_secret: str = ""
    sdk: Any = None

    @property
    def key_headers(self) -> dict[str, str]:
        """The headers of a call with the company's API key."""
        return {"X-API-Key": self.api_key, "X-API-Secret": self.api_secret}

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """Call the API as the company's admin."""
        return requests.request(
            method, self.platform.url + path, headers=self.bearer, timeout=60, **arguments
        )


def sdk(platform: Platform, key: str | None = None, secret: str | None = None) -> Any:
    """Return the published SDK's client, pointed at the platform."""
    return KnowrithmClient(key, secret, KnowrithmConfig(base_url=f"{platform.url}/api"))


def register(platform: Platform, name: str) -> Company:
    """Register a company as the SDK's users do: company, admin, log-in, API key."""
    company = Company(platform, name)
    email = f"{uuid4().hex}@{name.lower()}.example.com"
    guest = sdk(platform)
    company.id = guest.companies.create_company({"name": name, "email": email})["company"]["id"]
    admin = {"first_name": "Ada", "last_name": "Admin", "username": f"ada-{uuid4().hex[:8]}"}
    guest.auth.register_admin(
        {"email": email, "password": PASSWORD, "company_id": company.id, **admin}
    )
    company.bearer = {
        "Authorization": f"Bearer {guest.auth.login(email, PASSWORD)['access_token']}"
    }
    made = guest.api_keys.create_api_key(
        {"name": "tests", "scopes": ["read", "write"]}, headers=company.bearer
    )
    company.api_key, company.api_secret = made["api_key"], made["api_secret"]
    company.sdk = sdk(platform, company.api_key, company.api_secret)
    return company


def wait_for(condition: Any, *, seconds: float, what: str) -> Any:
    """Return what `condition` gives once it is true.

    Raises:
        AssertionError: It did not become true in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")

"""Logs without secrets."""

import subprocess
import sys
from pathlib import Path

import pytest

from libs.common.telemetry.logging import REDACTED, redact


@pytest.mark.parametrize(
    "key", ["password", "api_secret", "Authorization", "access_token", "x-api-key", "cookie"]
)
def test_secrets_are_redacted_at_any_depth(key: str) -> None:
    line = redact(None, "info", {key: "s3cret", "request": {"headers": [{key: "s3cret"}]}})

    assert line == {key: REDACTED, "request": {"headers": [{key: REDACTED}]}}


def test_counts_of_tokens_stay() -> None:
    line = {"prompt_tokens": 12, "token_count": 3, "event": "answered"}

    assert redact(None, "info", dict(line)) == line


def test_task_ids_are_masked() -> None:
    path = "/api/v1/tasks/d19a0000-0000-4000-8000-000000000000/status"
    line = redact(None, "info", {"path": path, "tried": [path]})

    assert line == {"path": "/api/v1/tasks/***/status", "tried": ["/api/v1/tasks/***/status"]}


def test_bytes_are_not_dumped() -> None:
    assert redact(None, "info", {"body": b"123"}) == {"body": "<3 bytes>"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_full_disk_loses_lines_and_nothing_else() -> None:
    program = (
        "import logging, os, sys\n"
        "from libs.common.telemetry.logging import configure_logging, get_logger\n"
        "configure_logging(service='auth')\n"
        "for number in range(3000):\n"
        "    get_logger('x').error('kettle', number=number)\n"
        "sys.stderr.write('went on')\n"
        "sys.stderr.flush()\n"
        "os._exit(0)\n"
    )
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, check=False
        )

    assert ran.returncode == 0
    assert ran.stderr == b"went on"

"""Whether the local chat model is to be used, and installing what runs it.

Most people never need it: without a chat model answers are quotes, and with a key of their own they
have a better one.
"""

import os
import subprocess
import sys
from enum import Enum, auto
from importlib.util import find_spec
from pathlib import Path

import psutil

from ops.errors import OpsError
from ops.local.environment import chat_is_given
from ops.model_server.files import chat_file
from ops.paths import ROOT
from ops.settings import StackSettings

# Below this the model would take the machine for itself: 2 GB, and every core for 20 s an answer.
ENOUGH_CORES = 4
ENOUGH_BYTES = 8 * 2**30


class ChatPlan(Enum):
    """When the local chat model joins."""

    NONE = auto()
    NOW = auto()
    FIRST = auto()  # the start waits until it is fetched
    LATER = auto()  # it is fetched while the platform already answers with quotes


def plan_chat(settings: StackSettings, folder: Path) -> ChatPlan:
    """Decide by what is configured, what is here, and what this machine can carry."""
    if chat_is_given(settings) or settings.local_chat == "extractive":
        return ChatPlan.NONE
    if chat_file(folder) is not None and find_spec("xllamacpp") is not None:
        return ChatPlan.NOW
    if settings.local_chat == "llm":
        return ChatPlan.FIRST
    big = (os.cpu_count() or 1) >= ENOUGH_CORES and psutil.virtual_memory().total >= ENOUGH_BYTES
    return ChatPlan.LATER if big else ChatPlan.NONE


def install_chat_runtime() -> None:
    """Install llama.cpp's wheel into this environment, by hash, unless it is there.

    Raises:
        OpsError: it cannot be had.
    """
    if find_spec("xllamacpp") is not None:
        return
    lock = ROOT / "requirements-local-chat.lock"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes"]
    command += ["--only-binary=:all:", "-r", str(lock)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        text = result.stderr.strip().splitlines()
        raise OpsError(f"The chat model's runtime cannot be installed: {text[-1] if text else ''}")

"""Installing what runs the local chat model; most people never need its 100 MB."""

import subprocess
import sys
from importlib.util import find_spec

from ops.errors import OpsError
from ops.paths import ROOT


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

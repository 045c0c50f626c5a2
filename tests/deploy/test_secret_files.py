"""Secrets as files: only for who runs the containers, and kept when they are made again."""

import os
import stat
from pathlib import Path

import pytest

from ops.deploy.secret_files import (
    STORE_VARIABLES,
    with_login,
    write_files,
    write_kubernetes,
)
from ops.errors import OpsError

STORES = (*STORE_VARIABLES, "MASTER_ENCRYPTION_KEY")


@pytest.fixture(autouse=True)
def defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stores of the compose file."""
    for name in STORES:
        monkeypatch.delenv(name, raising=False)


def test_files_are_for_their_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    open_file = os.open

    def note(path: Path, flags: int, mode: int = 0o777) -> int:
        opened.append(mode)
        return open_file(path, flags, mode)

    monkeypatch.setattr(os, "open", note)
    write_files(tmp_path)

    files = [path for path in tmp_path.glob("*/*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o400}
    # Nor was any of them for others for a moment.
    assert len(opened) >= len(files)
    assert all(mode & 0o077 == 0 for mode in opened)


def test_made_again_they_are_the_same(tmp_path: Path) -> None:
    write_files(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    write_files(tmp_path)

    assert {path: path.read_bytes() for path in before} == before


def test_a_cluster_needs_its_stores_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://redis.example.com")

    with pytest.raises(OpsError, match="POSTGRES_URL, OBJECT_STORE_URL"):
        write_kubernetes(tmp_path)

    assert not (tmp_path / "secrets.yaml").exists()


def test_a_manifest_that_others_could_read_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in STORE_VARIABLES:
        monkeypatch.setenv(name, "postgresql://owner:x@db.example.com/knowrithm")
    (tmp_path / "secrets.yaml").touch(mode=0o644)

    write_kubernetes(tmp_path)

    assert stat.S_IMODE((tmp_path / "secrets.yaml").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://owner:x@db:5432/k?sslmode=require",
            "postgresql://u:p@db:5432/k?sslmode=require",
        ),
        ("postgresql://owner@[fd00::1]:5432/k", "postgresql://u:p@[fd00::1]:5432/k"),
        ("redis://redis:6379/0", "redis://u:p@redis:6379/0"),
    ],
)
def test_another_login_leaves_the_place_alone(url: str, expected: str) -> None:
    assert with_login(url, "u", "p") == expected

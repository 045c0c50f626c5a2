"""What `make doctor` finds before a start does."""

from pathlib import Path

import pytest

from ops.doctor import examine
from ops.local.process import free_port
from ops.settings import StackSettings


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in StackSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setitem(StackSettings.model_config, "env_file", None)
    monkeypatch.setenv("KNOWRITHM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PORT", str(free_port()))


def test_stores_that_do_not_answer_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("POSTGRES_URL", f"postgresql://owner:secret@{nobody}/shop")
    monkeypatch.setenv("REDIS_URL", f"redis://{nobody}/0")

    assert examine() == 1

    shown = capsys.readouterr().out
    assert f"✗ PostgreSQL: {nobody} cannot be used: " in shown
    assert f"✗ Redis: {nobody} cannot be used: " in shown
    assert "secret" not in shown


def test_stores_that_answer_are_shown_with_their_versions(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    postgres: str,
    redis_url: str,
) -> None:
    monkeypatch.setenv("POSTGRES_URL", postgres)
    monkeypatch.setenv("REDIS_URL", redis_url)

    assert examine() == 0

    assert capsys.readouterr().out.count(", version ") == 2

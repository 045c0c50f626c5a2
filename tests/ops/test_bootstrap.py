"""Before the virtual environment exists."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from ops import bootstrap
from ops.bootstrap import BootstrapError, prepare, uv_arguments
from ops.paths import ROOT

LOCK = ROOT / "requirements.lock"


class TestUvArguments:
    def test_takes_over_what_pip_is_told(self, tmp_path: Path) -> None:
        arguments = uv_arguments(
            {
                "index-url": "https://one.example/simple",
                "extra-index-url": f"https://two.example/simple file://{tmp_path}/nothing",
                "find-links": str(tmp_path),
                "trusted-host": "one.example",
                "cert": "/etc/ca.pem",
                "timeout": "9",
                "disable-pip-version-check": "1",
            }
        )

        assert arguments is not None
        assert arguments.options[2:] == [
            *("--default-index", "https://one.example/simple"),
            *("--index", "https://two.example/simple"),
            *("--find-links", str(tmp_path)),
            *("--allow-insecure-host", "one.example"),
        ]
        assert arguments.environment == {"SSL_CERT_FILE": "/etc/ca.pem", "UV_HTTP_TIMEOUT": "9"}

    def test_leaves_to_pip_what_uv_cannot_be_told(self) -> None:
        assert uv_arguments({"client-cert": "/etc/me.pem"}) is None


class TestPrepare:
    def test_does_nothing_when_the_lock_is_installed(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "python").touch()
        digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
        (tmp_path / bootstrap.STAMP).write_text(json.dumps({LOCK.name: digest}))

        prepare(tmp_path, lock=LOCK)

        assert capsys.readouterr().out == ""

    def test_says_what_is_wrong_with_an_old_python(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "version_info", (3, 10, 12))
        with pytest.raises(BootstrapError, match=r"Python 3\.11, 3\.12 or 3\.13 is needed"):
            prepare(tmp_path / "venv", lock=LOCK)

    @pytest.mark.parametrize("module", ["venv", "ensurepip"])
    def test_a_python_without_venv_gets_one_sentence(self, tmp_path: Path, module: str) -> None:
        script = ROOT / "ops" / "bootstrap.py"
        program = (
            f"import sys, runpy; sys.modules[{module!r}] = None; "
            f"sys.argv = ['x', '--venv', {str(tmp_path / 'venv')!r}]; "
            f"runpy.run_path({str(script)!r}, run_name='__main__')"
        )

        result = subprocess.run(
            [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False
        )

        assert result.returncode == 1
        (line,) = result.stderr.splitlines()
        assert "comes without 'venv' and 'ensurepip'" in line

    def test_imports_nothing_but_the_standard_library(self) -> None:
        result = subprocess.run(
            [sys.executable, "-I", "-S", str(ROOT / "ops" / "bootstrap.py"), "--help"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr

"""Before the virtual environment exists."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops import bootstrap
from ops.bootstrap import BootstrapError, check_surroundings, prepare, uv_arguments
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


class TestSurroundings:
    def test_without_a_network_it_is_not_the_package_that_is_missing(self, tmp_path: Path) -> None:
        # What pip itself says.
        result = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--retries", "1"),
                *("--index-url", "http://127.0.0.1:9/simple", "--dest", str(tmp_path)),
                "knowrithm-none",
            ],
            env={**os.environ, "PIP_CONFIG_FILE": os.devnull, "PIP_EXTRA_INDEX_URL": ""},
            capture_output=True,
            text=True,
            check=False,
        )

        with pytest.raises(BootstrapError) as error:
            check_surroundings(result)

        assert "cannot reach the package index" in str(error.value)
        assert "Connection refused" in str(error.value)
        assert "\n" not in str(error.value)

    def test_a_full_disk(self) -> None:
        said = "ERROR: Could not install packages: [Errno 28] No space left on device"
        with pytest.raises(BootstrapError, match="The disk is full"):
            check_surroundings(subprocess.CompletedProcess([], 1, stdout="", stderr=said))

    def test_a_package_that_is_really_missing_is_left_to_the_next_installer(self) -> None:
        said = "ERROR: No matching distribution found for kettle==1.0"
        check_surroundings(subprocess.CompletedProcess([], 1, stdout="", stderr=said))
        warned = "WARNING: Retrying after connection broken by 'Reset': /simple/kettle/"
        check_surroundings(subprocess.CompletedProcess([], 0, stdout="", stderr=warned))

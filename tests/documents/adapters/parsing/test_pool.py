import asyncio
import os
import platform
import sys
from pathlib import Path

import pytest

from services.documents.adapters.parsing import pool as pool_module
from services.documents.adapters.parsing.pool import ProcessParser
from services.documents.domain.errors import (
    CorruptDocument,
    EmptyDocument,
    EncryptedDocument,
    NoText,
    ParserLimitExceeded,
)
from tests.documents.adapters.parsing.files import make_docx, make_pdf, make_scan

MARKDOWN = b"# Rules\n\nBe kind.\n\n## Returns\n\nKeep the receipt."
# Runs a line of Python in a process that is confined as a parsing child is.
CONFINED = (
    f"import sys; sys.path.insert(0, {str(pool_module._ROOT)!r}); "
    "from services.documents.adapters.parsing.confinement import confine, limit_cpu_seconds; "
)


async def confined(code: str) -> tuple[int, str]:
    """Return the exit code and the errors of some code in a confined process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", CONFINED + code, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, errors.decode()


def environment_of(pid: int) -> bytes:
    """Return a process' environment as far as we may read it."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except PermissionError:
        return b""


class TestProcessParser:
    async def test_returns_the_document(self) -> None:
        async with ProcessParser(processes=1) as parser:
            document = await parser.parse(MARKDOWN, filename="rules.md")

        assert (document.document_type, document.title) == ("md", "Rules")
        assert document.word_count == 7
        assert [block.heading_path for block in document.blocks] == [
            ("Rules",),
            ("Rules",),
            ("Rules", "Returns"),
            ("Rules", "Returns"),
        ]
        for block in document.blocks:
            assert document.text[block.char_start : block.char_end] == block.text

    async def test_reads_files_too(self, tmp_path: Path) -> None:
        path = tmp_path / "upload"
        path.write_bytes(make_docx())

        async with ProcessParser(processes=1) as parser:
            document = await parser.parse(path, filename="handbook.docx")

        assert document.document_type == "docx"

    async def test_says_what_is_wrong_with_a_file(self) -> None:
        async with ProcessParser(processes=1) as parser:
            for content, error in (
                (b"", EmptyDocument),
                (make_scan(), NoText),
                (make_pdf([[(11, "x")]], password="secret"), EncryptedDocument),
                (b"%PDF-1.4 no more", CorruptDocument),
            ):
                with pytest.raises(error):
                    await parser.parse(content, filename="a.pdf")
            document = await parser.parse(MARKDOWN, filename="rules.md")

        assert document.document_type == "md"

    async def test_one_process_serves_many_documents(self) -> None:
        async with ProcessParser(processes=1) as parser:
            await parser.parse(MARKDOWN, filename="rules.md")
            first = parser._idle[0]
            await parser.parse(MARKDOWN, filename="rules.md")

            assert parser._idle == [first]

    async def test_a_process_is_replaced_when_it_has_served_enough(self) -> None:
        async with ProcessParser(processes=1, documents_per_process=1) as parser:
            await parser.parse(MARKDOWN, filename="rules.md")

            assert parser._idle == []

    async def test_one_that_takes_too_long_fails_its_document_only(self) -> None:
        slow = b"a" + b"*a *b " * 400_000

        async with ProcessParser(processes=1, timeout_seconds=0.2) as parser:
            with pytest.raises(ParserLimitExceeded):
                await parser.parse(slow, filename="slow.md")

            assert parser._idle == []

    async def test_one_that_dies_fails_its_document_only(self) -> None:
        async with ProcessParser(processes=1) as parser:
            await parser.parse(MARKDOWN, filename="rules.md")
            os.kill(parser._idle[0]._process.pid, 9)

            with pytest.raises(ParserLimitExceeded):
                await parser.parse(MARKDOWN, filename="rules.md")
            document = await parser.parse(MARKDOWN, filename="rules.md")

        assert document.document_type == "md"

    async def test_as_many_at_once_as_there_are_processes(self) -> None:
        async with ProcessParser(processes=2) as parser:
            documents = await asyncio.gather(
                *(parser.parse(MARKDOWN, filename=f"{number}.md") for number in range(8))
            )

            assert len(documents) == 8
            assert len(parser._idle) <= 2


@pytest.mark.skipif(sys.platform != "linux", reason="the limits of other systems are weaker")
class TestConfinement:
    async def test_memory_is_bounded(self) -> None:
        code, errors = await confined("confine(); x = bytearray(700 * 1024 * 1024)")

        assert (code, "MemoryError" in errors) == (1, True)

    async def test_cpu_time_is_bounded(self) -> None:
        code, _ = await confined("confine(); limit_cpu_seconds(0)\nwhile True: pass")

        assert code == -24  # SIGXCPU

    async def test_nothing_is_written(self, tmp_path: Path) -> None:
        path = tmp_path / "written"
        code, errors = await confined(f"confine(); open({str(path)!r}, 'w').write('x' * 100_000)")

        assert (code, "File too large" in errors) == (1, True)

    @pytest.mark.skipif(
        platform.machine() not in ("x86_64", "aarch64"), reason="no filter for this machine"
    )
    @pytest.mark.parametrize(
        "attempt",
        [
            "import socket; socket.socket()",
            "import os; os.execv('/bin/true', ['true'])",
            "import os; os.fork()",
            "import os; os.unlink(sys.argv[0] or '/nothing')",
            "import os; os.kill(os.getppid(), 0)",
        ],
    )
    async def test_no_network_no_programs_no_deleting(self, attempt: str) -> None:
        code, errors = await confined(f"confine(); {attempt}")

        assert code == 1
        assert "PermissionError" in errors or "Operation not permitted" in errors

    @pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc to read")
    async def test_the_services_environment_cannot_be_read(self) -> None:
        child = (
            CONFINED
            + "confine(); print(open(f'/proc/{__import__(\"os\").getppid()}/environ').read())"
        )
        parent = (
            "from services.documents.adapters.parsing.confinement import hide_environment; "
            f"import subprocess, sys; hide_environment(); "
            f"sys.exit(subprocess.run([sys.executable, '-I', '-c', {child!r}]).returncode)"
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            parent,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={
                **os.environ,
                "MASTER_ENCRYPTION_KEY": "canary",
                "PYTHONPATH": str(pool_module._ROOT),
            },
        )
        output, errors = await process.communicate()

        assert process.returncode == 1
        assert b"Permission" in errors
        assert b"canary" not in output

    async def test_no_secrets_in_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PRIMARY_DB_URL", "postgresql://secret")
        async with ProcessParser(processes=1) as parser:
            await parser.parse(MARKDOWN, filename="rules.md")
            pid = parser._idle[0]._process.pid
            environment = environment_of(pid)

        assert b"secret" not in environment

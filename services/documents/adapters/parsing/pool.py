"""Warm parsing processes: a few, reused, replaced before they grow old or fat.

A process is started when the first document comes and serves one document at a time. One that
takes too long, dies, or answers nonsense is killed, and its document fails with a reason; the
next document gets a new process.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson
import structlog

from services.documents.adapters.parsing.child import REPLY, REQUEST
from services.documents.adapters.parsing.confinement import hide_environment
from services.documents.adapters.parsing.ocr import OcrChoice
from services.documents.domain import errors
from services.documents.domain.errors import (
    CorruptDocument,
    EmptyDocument,
    ParserLimitExceeded,
    ScanFound,
    UnreadableDocument,
)
from services.documents.domain.ports import Block, ParsedDocument
from services.documents.domain.web_ports import ReadPage, ReadSitemap

log = structlog.get_logger(__name__)

PROCESSES: Final = 2
TIMEOUT_SECONDS: Final = 120.0
CPU_SECONDS: Final = 60
DOCUMENTS_PER_PROCESS: Final = 500
MAX_RESIDENT_BYTES: Final = 300 * 1024 * 1024
# MAX_CHARS in UTF-8, the blocks' positions, and room for escapes.
MAX_REPLY_BYTES: Final = 128 * 1024 * 1024

_ROOT: Final = Path(__file__).resolve().parents[4]
_START: Final = (
    "import sys; sys.path.insert(0, {root!r}); "
    "from services.documents.adapters.parsing.child import main; main()"
)
_ERRORS: Final[Mapping[str, type[UnreadableDocument]]] = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, UnreadableDocument)
}


class ProcessParser:
    """Fulfils `Parser`. Use it as a context manager, or call `close` at the end.

    Args:
        processes: How many documents are read at once.
        timeout_seconds: Wall-clock time that a document may take.
        cpu_seconds: CPU time that it may take.
        documents_per_process: After so many a process is replaced.
        ocr: How pictures are read; without it, they have no text. Each page that is recognised
            has the times above for itself.
    """

    def __init__(
        self,
        *,
        processes: int = PROCESSES,
        timeout_seconds: float = TIMEOUT_SECONDS,
        cpu_seconds: int = CPU_SECONDS,
        documents_per_process: int = DOCUMENTS_PER_PROCESS,
        ocr: OcrChoice | None = None,
    ) -> None:
        self._ocr = ocr
        self._slots = asyncio.Semaphore(processes)
        self._timeout_seconds = timeout_seconds
        self._cpu_seconds = cpu_seconds
        self._documents_per_process = documents_per_process
        self._idle: list[_Child] = []

    async def __aenter__(self) -> Self:
        hide_environment()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop the idle processes; those at work end with their document."""
        idle, self._idle = self._idle, []
        for child in idle:
            await child.stop()

    async def parse(
        self, content: bytes | Path, *, filename: str, scans: bool = True
    ) -> ParsedDocument:
        """Return the document's text and structure; see `Parser`."""
        if isinstance(content, bytes) and not content:
            raise EmptyDocument
        reply = await self._ask(content, {"filename": filename}, scans=scans)
        if "is_scan" in reply:
            raise ScanFound
        return _document(reply)

    async def read_page(self, content: bytes, *, url: str, charset: str | None) -> ReadPage:
        """Return what a page of HTML says; see `PageReader`."""
        wanted = {"look": "page", "url": url, "charset": charset or "", "filename": "page.html"}
        reply = await self._ask(content, wanted)
        return ReadPage(
            content=reply["content"].encode("utf-8", "replace"),
            title=reply["title"],
            canonical=reply["canonical"],
            links=tuple(reply["links"]),
            noindex=reply["noindex"],
            sketch=frozenset(reply["sketch"]),
            word_count=reply["word_count"],
        )

    async def read_sitemap(self, content: bytes, *, url: str) -> ReadSitemap:
        """Return what a sitemap lists; see `PageReader`."""
        wanted = {"look": "sitemap", "url": url, "filename": "sitemap.xml"}
        reply = await self._ask(content, wanted)
        return ReadSitemap(pages=tuple(reply["pages"]), sitemaps=tuple(reply["sitemaps"]))

    async def _ask(
        self, content: bytes | Path, wanted: Mapping[str, str], *, scans: bool = True
    ) -> Mapping[str, Any]:
        """Let a process answer; what it says is wrong with the file is raised.

        Raises:
            UnreadableDocument: The file is at fault.
        """
        filename = wanted["filename"]
        async with self._slots:
            child = self._idle.pop() if self._idle else await _Child.start()
            healthy = False
            try:
                async with asyncio.timeout(self._timeout_seconds) as deadline:
                    async for answer in child.ask(content, self._header(wanted, scans=scans)):
                        if answer is None:
                            later = asyncio.get_running_loop().time() + self._timeout_seconds
                            deadline.reschedule(later)
                        else:
                            reply = answer
                healthy = self._is_fit(child, reply)
            except TimeoutError as error:
                log.warning("parser_stopped", reason="time", filename_ending=_ending(filename))
                raise ParserLimitExceeded from error
            except (EOFError, OSError, ValueError) as error:
                code = await child.stop()
                log.warning("parser_died", exit_code=code, filename_ending=_ending(filename))
                raise _cause_of_death(code) from error
            finally:
                if healthy:
                    self._idle.append(child)
                else:
                    await child.stop()
        if "error" in reply:
            kind = _ERRORS.get(reply["error"], CorruptDocument)
            raise kind(reply.get("message"))
        return reply

    def _header(self, wanted: Mapping[str, str], *, scans: bool) -> dict[str, Any]:
        header: dict[str, Any] = {**wanted, "cpu_seconds": self._cpu_seconds}
        if self._ocr is not None and "look" not in wanted:
            header["ocr"] = asdict(self._ocr)
            header["ocr_deferred"] = not scans
        return header

    def _is_fit(self, child: "_Child", reply: Mapping[str, Any]) -> bool:
        return (
            child.served < self._documents_per_process
            and int(reply["resident"]) < MAX_RESIDENT_BYTES
        )


class _Child:
    """One process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.served = 0

    @classmethod
    async def start(cls) -> Self:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-X",
            "utf8",
            "-c",
            _START.format(root=str(_ROOT)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            # Nothing of ours: no passwords, no keys, no proxies.
            # And no threads, which Tesseract would start and the confinement forbids.
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "OMP_THREAD_LIMIT": "1"},
            # Ctrl-C in a terminal is for the parent, which then lets us go.
            start_new_session=True,
            limit=1024 * 1024,
        )
        return cls(process)

    async def ask(
        self, content: bytes | Path, header: dict[str, Any]
    ) -> AsyncGenerator[Mapping[str, Any] | None]:
        """Yield None for each page that is recognised, then the reply."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise EOFError("no pipes")
        if isinstance(content, Path):
            header["path"] = str(content)
            content = b""
        head = orjson.dumps(header)
        self.served += 1
        stdin.writelines((REQUEST.pack(len(head), len(content)) + head, content))
        await stdin.drain()
        pages = header["ocr"]["max_pages"] if "ocr" in header else 0
        while True:
            (length,) = REPLY.unpack(await stdout.readexactly(REPLY.size))
            if length:
                break
            pages -= 1
            if pages < 0:
                raise ValueError("more pages than may be")
            yield None
        if length > MAX_REPLY_BYTES:
            raise ValueError("reply too long")
        reply: dict[str, Any] = orjson.loads(await stdout.readexactly(length))
        yield reply

    async def stop(self) -> int:
        """Kill the process, if need be, and return its exit code."""
        with contextlib.suppress(ProcessLookupError):
            if self._process.returncode is None:
                # Not its own `kill`, which looks first whether the process has ended, and then
                # takes the exit code that asyncio waits for.
                os.kill(self._process.pid, signal.SIGKILL)
        code = await self._process.wait()
        # The pipes' transports would otherwise linger until the loop is gone.
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001 - no public way
        return code


def _cause_of_death(code: int) -> UnreadableDocument:
    # pdfium aborts when it gets no memory.
    limits = (-signal.SIGXCPU, -signal.SIGKILL, -signal.SIGXFSZ, -signal.SIGABRT, -signal.SIGTRAP)
    return ParserLimitExceeded() if code in limits else CorruptDocument()


def _document(reply: Mapping[str, Any]) -> ParsedDocument:
    text: str = reply["text"]
    paths = [tuple(path) for path in reply["paths"]]
    return ParsedDocument(
        text=text,
        blocks=tuple(
            Block(
                text=text[start:end],
                page=page,
                heading_path=paths[path],
                char_start=start,
                char_end=end,
            )
            for page, path, start, end in reply["blocks"]
        ),
        media_type=reply["media_type"],
        document_type=reply["document_type"],
        page_count=reply["page_count"],
        word_count=len(text.split()),
        title=reply["title"],
        warnings=tuple(reply["warnings"]),
    )


def _ending(filename: str) -> str:
    return filename.rpartition(".")[2][:10]

"""What taking in documents costs, and what others feel of it: `python -m bench.ingestion`.

A platform of its own in a scratch folder, with stub models; about four minutes. `--only` plays a
part. CPU is that of all the platform's processes, from the first upload until the last document is
`processed`; parsing is in it, the stub's embedding is not.
"""

import argparse
import asyncio
import io
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import docx
import openpyxl
import psutil
import uvloop
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from bench.api import Api, median, quantile
from bench.costs import spent
from bench.knowledge import markdown, question, sections, small_manual
from bench.load import PlatformChat, Turn, for_some_time, open_conversations
from bench.stack import Platform, StubModels, scratch_platform, stub_models
from bench.stub import Plan
from ops.local.state import memory_bytes

PARTS: Final = ("markdown", "pdf", "memory", "chat", "fairness")
_UPLOADERS: Final = 4
_PDF_PAGES: Final = 20
_LINES_A_PAGE: Final = 48
_MIXED: Final = 500
_CROWD_FILES: Final = 2_000
_FILES_AN_UPLOAD: Final = 20
_PEOPLE: Final = 4
_CHAT_SECONDS: Final = 20.0


async def markdown_cost(platform: Platform, api: Api, *, count: int = 400) -> list[str]:
    """CPU of a Markdown file of 4 KiB."""
    files = {
        f"manual-{number}.md": small_manual(20_000 + number).encode() for number in range(count)
    }
    await _taken_in(api, {name: files[name] for name in list(files)[:20]})
    seconds, costs = await _measured(platform, api, dict(list(files.items())[20:]))
    rest = count - 20
    return [
        _row("a Markdown file of 4 KiB: CPU", sum(costs.values()) / rest, "ms"),
        *(_row(f"  of it {name}", cost / rest, "ms") for name, cost in _largest(costs)),
        _row("Markdown files of 4 KiB", rest / seconds, "/s"),
    ]


async def pdf_cost(platform: Platform, api: Api, *, count: int = 40) -> list[str]:
    """CPU of a page of digital PDF, and what pdfium alone takes to tell its text."""
    files = {f"book-{number}.pdf": pdf(30_000 + number) for number in range(count)}
    await _taken_in(api, {name: files[name] for name in list(files)[:4]})
    seconds, costs = await _measured(platform, api, dict(list(files.items())[4:]))
    pages = (count - 4) * _PDF_PAGES
    return [
        _row("a page of digital PDF: CPU", sum(costs.values()) / pages, "ms"),
        *(_row(f"  of it {name}", cost / pages, "ms") for name, cost in _largest(costs)),
        _row("pages of digital PDF", pages / seconds, "/s"),
    ]


async def worker_memory(platform: Platform, api: Api) -> list[str]:
    """Memory of the documents worker before and after many documents of several kinds."""
    worker = platform.parts().roots["documents-worker"]
    start = _own_mib(worker)
    await _taken_in(api, dict(mixed(50, first=40_000)))
    warm, warm_all = _own_mib(worker), platform.parts().memory_mib()["documents-worker"]
    await _taken_in(api, dict(mixed(_MIXED, first=41_000)))
    after, after_all = _own_mib(worker), platform.parts().memory_mib()["documents-worker"]
    return [
        _row("the worker, at its start", start, "MiB"),
        _row("  after 50 mixed documents", warm, "MiB"),
        _row(f"  after {_MIXED} more", after, "MiB"),
        _row("  growth from the start", 100 * (after / start - 1), "%"),
        _row(f"  growth by the last {_MIXED}", 100 * (after / warm - 1), "%"),
        _row("with its parsing processes, after 50", warm_all, "MiB"),
        _row(f"with its parsing processes, after {_MIXED} more", after_all, "MiB"),
    ]


async def chat_beside(platform: Platform, models: StubModels, api: Api) -> list[str]:
    """How long chat turns take while documents come in, and without."""
    await models.plan(Plan())
    agent = await asyncio.to_thread(api.make_agent, "Asked")
    await _taken_in(api, {"manual.md": markdown(7, 100).encode()}, agent=agent)
    alone = await _turns(platform, api, agent)
    loading = asyncio.Event()

    async def load() -> None:
        number = 50_000
        other = await asyncio.to_thread(api.make_agent, "Loaded")
        while not loading.is_set():
            files = {f"{one}.md": small_manual(one).encode() for one in range(number, number + 5)}
            await asyncio.to_thread(api.upload, other, files)
            number += 5

    task = asyncio.create_task(load())
    await asyncio.sleep(2)
    beside = await _turns(platform, api, agent)
    loading.set()
    await task
    ratio = quantile(beside, 0.99) / quantile(alone, 0.99)
    return [
        _row("chat turn, p50 / p99 added", median(alone), "ms", quantile(alone, 0.99)),
        _row("  while documents come in", median(beside), "ms", quantile(beside, 0.99)),
        _row("  p99, with to without", ratio, "times"),
    ]


async def fairness(platform: Platform, api: Api) -> list[str]:
    """How long one file of a company takes, idle and while another loads thousands."""
    with await asyncio.to_thread(Api.for_new_company, platform.url) as other:
        agent = await asyncio.to_thread(other.make_agent, "Single")
        numbers = iter(range(60_000, 70_000))
        await _single(other, agent, next(numbers))
        idle = [await _single(other, agent, next(numbers)) for _ in range(10)]
        crowd = asyncio.create_task(_load_thousands(api))
        await asyncio.sleep(3)
        busy = []
        while not crowd.done():
            busy.append(await _single(other, agent, next(numbers)))
            await asyncio.sleep(0.5)
        await crowd
    return [
        _row("a single file, idle: p50 / max", 1_000 * median(idle), "ms", 1_000 * max(idle)),
        _row(
            f"  while another loads {_CROWD_FILES:,}: p50 / max",
            1_000 * median(busy),
            "ms",
            1_000 * max(busy),
        ),
        _row("  median, with to without", median(busy) / median(idle), "times"),
        _row("  files that were timed meanwhile", len(busy), ""),
    ]


def pdf(number: int, pages: int = _PDF_PAGES) -> bytes:
    """Return a PDF with text, about 2,800 characters a page."""
    words = " ".join(sections(number, 1 + pages * 3)).split()
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4)
    place = 0
    for _ in range(pages):
        canvas.setFont("Helvetica", 10)
        for line in range(_LINES_A_PAGE):
            canvas.drawString(60, 800 - 15 * line, " ".join(words[place : place + 9]))
            place = (place + 9) % (len(words) - 9)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def mixed(count: int, *, first: int) -> Iterator[tuple[str, bytes]]:
    """Yield documents of five kinds in turn."""
    for number in range(first, first + count):
        match number % 5:
            case 0:
                yield f"{number}.pdf", pdf(number, pages=6)
            case 1:
                yield f"{number}.md", small_manual(number, size_bytes=16_384).encode()
            case 2:
                yield f"{number}.docx", _word(number)
            case 3:
                yield f"{number}.xlsx", _sheet(number)
            case _:
                body = "".join(f"<h2>{number}</h2><p>{part}</p>" for part in sections(number, 8))
                yield f"{number}.html", f"<html><body>{body}</body></html>".encode()


def _word(number: int) -> bytes:
    document = docx.Document()
    for part in sections(number, 8):
        document.add_paragraph(part)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def _sheet(number: int) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Facts", 0)
    words = " ".join(sections(number, 3)).split()
    for row in range(200):
        sheet.append([row, *words[row : row + 6]])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


async def _taken_in(api: Api, files: Mapping[str, bytes], *, agent: str = "") -> None:
    agent = agent or await asyncio.to_thread(api.make_agent, "Ingestion")
    queue = list(files.items())

    async def upload() -> None:
        while queue:
            name, content = queue.pop()
            await asyncio.to_thread(api.upload, agent, {name: content})

    await asyncio.gather(*(upload() for _ in range(_UPLOADERS)))
    await asyncio.to_thread(
        api.wait_until_indexed, agent, len(files), seconds=600, pause_seconds=0.2
    )


async def _measured(
    platform: Platform, api: Api, files: Mapping[str, bytes]
) -> tuple[float, dict[str, float]]:
    """Return the seconds until all are searchable, and the CPU milliseconds of each part."""
    parts = platform.parts()
    before, started = parts.cpu_seconds(), time.monotonic()
    await _taken_in(api, files)
    seconds = time.monotonic() - started
    # What follows an upload, such as counting it elsewhere, is part of its price.
    await asyncio.sleep(1)
    return seconds, spent(before, parts.cpu_seconds())


async def _turns(platform: Platform, api: Api, agent: str) -> list[float]:
    """Return the milliseconds that each chat turn took beyond the model's."""
    headers = api.key.headers
    places = await open_conversations(platform.port, headers, agent, 40 * _PEOPLE)
    asks: list[Callable[[], Awaitable[Turn]]] = []
    for person in range(_PEOPLE):
        chat = PlatformChat(platform.port, headers)
        own = iter(places[person::_PEOPLE] * 200)
        numbers = iter(range(person, 10_000_000, _PEOPLE))

        async def ask(
            chat: PlatformChat = chat, own: Iterator[str] = own, numbers: Iterator[int] = numbers
        ) -> Turn:
            number = next(numbers)
            return await chat.ask(next(own), question(7, number % 100, number=number))

        asks.append(ask)
    tally = await for_some_time(asks, seconds=_CHAT_SECONDS)
    if tally.errors:
        raise RuntimeError(f"questions failed: {dict(tally.errors)}")
    return [turn.whole for turn in tally.done]


async def _single(api: Api, agent: str, number: int) -> float:
    """Return the seconds from the upload of a file until it is processed."""
    started = time.monotonic()
    done = await asyncio.to_thread(api.count_documents, agent, "processed")
    await asyncio.to_thread(api.upload, agent, {f"{number}.md": small_manual(number).encode()})
    await asyncio.to_thread(
        api.wait_until_indexed, agent, done + 1, seconds=300, pause_seconds=0.02
    )
    return time.monotonic() - started


async def _load_thousands(api: Api) -> None:
    agent = await asyncio.to_thread(api.make_agent, "Thousands")
    first = 100_000
    queue = [
        range(start, start + _FILES_AN_UPLOAD)
        for start in range(first, first + _CROWD_FILES, _FILES_AN_UPLOAD)
    ]

    async def upload() -> None:
        while queue:
            files = {f"{number}.md": small_manual(number).encode() for number in queue.pop()}
            await asyncio.to_thread(api.upload, agent, files)

    await asyncio.gather(*(upload() for _ in range(_UPLOADERS)))
    await asyncio.to_thread(
        api.wait_until_indexed, agent, _CROWD_FILES, seconds=900, pause_seconds=0.5
    )


def _own_mib(pid: int) -> float:
    """Return the memory of a process without those it started."""
    return (memory_bytes(pid) or 0) / 2**20


def _largest(costs: Mapping[str, float]) -> Sequence[tuple[str, float]]:
    return sorted(costs.items(), key=lambda one: -one[1])[:6]


def _row(name: str, value: float, unit: str, second: float | None = None) -> str:
    shown = f"{value:,.2f}" if second is None else f"{value:,.2f} / {second:,.2f}"
    return f"| {name} | {shown} {unit} |"


@asynccontextmanager
async def _running() -> AsyncIterator[tuple[Platform, StubModels]]:
    async with stub_models() as models:
        with scratch_platform(**models.variables) as platform:
            await asyncio.to_thread(platform.up)
            yield platform, models


async def measure(only: Sequence[str]) -> list[str]:
    """Play the parts and return the table's rows."""
    rows = ["| figure | here |", "|---|---|"]
    async with _running() as (platform, models):
        with await asyncio.to_thread(Api.for_new_company, platform.url) as api:
            plays: dict[str, Callable[[], Awaitable[list[str]]]] = {
                "memory": partial(worker_memory, platform, api),
                "markdown": partial(markdown_cost, platform, api),
                "pdf": partial(pdf_cost, platform, api),
                "chat": partial(chat_beside, platform, models, api),
                "fairness": partial(fairness, platform, api),
            }
            for name, play in plays.items():
                if not only or name in only:
                    rows += await play()
                    print(f"{name} is done", file=sys.stderr)
    load = psutil.getloadavg()
    return [*rows, "", f"Load average at the end {load[0]:.1f}."]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], choices=PARTS)
    given = parser.parse_args()
    print("\n".join(uvloop.run(measure(given.only))))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Files that mean harm: each fails with a reason, in time, and hurts nothing but itself."""

import asyncio
import time

import psutil
import pytest

from services.documents.adapters.parsing.confinement import MEMORY_BYTES
from services.documents.adapters.parsing.ocr import find_ocr
from services.documents.adapters.parsing.pool import ProcessParser
from services.documents.domain.errors import UnreadableDocument
from tests.documents.adapters.parsing.hostile import HOSTILE

OCR, _ = find_ocr("eng", max_pages=3)
# A third of what a document may take, in both kinds of time.
SECONDS = 30
ODD = {
    "utf-16": ("a.txt", "Größe: 5 m²".encode("utf-16"), "Größe: 5 m²"),
    "utf-16 csv": ("a.csv", "Ort;Zahl\nKöln;drei".encode("utf-16"), "Ort: Köln; Zahl: drei"),
    "shift-jis": (
        "a.txt",
        ("返品は三十日以内に受け付けます。倉庫は大阪にあります。" * 5).encode("shift_jis"),
        "返品は三十日以内に受け付けます。",
    ),
    "right to left": ("a.txt", "البضائع تعاد خلال ثلاثين يوما".encode(), "خلال ثلاثين"),
    "windows greek": (
        "a.html",
        '<html><head><meta charset="windows-1253"></head><body><p>Επιστροφή'.encode("cp1253"),
        "Επιστροφή",
    ),
    "ten thousand lines": (
        "a.csv",
        b"Part,Use\n" + b"".join(b"part,use %d\n" % n for n in range(10_000)),
        "use 9999",
    ),
    "deep json": ("a.json", b'{"a":' * 60 + b'"deep"' + b"}" * 60, "deep"),
    "nul in text": ("a.txt", b"A word" + b"\r" * 3 + b"and more", "and more"),
    "no line ends": ("a.md", b"# T" + b" word" * 20_000, "word"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_fails_with_a_reason(name: str) -> None:
    filename, make = HOSTILE[name]
    content = make()
    before = psutil.Process().memory_info().rss
    peaks = [0]

    async def watch() -> None:
        while True:
            for child in psutil.Process().children():
                try:
                    peaks.append(child.memory_info().rss)
                except psutil.Error:
                    continue
            await asyncio.sleep(0.05)

    async with ProcessParser(
        processes=1, timeout_seconds=SECONDS, cpu_seconds=SECONDS, ocr=OCR
    ) as parser:
        watching = asyncio.create_task(watch())
        start = time.monotonic()
        with pytest.raises(UnreadableDocument) as caught:
            await parser.parse(content, filename=filename)
        took = time.monotonic() - start
        watching.cancel()

    assert caught.value.code in {
        "corrupt_document",
        "empty_document",
        "encrypted_document",
        "no_text",
        "parser_limit_exceeded",
        "unsupported_type",
    }
    assert took < SECONDS + 5
    # The child's own memory before it reads anything is some 40 MB.
    assert max(peaks) < MEMORY_BYTES + 64 * 2**20
    # The worker holds no more than the file itself.
    assert psutil.Process().memory_info().rss < before + len(content) + 32 * 2**20


async def test_others_are_read_meanwhile_and_afterwards() -> None:
    bad = [HOSTILE[name] for name in ("pdf stream bomb", "odt nested", "docx bomb", "xml laughs")]
    async with ProcessParser(processes=2, timeout_seconds=SECONDS) as parser:
        wanted = [parser.parse(make(), filename=filename) for filename, make in bad]
        good = [parser.parse(b"# Good\n\nAll is well.", filename=f"{n}.md") for n in range(4)]
        results = await asyncio.gather(*wanted, *good, return_exceptions=True)

    assert all(isinstance(one, UnreadableDocument) for one in results[: len(bad)])
    assert not any(isinstance(one, BaseException) for one in results[len(bad) :])


async def test_nothing_outside_is_touched() -> None:
    # What tries to reach a file or an address says nothing of it.
    async with ProcessParser(processes=1) as parser:
        for name in ("xml outside", "odt outside", "docx outside", "xml parameter"):
            filename, make = HOSTILE[name]
            with pytest.raises(UnreadableDocument) as caught:
                await parser.parse(make(), filename=filename)
            assert "root:" not in caught.value.message


@pytest.mark.parametrize("name", ODD)
async def test_odd_ones_are_read(name: str) -> None:
    filename, content, expected = ODD[name]
    async with ProcessParser(processes=1) as parser:
        document = await parser.parse(content, filename=filename)

    assert expected in document.text
    for block in document.blocks:
        assert document.text[block.char_start : block.char_end] == block.text

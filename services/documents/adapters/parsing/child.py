"""The parsing process: reads frames from its standard input, answers on its standard output.

A request is two lengths (of a JSON header and of the content) and the two; a reply is a length
and JSON. A length of 0 before it says that OCR begins another page. Only JSON comes back: what a
hostile file could make of this process must not be unpickled by the parent.
"""

import json
import os
import struct
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final

from services.documents.adapters.parsing.confinement import (
    confine,
    limit_cpu_seconds,
    release_memory,
    resident_bytes,
)
from services.documents.adapters.parsing.formats import read
from services.documents.adapters.parsing.ocr import Ocr, OcrChoice, OcrDeferred
from services.documents.domain.errors import (
    CorruptDocument,
    ParserLimitExceeded,
    UnreadableDocument,
)

REQUEST: Final = struct.Struct("!II")
REPLY: Final = struct.Struct("!I")
# Documents; it takes some 20 ms.
RELEASE_EVERY: Final = 50


def main() -> None:
    """Serve until standard input closes."""
    requests = sys.stdin.buffer
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    # Libraries that print must not garble the replies.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # openpyxl would load numpy, 30 MB, to recognise numbers that no file of ours holds.
    sys.modules.update({"numpy": None})  # type: ignore[dict-item]  # None keeps it from being found
    confine()
    served = 0
    while (request := _request(requests)) is not None:
        header, content = request
        answer = _answer(header, content, partial(_write, replies, REPLY.pack(0)))
        reply = json.dumps(answer, ensure_ascii=False).encode("utf-8")
        del content
        _write(replies, REPLY.pack(len(reply)) + reply)
        served += 1
        if served % RELEASE_EVERY == 0:
            del answer, reply
            release_memory()


def _request(requests: BinaryIO) -> tuple[Mapping[str, Any], bytes] | None:
    lengths = requests.read(REQUEST.size)
    if len(lengths) < REQUEST.size:
        return None
    header_length, content_length = REQUEST.unpack(lengths)
    header = json.loads(requests.read(header_length))
    return header, requests.read(content_length)


def _answer(
    header: Mapping[str, Any], content: bytes, say_another_page: Callable[[], None]
) -> dict[str, object]:
    limit_cpu_seconds(int(header["cpu_seconds"]))

    def another_page() -> None:
        limit_cpu_seconds(int(header["cpu_seconds"]))
        say_another_page()

    ocr = None
    if "ocr" in header:
        choice = OcrChoice(**header["ocr"])
        ocr = Ocr(choice=choice, tell=another_page, deferred=bool(header["ocr_deferred"]))
    try:
        if "path" in header:
            content = Path(str(header["path"])).read_bytes()
        if "look" in header:
            return {**_look(header, content), "resident": resident_bytes()}
        layout = read(content, filename=str(header["filename"]), ocr=ocr)
        text = layout.text
    except OcrDeferred:
        return {"is_scan": True, "resident": resident_bytes()}
    except UnreadableDocument as error:
        return {"error": error.code, "message": error.message, "resident": resident_bytes()}
    except MemoryError:
        return {"error": ParserLimitExceeded.code, "resident": resident_bytes()}
    paths: dict[tuple[str, ...], int] = {}
    blocks = [
        (page, paths.setdefault(path, len(paths)), start, end)
        for page, path, start, end in layout.blocks
    ]
    return {
        "text": text,
        "blocks": blocks,
        "paths": list(paths),
        "document_type": layout.document_type,
        "media_type": layout.media_type,
        "page_count": layout.page_count,
        "title": layout.title,
        "warnings": layout.warnings,
        "resident": resident_bytes(),
    }


def _look(header: Mapping[str, Any], content: bytes) -> dict[str, object]:
    """Look at something from the web: a page or a sitemap."""
    from services.documents.adapters.parsing import webpage  # noqa: PLC0415 - for crawls only

    url = str(header["url"])
    try:
        if header["look"] == "sitemap":
            return webpage.read_sitemap(content, url=url)
        return webpage.read_page(content, url=url, charset=str(header["charset"]) or None)
    except (UnreadableDocument, MemoryError):
        raise
    except Exception as error:
        raise CorruptDocument from error


def _write(replies: BinaryIO, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[replies.write(view) :]


if __name__ == "__main__":
    main()

"""Reading text off pictures, with Tesseract inside the parsing child: no program, no network.

Tesseract comes with a wheel; what it knows of languages is in files of their own, from wheels or
from the system's packages.
"""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

# For one page, after which its text is given up.
PAGE_MILLISECONDS: Final = 30_000
# Below this mean confidence (0 to 100) it is not text that was read.
MIN_CONFIDENCE: Final = 40
# What Tesseract was trained on; A3 in this resolution fits.
DOTS_PER_INCH: Final = 300
MAX_PIXELS: Final = 40_000_000
DATA_FOLDERS: Final = (
    Path(sys.prefix, "share/tessdata"),
    Path("/usr/share/tesseract-ocr/5/tessdata"),
    Path("/usr/share/tesseract-ocr/4.00/tessdata"),
    Path("/usr/share/tessdata"),
    Path("/usr/local/share/tessdata"),
    Path("/opt/homebrew/share/tessdata"),
)
_LANGUAGE: Final = re.compile(r"[A-Za-z0-9_]{2,30}")
_PARAGRAPHS: Final = re.compile(r"\n[^\S\n]*\n")
_FULL_LINE: Final = 0.75
_WRAPPED_CHARS: Final = 45


@dataclass(frozen=True, kw_only=True)
class OcrChoice:
    """How pictures are read.

    Attributes:
        languages: In Tesseract's words, joined by `+`.
        data: The folder with a file for each of them.
        max_pages: Pages of a document that are recognised; those after it are left out.
    """

    languages: str
    data: str
    max_pages: int


def find_ocr(
    languages: str, *, max_pages: int, folder: Path | None = None
) -> tuple[OcrChoice | None, list[str]]:
    """Return how to read pictures, or None, and the languages that are not installed.

    Args:
        languages: Wanted, joined by `+`; none turns OCR off.
        max_pages: Of one document.
        folder: Where their files are; else in the usual places, the one that has the most.
    """
    wanted = [name for name in languages.split("+") if _LANGUAGE.fullmatch(name)]
    if not wanted or max_pages < 1 or find_spec("tesserocr") is None:
        return None, wanted
    folders = [folder] if folder is not None else list(DATA_FOLDERS)
    found = [[name for name in wanted if _data_file(each, name).is_file()] for each in folders]
    best = max(range(len(folders)), key=lambda place: len(found[place]))
    missing = [name for name in wanted if name not in found[best]]
    if not found[best]:
        return None, missing
    choice = OcrChoice(
        languages="+".join(found[best]), data=str(folders[best]), max_pages=max_pages
    )
    return choice, missing


def _data_file(folder: Path, language: str) -> Path:
    return folder / f"{language}.traineddata"


class OcrDeferred(Exception):
    """Raised where text would be read off a picture, by an `Ocr` that is to read none."""


@dataclass(kw_only=True)
class Ocr:
    """Reads the pictures of one document.

    Attributes:
        tell: Called before each page: that the document's time begins anew.
        deferred: Say only that there is something to recognise.
        pages_read: How many pages text was looked for on.
        pages_left_out: How many came after the most that are read.
    """

    choice: OcrChoice
    tell: Callable[[], None]
    deferred: bool = False
    pages_read: int = field(default=0, init=False)
    pages_left_out: int = field(default=0, init=False)

    def warnings(self) -> list[str]:
        """Return what a document's owner should know of how it was read."""
        told = {"recognised": self.pages_read, "not_recognised": self.pages_left_out}
        return [f"pages_{what}:{count}" for what, count in told.items() if count]

    def begin(self) -> None:
        """Say that pixels are about to be made.

        Raises:
            OcrDeferred: None are to be read.
        """
        if self.deferred:
            raise OcrDeferred

    def paragraphs(self, pixels: bytes, *, width: int, height: int, stride: int) -> list[str]:
        """Return the text on a page, paragraph by paragraph; none where there is no text.

        Args:
            pixels: A byte each, 0 being black, in rows of `stride` bytes.
            width: In pixels.
            height: In pixels.
            stride: Bytes of a row.
        """
        if self.pages_read >= self.choice.max_pages:
            self.pages_left_out += 1
            return []
        self.pages_read += 1
        self.tell()
        api = self._tesseract
        api.SetImageBytes(pixels, width, height, 1, stride)
        api.SetSourceResolution(DOTS_PER_INCH)
        try:
            if not api.Recognize(PAGE_MILLISECONDS) or api.MeanTextConf() < MIN_CONFIDENCE:
                return []
            text: str = api.GetUTF8Text()
        finally:
            api.Clear()
        return [_joined(part) for part in _PARAGRAPHS.split(text) if _is_text(part)]

    @cached_property
    def _tesseract(self) -> Any:
        tesserocr = import_module("tesserocr")
        return tesserocr.PyTessBaseAPI(
            path=self.choice.data,
            lang=self.choice.languages,
            psm=tesserocr.PSM.AUTO,
            oem=tesserocr.OEM.LSTM_ONLY,
        )


def _is_text(part: str) -> bool:
    return sum(character.isalnum() for character in part) >= 2


def _joined(paragraph: str) -> str:
    """Put a paragraph's lines together: a full one runs on in the next, a short one ends."""
    lines = [line.strip() for line in paragraph.split("\n") if line.strip()]
    full = max(_WRAPPED_CHARS, max(map(len, lines)) * _FULL_LINE)
    text = lines[0]
    for before, line in pairwise(lines):
        if len(before) < full:
            text += "\n" + line
        elif before.endswith("-") and before[-2:-1].isalpha() and line[:1].islower():
            text = text[:-1] + line
        else:
            text += " " + line
    return text

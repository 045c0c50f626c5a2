"""A document's text as it is being read: one string, and where in it each piece stands.

Lives in the parsing child, so it knows nothing of the rest of the service.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

from services.documents.domain.errors import ParserLimitExceeded

MAX_CHARS: Final = 20_000_000
MAX_BLOCKS: Final = 500_000
MAX_HEADING_CHARS: Final = 200
SEPARATOR: Final = "\n\n"

# Characters that show nothing and can hide instructions or break words: zero-width ones, soft
# hyphens, direction controls, the "tag" block, and control characters but tab and newline.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\U000e0000-\U000e007f\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]"
)
_SPACES: Final = re.compile(r"[^\S\n]+")
_SPACED_BREAKS: Final = re.compile(r" ?\n ?")
_MANY_BREAKS: Final = re.compile(r"\n{3,}")


@dataclass(slots=True)
class Layout:
    """Collects blocks in reading order.

    A heading applies to what follows, until one of its own level or above.
    """

    document_type: str
    media_type: str
    title: str | None = None
    page_count: int | None = None
    warnings: list[str] = field(default_factory=list)
    blocks: list[tuple[int | None, tuple[str, ...], int, int]] = field(default_factory=list)
    _parts: list[str] = field(default_factory=list)
    _length: int = 0
    _headings: list[tuple[int, str]] = field(default_factory=list)
    _path: tuple[str, ...] = ()

    def add(self, text: str, *, page: int | None = None, tidy: bool = True) -> None:
        """Append a block; one without visible characters is left out.

        Args:
            text: As found.
            page: Counted from 1.
            tidy: Collapse runs of spaces; False keeps the shape of code.

        Raises:
            ParserLimitExceeded: The document is larger than any should be.
        """
        text = cleaned(text, tidy=tidy)
        if not text:
            return
        if self._parts:
            self._parts.append(SEPARATOR)
            self._length += len(SEPARATOR)
        start = self._length
        self._parts.append(text)
        self._length += len(text)
        self.blocks.append((page, self._path, start, self._length))
        if self._length > MAX_CHARS or len(self.blocks) > MAX_BLOCKS:
            raise ParserLimitExceeded

    def heading(self, text: str, *, level: int, page: int | None = None) -> None:
        """Append a heading, 1 being the highest, and put what follows below it."""
        text = " ".join(cleaned(text).split())
        if not text:
            return
        self.place(text[:MAX_HEADING_CHARS], level=level)
        self.add(text, page=page)

    def place(self, heading: str, *, level: int) -> None:
        """Put what follows below a heading that is not part of the text, such as a sheet's name."""
        while self._headings and self._headings[-1][0] >= level:
            self._headings.pop()
        self._headings.append((level, heading))
        self._path = tuple(name for _, name in self._headings)

    def leave_headings(self) -> None:
        """Put what follows below no heading."""
        self._headings = []
        self._path = ()

    def include(self, part: "Layout", *, under: tuple[str, ...] = ()) -> None:
        """Append all of another layout, below the given headings and without its pages."""
        text = part.text
        self._headings = []
        for _, path, start, end in part.blocks:
            self._path = under + path
            self.add(text[start:end], tidy=False)
        self._path = ()

    @property
    def text(self) -> str:
        """All that was added."""
        return "".join(self._parts)


def cleaned(text: str, *, tidy: bool = True) -> str:
    """Return the text composed (NFC), without invisible characters and without outer space."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0b", "\n")
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    text = _INVISIBLE.sub("", text)
    if tidy:
        text = _SPACED_BREAKS.sub("\n", _SPACES.sub(" ", text))
        text = _MANY_BREAKS.sub("\n\n", text)
        return text.strip()
    return text.strip("\n").rstrip()

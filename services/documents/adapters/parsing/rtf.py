"""Rich text: a stream of control words, of which those that carry structure are followed.

Written by word processors, and inside Outlook's mails. What is hidden from readers stays hidden.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Final

from services.documents.adapters.parsing.layout import Layout
from services.documents.adapters.parsing.tables import markdown_tables
from services.documents.domain.errors import CorruptDocument, ParserLimitExceeded

MAX_DEPTH: Final = 500
MAX_TABLE_ROWS: Final = 50_000
_TOKEN: Final = re.compile(
    rb"\\([A-Za-z]{1,32})(-?\d{1,9})?[ ]?|\\'([0-9A-Fa-f]{2})|\\([^A-Za-z])|([{}])|([^\\{}\r\n]+)"
)
_HEADING: Final = re.compile(r"heading (\d)|title$", re.IGNORECASE)
_MAX_HEADING_LEVEL: Final = 6
# Destinations whose text is not the document's; an unknown one that begins with \* is as well.
_SILENT: Final = frozenset(
    [
        "colortbl",
        "filetbl",
        "fontemb",
        "fontfile",
        "footer",
        "footerf",
        "footerl",
        "footerr",
        "ftncn",
        "ftnsep",
        "ftnsepc",
        "header",
        "headerf",
        "headerl",
        "headerr",
        "listtable",
        "listoverridetable",
        "nonshppict",
        "objdata",
        "pict",
        "revtbl",
        "rsidtbl",
        "themedata",
        "colorschememapping",
        "latentstyles",
        "datastore",
        "generator",
        "xmlnstbl",
        "fldinst",
        "bkmkstart",
        "bkmkend",
        "annotation",
        "atnid",
        "atnauthor",
        "atnref",
        "userprops",
        "docvar",
        "template",
        "pntxta",
        "pntxtb",
        "private",
        "keywords",
        "subject",
        "author",
        "operator",
        "comment",
        "doccomm",
        "company",
        "manager",
        "category",
        "hlinkbase",
        "creatim",
        "revtim",
        "printim",
        "buptim",
        "sp",
        "sn",
        "sv",
    ]
)
_SYMBOLS: Final = {
    "tab": "\t",
    "line": "\n",
    "lquote": "‘",
    "rquote": "’",
    "ldblquote": "“",
    "rdblquote": "”",
    "bullet": "•",
    "endash": "–",
    "emdash": "—",
    "emspace": " ",
    "enspace": " ",
}
# The fonts' character sets (Windows' GDI) as Python names them.
_CHARSETS: Final = {
    0: "cp1252",
    77: "mac_roman",
    128: "cp932",
    129: "cp949",
    134: "gbk",
    136: "cp950",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
}


@dataclass(slots=True)
class _State:
    """What a group inherits and gives back at its end."""

    destination: str = "text"
    encoding: str | None = None
    skip: int = 1
    hidden: bool = False


@dataclass(slots=True)
class _Paragraph:
    level: int | None = None
    listed: bool = False
    in_table: bool = False


@dataclass(slots=True)
class _Style:
    number: int = 0
    name: list[str] = field(default_factory=list)


def read_rtf(content: bytes) -> Layout:
    """Read a rich text document; it has no pages of its own.

    Raises:
        CorruptDocument: It is none.
        ParserLimitExceeded: Its groups are nested deeper than any author's.
    """
    if not content.lstrip().startswith(b"{\\rtf"):
        raise CorruptDocument
    layout = Layout("rtf", "application/rtf")
    _Reader(layout).read(content)
    return layout


class _Reader:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._encoding = "cp1252"
        self._fonts: dict[int, str] = {}
        self._font = 0
        self._styles: dict[int, int] = {}
        self._style = _Style()
        self._state = _State()
        self._stack: list[_State] = []
        self._paragraph = _Paragraph()
        self._text: list[str] = []
        self._bytes = bytearray()
        self._title: list[str] = []
        self._pending_skip = 0
        self._starred = False
        self._items: list[str] = []
        self._row: list[str] = []
        self._rows: list[list[str]] = []

    def read(self, content: bytes) -> None:
        at, end = 0, len(content)
        while at < end:
            match = _TOKEN.match(content, at)
            if match is None:
                at += 1
                continue
            at = match.end()
            word, number, code, symbol, brace, text = match.groups()
            if text is not None:
                self._plain(text)
            elif code is not None:
                self._plain(bytes([int(code, 16)]), is_code=True)
            elif word is not None:
                name = word.decode("ascii")
                if name == "bin":
                    at += max(0, int(number or 0))
                    continue
                self._word(name, None if number is None else int(number))
            elif brace == b"{":
                self._open()
            elif brace == b"}":
                self._close()
            elif symbol is not None:
                self._symbol(symbol)
        self._end_paragraph()
        self._end_list()
        self._end_table()
        self._layout.title = _joined(self._title).strip() or None

    def _open(self) -> None:
        self._flush_bytes()
        self._pending_skip = 0
        if len(self._stack) >= MAX_DEPTH:
            raise ParserLimitExceeded
        self._stack.append(replace(self._state))

    def _close(self) -> None:
        self._flush_bytes()
        self._pending_skip = 0
        if self._state.destination == "style":
            self._note_style()
        if self._stack:
            self._state = self._stack.pop()

    def _plain(self, data: bytes, *, is_code: bool = False) -> None:
        if self._pending_skip:
            # The stand-in for a Unicode character, for readers that know none.
            skipped = 1 if is_code else min(self._pending_skip, len(data))
            self._pending_skip -= skipped
            data = data[skipped:]
        if not data:
            return
        if is_code or self._bytes:
            # Characters of several bytes may be written as codes, letters, or one of each.
            self._bytes += data
            if not is_code:
                self._flush_bytes()
            return
        self._put(data.decode(self._charset(), errors="replace"))

    def _charset(self) -> str:
        return self._state.encoding or self._encoding

    def _flush_bytes(self) -> None:
        if self._bytes:
            text = self._bytes.decode(self._charset(), errors="replace")
            self._bytes.clear()
            self._put(text)

    def _put(self, text: str) -> None:
        match self._state.destination:
            case "text":
                if not self._state.hidden:
                    self._text.append(text)
            case "title":
                self._title.append(text)
            case "style":
                self._style.name.append(text)
            case _:
                pass

    def _symbol(self, symbol: bytes) -> None:
        self._flush_bytes()
        if symbol == b"*":
            self._starred = True
        elif symbol in (b"\n", b"\r"):
            self._end_paragraph()
        elif symbol in b"\\{}":
            self._put(symbol.decode("ascii"))
        elif symbol == b"~":
            self._put(" ")
        elif symbol == b"_":
            self._put("-")

    def _word(self, name: str, number: int | None) -> None:  # noqa: PLR0912 - one a word
        starred, self._starred = self._starred, False
        if name == "u" and number is not None:
            self._flush_bytes()
            self._put(chr(number & 0xFFFF))
            self._pending_skip = self._state.skip
            return
        if name != "uc":
            self._flush_bytes()
            self._pending_skip = 0
        if self._destination(name, starred=starred):
            return
        match name:
            case "uc":
                self._state.skip = min(max(number or 0, 0), 16)
            case "ansicpg":
                self._encoding = _known_encoding(f"cp{number}") or self._encoding
            case "mac":
                self._encoding = "mac_roman"
            case "f" if number is not None:
                self._font = number
                self._state.encoding = self._fonts.get(number)
            case "fcharset" if self._state.destination == "fonts" and number is not None:
                if number in _CHARSETS and len(self._fonts) < 10_000:
                    self._fonts[self._font] = _CHARSETS[number]
            case "s" if number is not None:
                if self._state.destination == "style":
                    self._style.number = number
                elif self._state.destination == "text" and number in self._styles:
                    self._paragraph.level = self._styles[number]
            case "outlinelevel" if number is not None and self._state.destination == "text":
                if 0 <= number < _MAX_HEADING_LEVEL:
                    self._paragraph.level = number + 1
            case "v" | "htmlrtf":
                # Hidden text; and what stands for HTML that Outlook keeps beside it.
                self._state.hidden = number != 0
            case _ if self._state.destination == "text":
                self._structure(name)
            case _:
                pass

    def _destination(self, name: str, *, starred: bool) -> bool:
        """Follow a group into another destination; True when the word was one."""
        state = self._state
        if state.destination == "silent":
            return name != "uc"
        if name in _SILENT:
            state.destination = "silent"
        elif name == "fonttbl":
            state.destination = "fonts"
        elif name == "stylesheet":
            state.destination = "styles"
        elif name == "info":
            state.destination = "info"
        elif name == "title" and state.destination == "info":
            state.destination = "title"
        elif name in ("listtext", "pntext", "pn"):
            state.destination = "silent"
            self._paragraph.listed = True
        elif name == "s" and state.destination == "styles":
            state.destination = "style"
            self._style = _Style()
            return False
        elif starred and name not in ("shppict", "shpinst", "shptxt", "cs", "ds", "ts"):
            state.destination = "silent"
        else:
            return False
        return True

    def _structure(self, name: str) -> None:
        if self._state.hidden and name in ("par", "line", "tab"):
            return
        if name in _SYMBOLS:
            self._put(_SYMBOLS[name])
        elif name in ("par", "sect", "page"):
            self._end_paragraph()
        elif name == "pard":
            self._paragraph = _Paragraph()
        elif name == "intbl":
            self._paragraph.in_table = True
        elif name in ("cell", "nestcell"):
            self._row.append(self._taken())
        elif name in ("row", "nestrow"):
            if self._row:
                self._end_list()
                self._rows.append(self._row)
                self._row = []
            if len(self._rows) > MAX_TABLE_ROWS:
                raise ParserLimitExceeded

    def _note_style(self) -> None:
        name = "".join(self._style.name).strip().rstrip(";").strip()
        self._style.name = []
        match = _HEADING.match(name)
        if match and len(self._styles) < 10_000:
            self._styles[self._style.number] = int(match.group(1) or 1)

    def _taken(self) -> str:
        text = _joined(self._text).strip()
        self._text = []
        return text

    def _end_paragraph(self) -> None:
        self._flush_bytes()
        if self._paragraph.in_table:
            if self._text:
                self._text.append(" ")
            return
        self._end_table()
        text = self._taken()
        if not text:
            return
        if self._paragraph.listed:
            self._items.append("- " + text)
            self._paragraph.listed = False
            return
        self._end_list()
        if self._paragraph.level is not None:
            self._layout.heading(text, level=self._paragraph.level)
        else:
            self._layout.add(text)

    def _end_list(self) -> None:
        if self._items:
            self._layout.add("\n".join(self._items))
            self._items = []

    def _end_table(self) -> None:
        if self._row:
            self._rows.append(self._row)
            self._row = []
        if self._rows:
            for part in markdown_tables(self._rows):
                self._layout.add(part)
            self._rows = []


def _joined(parts: list[str]) -> str:
    """Join text in which a character beyond 16 bits came as two."""
    text = "".join(parts)
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _known_encoding(name: str) -> str | None:
    try:
        "".encode(name)
    except LookupError:
        return None
    return name

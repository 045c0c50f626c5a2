"""What may leave in an answer: text, and links that are listed.

Documents are written by anybody, and a model may do what they say. A picture that a reader's
browser fetches, or a link that is followed, would carry off whatever the model put into its
address. So images become text, addresses that nobody listed are taken out, and so are characters
that no reader sees. It works on the stream, piece by piece, and what it lets through does not
depend on where the pieces end.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import unescape
from string import ascii_letters
from typing import Final
from urllib.parse import urlsplit

REMOVED: Final = "(link removed)"

# Zero-width and bidirectional characters, tags, variation selectors, controls but tab and newline.
# Joiners stay behind letters of scripts that need them.
_UNSEEN: Final = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e"
    "\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\uffff"
    "\U000e0000-\U000e0fff\U0001d173-\U0001d17a]|(?<![^\u0000-\u02ff\u200c\u200d])[\u200c\u200d]"
)
_TAGS: Final = """
    a area audio base body button embed form frame frameset iframe image img input isindex link
    math meta object picture script source style svg template track video
"""
_TAG_NAMES: Final = frozenset(_TAGS.split())
_TAG: Final = re.compile(r"</?([a-zA-Z][\w:-]*)")
_TAG_BEGINS: Final = frozenset(f"{ascii_letters}/!?")
_ADDRESS: Final = re.compile(
    r"""
      [a-z][a-z0-9+.-]{1,30}:[/\\]{1,2}\S          # scheme://
    | (?:^|[^\w:/])[/\\]{2}[^\s/\\]+\.[^\s]         # //host.name
    | (?:https?|ftp|javascript|vbscript|data|blob|file|mailto|tel|sms|view-source):\S
    | \bwww\.\S
    | \b(?:[a-z0-9](?:[a-z0-9-]{0,62})\.)+(?!(?:js|ts|txt|pdf|html?|json|xml|ya?ml|docx?|xlsx?|csv)
        [/?\#])[a-z]{2,24}(?::\d{1,5})?[/?\#]\S     # host.name/path
    """,
    re.IGNORECASE | re.VERBOSE,
)
_WORD: Final = re.compile(r"[^\s\[\]<>()!\"'`|{}]+")
_SPECIAL: Final = re.compile(r"[\[\]<!:/\\.&]|[^\x00-\x7f]")
_DELIMITERS: Final = frozenset(" \t\n\r\f\v()\"'`|{}>")
_PLACEHOLDER: Final = re.compile(r"\[[A-Z]{2,8}_\d{1,4}\]")
_PLACEHOLDER_BEGUN: Final = re.compile(r"\[(?:[A-Z]{0,8}|[A-Z]{2,8}_\d{0,4})$")
_TRAILING: Final = ".,;:?*_~"
_MAX_WORD: Final = 2_048
_KEPT_OF_WORD: Final = 64
_MAX_TAG: Final = 1_000
_MAX_TARGET: Final = 2_048


@dataclass(frozen=True, slots=True)
class ListedLinks:
    """The addresses that may stand in an answer: sources' own, and those on listed hosts."""

    addresses: frozenset[str]
    hosts: frozenset[str]

    @classmethod
    def of(cls, sources: Iterable[str | None], hosts: Iterable[str] = ()) -> "ListedLinks":
        """List the addresses that documents come from, and hosts with all their subdomains."""
        return cls(
            frozenset(_plain(source) for source in sources if source),
            frozenset(host.lower().strip(".") for host in hosts if host.strip(".")),
        )

    def hold(self, address: str) -> bool:
        """Whether an address is one of them."""
        if not address.lower().startswith(("https://", "http://")):
            return False
        if _plain(address) in self.addresses:
            return True
        try:
            parts = urlsplit(address)
            host = (parts.hostname or "").lower()
        except ValueError:
            return False
        # Before an `@` stands what a reader takes for the host.
        if not host or "@" in parts.netloc or "\\" in address:
            return False
        return any(host == listed or host.endswith(f".{listed}") for listed in self.hosts)


NO_LINKS: Final = ListedLinks(frozenset(), frozenset())


class OutgoingText:
    """Cleans an answer while it is written; `feed` gives back what can go out by now.

    Args:
        links: The addresses that stay.
        restored: What placeholders such as `[EMAIL_1]` stand for.
    """

    def __init__(self, links: ListedLinks, restored: Mapping[str, str] | None = None) -> None:
        self._links = links
        self._restored = restored
        self._held = ""
        self._at_line_start = True
        self._may_define = False

    def feed(self, piece: str) -> str:
        """Take the next piece of the text; returns what is certain to be harmless."""
        return self._cleaned(piece, final=False)

    def finish(self) -> str:
        """Return what is left once the text is whole."""
        return self._cleaned("", final=True)

    def _cleaned(self, piece: str, *, final: bool) -> str:
        text = self._held + piece
        # Where the last character begins something that is removed by what follows or precedes
        # it, nothing is lost by looking at both again.
        text = _UNSEEN.sub("", text)
        out: list[str] = []
        at = 0
        while at < len(text):
            plain = self._plain_until(text, at, final=final)
            if plain > at:
                out.append(text[at:plain])
                at = plain
                continue
            step = self._step(text, at, final=final)
            if step is None:
                break
            char = text[at]
            if char == "[":
                self._may_define = self._at_line_start
            self._at_line_start = char == "\n" or (self._at_line_start and char in " \t>")
            shown, at = step
            out.append(shown)
        self._held = text[at:]
        return "".join(out)

    def _plain_until(self, text: str, at: int, *, final: bool) -> int:
        """Return how far there are words in which nothing needs to be looked at."""
        special = _SPECIAL.search(text, at)
        stop = special.start() if special is not None else len(text)
        if special is not None or not final:
            # The last word may go on with something special.
            while stop > at and text[stop - 1] not in _DELIMITERS:
                stop -= 1
        if stop > at:
            line = text[at:stop].rpartition("\n")
            fresh = bool(line[1]) or self._at_line_start
            self._at_line_start = fresh and not line[2].strip(" \t>")
        return stop

    def _step(self, text: str, at: int, *, final: bool) -> tuple[str, int] | None:
        """Return what the next thing in the text becomes, and where it ends; None: wait."""
        if text[at] in "<![]":
            special = {"<": self._tag, "!": self._bang, "[": self._opening, "]": self._target}
            return special[text[at]](text, at, final=final)
        word = _WORD.match(text, at)
        if word is None:
            return text[at], at + 1
        return self._word(text, at, word.end(), final=final)

    def _bang(self, text: str, at: int, *, final: bool) -> tuple[str, int] | None:
        """Make links of images."""
        if at + 1 == len(text) and not final:
            return None
        return ("" if text.startswith("[", at + 1) else "!"), at + 1

    def _tag(self, text: str, at: int, *, final: bool) -> tuple[str, int] | None:
        if at + 1 < len(text) and text[at + 1] not in _TAG_BEGINS:
            # Nobody needs to wait for what is no tag.
            return "<", at + 1
        end = text.find(">", at, at + _MAX_TAG)
        if end < 0:
            if len(text) - at < _MAX_TAG and not final:
                return None
            # A browser makes a tag of it even so.
            name = _TAG.match(text, at)
            return ("" if name else "<"), at + 1
        inner = text[at + 1 : end]
        name = _TAG.match(text, at)
        if name is not None and (name[1].lower() in _TAG_NAMES or "=" in inner):
            return "", end + 1
        if inner.startswith(("!", "?")):
            return "", end + 1
        return "<", at + 1

    def _opening(self, text: str, at: int, *, final: bool) -> tuple[str, int] | None:
        if self._restored:
            placeholder = _PLACEHOLDER.match(text, at)
            if placeholder is not None:
                own = placeholder.group()
                return self._restored.get(own, own), placeholder.end()
            if not final and _PLACEHOLDER_BEGUN.match(text, at):
                return None
        return "[", at + 1

    def _target(self, text: str, at: int, *, final: bool) -> tuple[str, int] | None:
        """Decide on what stands behind the text of a link."""
        if at + 1 == len(text) and not final:
            return None
        if text.startswith("(", at + 1):
            return self._address(text, at, final=final)
        # What defines a reference only does so without a blank.
        defines = self._may_define and text.startswith(":", at + 1)
        return ("] " if defines else "]"), at + 1

    def _address(self, text: str, at: int, *, final: bool) -> tuple[str, int] | None:
        end = text.find(")", at, at + _MAX_TARGET)
        if end < 0:
            if len(text) - at < _MAX_TARGET and not final:
                return None
            return "] (", at + 2
        address = text[at + 2 : end].strip()
        if self._links.hold(address) and not any(char.isspace() for char in address):
            return text[at : end + 1], end + 1
        return "]", end + 1

    def _word(self, text: str, at: int, end: int, *, final: bool) -> tuple[str, int] | None:
        if end - at >= _MAX_WORD:
            end = at + _MAX_WORD
            if _is_address(text[at:end]):
                return REMOVED, end
            return text[at : end - _KEPT_OF_WORD], end - _KEPT_OF_WORD
        if end == len(text) and not final:
            return None
        word = text[at:end]
        if not _is_address(word):
            return word, end
        address = word.rstrip(_TRAILING)
        rest = word[len(address) :]
        return (word if self._links.hold(address) else REMOVED + rest), end


def cleaned(text: str, links: ListedLinks) -> str:
    """Clean a whole text."""
    outgoing = OutgoingText(links)
    return outgoing.feed(text) + outgoing.finish()


def _is_address(word: str) -> bool:
    if not any(mark in word for mark in ":/\\.&") and word.isascii():
        return False
    seen = unescape(word)
    if not seen.isascii():
        seen = unicodedata.normalize("NFKC", seen)
    return _ADDRESS.search(seen) is not None


def _plain(address: str) -> str:
    return address.partition("#")[0].rstrip("/")

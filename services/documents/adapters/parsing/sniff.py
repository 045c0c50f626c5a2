"""Which kind of document some bytes are: by content; the name decides only among kinds of text."""

import re
from typing import Final

HEAD_BYTES: Final = 64 * 1024

_ZIP: Final = b"PK\x03\x04"
_COMPOUND: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OFFICE: Final = {"docx": b"word/", "pptx": b"ppt/", "xlsx": b"xl/"}
_TEXT_NAMES: Final = {
    "csv": "csv",
    "tsv": "csv",
    "htm": "html",
    "html": "html",
    "xhtml": "html",
    "json": "json",
    "jsonl": "json",
    "ndjson": "json",
    "markdown": "md",
    "md": "md",
    "mdx": "md",
    "xml": "xml",
}
_BYTE_ORDER_MARKS: Final = (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")
_BINARY: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_HTML: Final = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_HTML_TAGS: Final = re.compile(r"</?(?:p|div|span|h[1-6]|table|ul|a|br)\b[^>]*>", re.IGNORECASE)
_XML: Final = re.compile(r"\s*<(?:\?xml|[A-Za-z_][\w:.-]*[\s>/])")
_JSON: Final = re.compile(r'\s*(?:\{\s*(?:"|\})|\[\s*(?:[\[{"\]\d-]|true|false|null))')
_MARKDOWN: Final = re.compile(r"^(?:#{1,6} \S|```|\|.+\|\s*\n\|[ :|-]+\|)", re.MULTILINE)


def sniff(head: bytes, filename: str) -> str | None:
    """Return a document type (`pdf`, `docx`, …, `txt`), or None for what is not supported.

    Args:
        head: The first bytes, up to `HEAD_BYTES`.
        filename: Its ending tells CSV, Markdown and plain text apart.
    """
    ending = filename.rpartition(".")[2].lower()
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(_ZIP):
        return _office(head, ending)
    if head.startswith(_COMPOUND):
        # Old Office files, which we do not read, and encrypted new ones, which say so later.
        return ending if ending in _OFFICE else None
    text = _text(head[:HEAD_BYTES])
    return None if text is None else _kind_of_text(text, ending)


def _office(head: bytes, ending: str) -> str | None:
    # The directory is at a ZIP's end, but the names also stand before each entry.
    found = [kind for kind, folder in _OFFICE.items() if folder in head]
    if ending in found or (not found and ending in _OFFICE):
        return ending
    return found[0] if found else None


def _text(head: bytes) -> str | None:
    if head.startswith(_BYTE_ORDER_MARKS[:2]):
        return head[: len(head) & ~1].decode("utf-16", errors="replace")
    if _BINARY.search(head) or head.startswith(b"{\\rtf"):
        return None
    return head.removeprefix(_BYTE_ORDER_MARKS[2]).decode("utf-8", errors="replace")


def _kind_of_text(text: str, ending: str) -> str:  # noqa: PLR0911 - one a kind
    named = _TEXT_NAMES.get(ending)
    if _HTML.match(text):
        return "html"
    if named in ("csv", "md"):
        return named
    if _JSON.match(text) and (named == "json" or not _MARKDOWN.search(text)):
        return "json" if named == "json" or _balanced_start(text) else "txt"
    if _XML.match(text):
        if text.lstrip().startswith("<?xml") or named == "xml":
            return "xml"
        return "html" if named == "html" or len(_HTML_TAGS.findall(text)) >= 2 else "txt"
    if named == "html":
        return "html"
    if ending in ("", "bin", "dat") and _MARKDOWN.search(text):
        return "md"
    return "txt"


def _balanced_start(text: str) -> bool:
    """A text may begin with a bracket; JSON goes on with quoted names or nested brackets."""
    return bool(re.match(r'\s*(?:\{\s*"[^"\n]{0,200}"\s*:|\[\s*(?:\{\s*"|\[|"))', text))

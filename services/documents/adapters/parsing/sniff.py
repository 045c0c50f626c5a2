"""Which kind of document some bytes are: by content; the name decides only among kinds of text."""

import re
from typing import Final

HEAD_BYTES: Final = 64 * 1024

_ZIP: Final = b"PK\x03\x04"
_COMPOUND: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OFFICE: Final = {"docx": b"word/", "pptx": b"ppt/", "xlsx": b"xl/"}
# The first entry of these archives says what they are, uncompressed.
_MEDIA_TYPES: Final = {
    b"mimetypeapplication/epub+zip": "epub",
    b"mimetypeapplication/vnd.oasis.opendocument.text": "odt",
    b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet": "ods",
    b"mimetypeapplication/vnd.oasis.opendocument.presentation": "odp",
}
_IMAGES: Final = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"II*\x00": "tiff",
    b"MM\x00*": "tiff",
}
# Names of streams in compound files; their directory may lie beyond the first bytes.
_MAIL_STREAMS: Final = ("__substg1.0_".encode("utf-16-le"), "__proper".encode("utf-16-le"))
_ENCRYPTED_PACKAGE: Final = "EncryptedPackage".encode("utf-16-le")
_MAIL_HEADS: Final = frozenset(
    [
        "from",
        "to",
        "cc",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "received",
        "return-path",
        "delivered-to",
        "content-type",
        "reply-to",
        "sender",
        "dkim-signature",
    ]
)
# A letter may begin with some of these words; only mail programs write these.
_MACHINE_HEADS: Final = frozenset(["message-id", "mime-version", "received", "return-path"])
_HEAD_LINE: Final = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,60}):(?: |\t|$)|[ \t]+\S")
_TEXT_NAMES: Final = {
    "csv": "csv",
    "tsv": "csv",
    "htm": "html",
    "html": "html",
    "xhtml": "html",
    "json": "json",
    "jsonl": "json",
    "ndjson": "json",
    "eml": "eml",
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
        return _archive(head, ending)
    if head.startswith(_COMPOUND):
        return _compound(head, ending)
    if image := _image(head):
        return image
    if head.lstrip().startswith(b"{\\rtf"):
        return "rtf"
    text = _text(head[:HEAD_BYTES])
    return None if text is None else _kind_of_text(text, ending)


def _image(head: bytes) -> str | None:
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    return next((kind for start, kind in _IMAGES.items() if head.startswith(start)), None)


def _archive(head: bytes, ending: str) -> str | None:
    for start, kind in _MEDIA_TYPES.items():
        # Name and content of the first entry, which stand behind its head of 30 bytes.
        if head[30:].startswith(start) and not head[30 + len(start) :].startswith(b"-"):
            return kind
    if b"META-INF/container.xml" in head:
        return "epub"
    # The directory is at a ZIP's end, but the names also stand before each entry.
    found = [kind for kind, folder in _OFFICE.items() if folder in head]
    if ending in found or (not found and ending in _OFFICE):
        return ending
    return found[0] if found else None


def _compound(head: bytes, ending: str) -> str | None:
    """Mails; and new Office files that are encrypted, which say so later. Old ones are not read."""
    if any(name in head for name in _MAIL_STREAMS):
        return "msg"
    if _ENCRYPTED_PACKAGE in head:
        return ending if ending in _OFFICE else "docx"
    return ending if ending in _OFFICE or ending == "msg" else None


def _text(head: bytes) -> str | None:
    if head.startswith(_BYTE_ORDER_MARKS[:2]):
        return head[: len(head) & ~1].decode("utf-16", errors="replace")
    if _BINARY.search(head):
        return None
    return head.removeprefix(_BYTE_ORDER_MARKS[2]).decode("utf-8", errors="replace")


def _kind_of_text(text: str, ending: str) -> str:  # noqa: PLR0911 - one a kind
    named = _TEXT_NAMES.get(ending)
    if _is_mail(text, named=named == "eml"):
        return "eml"
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


def _is_mail(text: str, *, named: bool) -> bool:
    """Tell whether the text begins as mails do: with heads up to an empty line."""
    found: set[str] = set()
    for number, ended in enumerate(text[:20_000].split("\n")):
        line = ended.rstrip("\r")
        if number == 0 and line.startswith("From "):
            continue
        if not line:
            break
        match = _HEAD_LINE.match(line)
        if match is None:
            return False
        if match.group(1):
            found.add(match.group(1).lower())
    known = found & _MAIL_HEADS
    return len(known) >= (2 if named else 3) and (named or bool(found & _MACHINE_HEADS))


def _balanced_start(text: str) -> bool:
    """A text may begin with a bracket; JSON goes on with quoted names or nested brackets."""
    return bool(re.match(r'\s*(?:\{\s*"[^"\n]{0,200}"\s*:|\[\s*(?:\{\s*"|\[|"))', text))

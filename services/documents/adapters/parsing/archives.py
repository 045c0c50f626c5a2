"""Office files and books are ZIP archives: sizes are checked before anything is unpacked."""

import io
import zipfile
from typing import Final

from services.documents.domain.errors import (
    CorruptDocument,
    EncryptedDocument,
    ParserLimitExceeded,
    UnsupportedType,
)

MAX_ENTRIES: Final = 10_000
MAX_TOTAL_BYTES: Final = 400 * 1024 * 1024
# Parts that are parsed into a tree, which takes some ten times their size.
MAX_XML_BYTES: Final = 48 * 1024 * 1024
MAX_RATIO: Final = 200
RATIO_MATTERS_ABOVE_BYTES: Final = 4 * 1024 * 1024

COMPOUND: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_PACKAGE: Final = "EncryptedPackage".encode("utf-16-le")
_MAIL_STREAM: Final = "__properties_version1.0".encode("utf-16-le")
_OPEN_DOCUMENTS: Final = {
    b"application/vnd.oasis.opendocument.text": "odt",
    b"application/vnd.oasis.opendocument.spreadsheet": "ods",
    b"application/vnd.oasis.opendocument.presentation": "odp",
}
_MAIN_FOLDERS: Final = {"docx": "word/", "pptx": "ppt/", "xlsx": "xl/"}


def check_archive(content: bytes) -> str:
    """Return which kind of document an archive is: docx, pptx, xlsx, odt, ods, odp or epub.

    `zipfile` never hands out more of an entry than its declared size, so that what is declared
    bounds what is unpacked.

    Raises:
        EncryptedDocument: It asks for a password.
        CorruptDocument: It is no whole archive.
        ParserLimitExceeded: It declares more than a document needs.
        UnsupportedType: An archive of another kind.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            declared = _declared(archive, entries)
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as error:
        raise CorruptDocument from error
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise EncryptedDocument
    _check_sizes(entries)
    names = {entry.filename for entry in entries}
    if declared in _OPEN_DOCUMENTS:
        return _OPEN_DOCUMENTS[declared]
    if declared == b"application/epub+zip" or (not declared and "META-INF/container.xml" in names):
        return "epub"
    for kind, folder in _MAIN_FOLDERS.items():
        if any(name.startswith(folder) for name in names):
            if "[Content_Types].xml" not in names:
                raise CorruptDocument
            return kind
    raise UnsupportedType


def check_compound(content: bytes) -> str:
    """Return `msg` for a mail of Outlook's.

    Raises:
        EncryptedDocument: An Office document that asks for a password.
        UnsupportedType: What else the container is used for: Office documents of before 2007.
    """
    if _MAIL_STREAM in content:
        return "msg"
    raise EncryptedDocument if _ENCRYPTED_PACKAGE in content else UnsupportedType


def _declared(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> bytes:
    """Return the media type that the first entry names, if it is one that does."""
    for entry in entries:
        if entry.filename == "mimetype" and entry.file_size < 200 and not entry.flag_bits & 0x1:
            return archive.read(entry).strip().removesuffix(b"-template")
    return b""


def _check_sizes(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_ENTRIES:
        raise ParserLimitExceeded
    if sum(entry.file_size for entry in entries) > MAX_TOTAL_BYTES:
        raise ParserLimitExceeded
    for entry in entries:
        is_tree = entry.filename.endswith((".xml", ".rels", ".opf"))
        if is_tree and entry.file_size > MAX_XML_BYTES:
            raise ParserLimitExceeded
        if entry.file_size > RATIO_MATTERS_ABOVE_BYTES and entry.file_size > MAX_RATIO * max(
            entry.compress_size, 1
        ):
            raise ParserLimitExceeded

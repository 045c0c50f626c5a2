"""E-books: the chapters in the order of the book's spine, read as the web pages they are."""

import io
import posixpath
import zipfile
from typing import Final
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from services.documents.adapters.parsing.charsets import decode
from services.documents.adapters.parsing.html import add_html
from services.documents.adapters.parsing.layout import Layout
from services.documents.adapters.parsing.xml_trees import local_name, tree_of
from services.documents.domain.errors import CorruptDocument, EncryptedDocument, ParserLimitExceeded

MAX_CHAPTERS: Final = 5_000
MAX_CHAPTER_BYTES: Final = 16 * 1024 * 1024
_CONTAINER: Final = "META-INF/container.xml"
_ENCRYPTION: Final = "META-INF/encryption.xml"
_CHAPTER_TYPES: Final = frozenset({"application/xhtml+xml", "text/html", "text/x-oeb1-document"})


def read_epub(content: bytes) -> Layout:
    """Read a book; it has no pages, but chapters.

    Raises:
        EncryptedDocument: Its chapters are locked by a shop.
        CorruptDocument: It has no table of its parts, or none of them is there.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = set(archive.namelist())
        if _CONTAINER not in names:
            raise CorruptDocument
        package_name = next(
            (
                element.get("full-path", "")
                for element in tree_of(archive.read(_CONTAINER)).iter()
                if local_name(element) == "rootfile"
            ),
            "",
        )
        if package_name not in names:
            raise CorruptDocument
        package = tree_of(archive.read(package_name))
        layout = Layout("epub", "application/epub+zip")
        layout.title = _title(package)
        chapters = [name for name in _spine(package, package_name) if name in names]
        if not chapters:
            raise CorruptDocument
        if len(chapters) > MAX_CHAPTERS:
            raise ParserLimitExceeded
        if _ENCRYPTION in names and _locked(archive.read(_ENCRYPTION)) & set(chapters):
            raise EncryptedDocument
        for name in chapters:
            if archive.getinfo(name).file_size > MAX_CHAPTER_BYTES:
                raise ParserLimitExceeded
            # What one chapter stands under is not what the next one does.
            layout.leave_headings()
            text, _ = decode(archive.read(name))
            add_html(layout, text)
    return layout


def _title(package: Element) -> str | None:
    for element in package.iter():
        if local_name(element) == "title" and (element.text or "").strip():
            return " ".join((element.text or "").split())
    return None


def _spine(package: Element, package_name: str) -> list[str]:
    """Return the names of the chapters' entries; none twice, whatever the book says."""
    folder = posixpath.dirname(package_name)
    items: dict[str, str] = {}
    order: dict[str, None] = {}
    for element in package.iter():
        name = local_name(element)
        if name == "item" and element.get("media-type") in _CHAPTER_TYPES:
            href = unquote(element.get("href", "").partition("#")[0])
            items[element.get("id", "")] = posixpath.normpath(posixpath.join(folder, href))
        elif name == "itemref" and element.get("idref") in items:
            order[items[element.get("idref", "")]] = None
    return list(order)


def _locked(content: bytes) -> set[str]:
    """Return the entries that are said to be encrypted; fonts often are, and do no harm."""
    return {
        unquote(element.get("URI", ""))
        for element in tree_of(content).iter()
        if local_name(element) == "CipherReference"
    }

"""The reader of each format, and what every one of them must keep to."""

import io
import zipfile
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Final

from services.documents.adapters.parsing.archives import COMPOUND, check_archive, check_compound
from services.documents.adapters.parsing.layout import Layout
from services.documents.adapters.parsing.ocr import Ocr, OcrDeferred
from services.documents.adapters.parsing.sniff import HEAD_BYTES, sniff
from services.documents.domain.errors import (
    CorruptDocument,
    EmptyDocument,
    NoText,
    ParserLimitExceeded,
    UnreadableDocument,
    UnsupportedType,
)

_ARCHIVES: Final = frozenset({"docx", "pptx", "xlsx", "odt", "ods", "odp", "epub"})

_READERS: Final = {
    "pdf": ("pdf", "read_pdf"),
    "docx": ("docx", "read_docx"),
    "pptx": ("pptx", "read_pptx"),
    "xlsx": ("spreadsheets", "read_xlsx"),
    "csv": ("spreadsheets", "read_csv"),
    "html": ("html", "read_html"),
    "md": ("markdown", "read_markdown"),
    "json": ("data", "read_json"),
    "xml": ("data", "read_xml"),
    "rtf": ("rtf", "read_rtf"),
    "odt": ("opendocument", "read_opendocument"),
    "ods": ("opendocument", "read_opendocument"),
    "odp": ("opendocument", "read_opendocument"),
    "epub": ("epub", "read_epub"),
    "eml": ("mail", "read_eml"),
    "msg": ("msg", "read_msg"),
    "png": ("images", "read_image"),
    "jpeg": ("images", "read_image"),
    "tiff": ("images", "read_image"),
    "webp": ("images", "read_image"),
    "txt": ("plain", "read_text"),
}


def read(content: bytes, *, filename: str, depth: int = 0, ocr: Ocr | None = None) -> Layout:
    """Read a file of any supported format.

    Args:
        content: All of it.
        filename: Tells kinds of text apart.
        depth: How many mails the file is attached to.
        ocr: Reads what has no text; without it, that is an error.

    Raises:
        UnreadableDocument: And its kinds: what is wrong with the file.
        OcrDeferred: There is something to recognise, and OCR is deferred.
    """
    if not content.strip(b" \t\r\n\x00"):
        raise EmptyDocument
    kind = sniff(content[:HEAD_BYTES], filename)
    if content.startswith(COMPOUND):
        kind = check_compound(content)
    elif kind is None and zipfile.is_zipfile(io.BytesIO(content)):
        kind = "docx"
    if kind is None:
        raise UnsupportedType
    if kind in _ARCHIVES:
        kind = check_archive(content)
    try:
        layout = _reader(kind, depth, ocr)(content)
    except (UnreadableDocument, OcrDeferred):
        raise
    except (MemoryError, RecursionError) as error:
        raise ParserLimitExceeded from error
    except OSError as error:
        raise CorruptDocument from error
    except Exception as error:
        raise CorruptDocument(details={"cause": type(error).__name__}) from error
    if ocr is not None and depth == 0:
        layout.warnings.extend(ocr.warnings())
    if not layout.blocks:
        raise NoText if ocr is None else NoText("The file contains no text, and OCR found none.")
    return layout


def _reader(kind: str, depth: int, ocr: Ocr | None) -> Callable[[bytes], Layout]:
    """Import a format's reader when it is first needed: all together take 0.6 s and 80 MB."""
    module, name = _READERS.get(kind, _READERS["txt"])
    reader: Callable[..., Layout] = getattr(import_module(f"{__package__}.{module}"), name)
    match module:
        case "opendocument":
            return partial(reader, kind=kind)
        case "images":
            return partial(reader, kind=kind, ocr=ocr)
        case "pdf":
            return partial(reader, ocr=ocr)
        case "mail" | "msg":
            return partial(reader, read=partial(read, ocr=ocr), depth=depth)
        case _:
            return reader

"""A document's life: its states, its stages, and what an upload must fulfil."""

import re
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

MAX_FILENAME_CHARS = 255
# In one form.
MAX_FILES = 1000
# What is read, as `document_type` names it.
DOCUMENT_TYPES = (
    "csv",
    "docx",
    "eml",
    "epub",
    "html",
    "jpeg",
    "json",
    "md",
    "msg",
    "odp",
    "ods",
    "odt",
    "pdf",
    "png",
    "pptx",
    "rtf",
    "tiff",
    "txt",
    "webp",
    "xlsx",
    "xml",
)


class Status(StrEnum):
    """Where a document stands, in the words of the API."""

    PENDING = "pending"
    PROCESSING = "processing"
    PROCESSED = "processed"
    FAILED = "failed"


class Stage(StrEnum):
    """What is being done with a document that is not finished."""

    QUEUED = "queued"
    READING = "reading"
    EMBEDDING = "embedding"
    STORING = "storing"
    DONE = "done"


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One file on its way in; `chunks` can be read once."""

    filename: str
    chunks: AsyncIterator[bytes]


class UploadForm(Protocol):
    """A form as it arrives: the files first, what they are for once all is read."""

    def files(self) -> AsyncIterator[Upload]:
        """Yield the files in order; each must be used before the next is asked for."""
        ...

    def agent_id(self) -> UUID:
        """Return the agent that the files are for; call it when all files are read.

        Raises:
            AgentRequired: The form names no agent.
            AgentNotFound: What it names cannot be an agent's id.
        """
        ...

    def document_id(self) -> UUID | None:
        """Return the document that gets the file, if the form names one; call it at the end.

        Raises:
            DocumentNotFound: What it names cannot be a document's id.
        """
        ...

    def replace(self) -> bool:
        """Tell whether a file takes the place of one that was uploaded by the same name."""
        ...

    def urls(self) -> list[str]:
        """Return the addresses of pages to fetch; call it when all files are read."""
        ...

    def extra(self) -> dict[str, str]:
        """Return the form's further fields, to be kept with the documents."""
        ...


def blob_key(blob_id: UUID) -> str:
    """Return where a document's bytes lie, below its tenant."""
    return f"documents/{blob_id}"


def id_of_blob(key: str) -> UUID | None:
    """Return the `blob_id` of a document's bytes; None for other blobs."""
    folder, _, name = key.partition("/")
    if folder != "documents":
        return None
    try:
        return UUID(name)
    except ValueError:
        return None


def clean_filename(name: str) -> str:
    """Return the last part of a path without control characters; `untitled` when none is left.

    Names are shown and searched, never used as a path.
    """
    last = re.split(r"[\\/]", unicodedata.normalize("NFC", name))[-1]
    visible = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip()
    if len(visible) > MAX_FILENAME_CHARS:
        stem, dot, suffix = visible.rpartition(".")
        if dot and len(suffix) <= 10:
            visible = stem[: MAX_FILENAME_CHARS - len(suffix) - 1] + dot + suffix
        else:
            visible = visible[:MAX_FILENAME_CHARS]
    return visible or "untitled"

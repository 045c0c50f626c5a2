"""The tables of documents."""

from services.documents.models.base import Base
from services.documents.models.documents import Document
from services.documents.models.passages import StoredPassage
from services.documents.models.versions import DocumentVersion

__all__ = ["Base", "Document", "DocumentVersion", "StoredPassage"]

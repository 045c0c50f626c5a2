"""The tables of documents."""

from services.documents.models.base import Base
from services.documents.models.documents import Document
from services.documents.models.moves import EmbeddingMove
from services.documents.models.passages import StoredPassage
from services.documents.models.versions import DocumentVersion
from services.documents.models.websites import Crawl, Website, WebsitePage

__all__ = [
    "Base",
    "Crawl",
    "Document",
    "DocumentVersion",
    "EmbeddingMove",
    "StoredPassage",
    "Website",
    "WebsitePage",
]

"""What may be uploaded, for whoever writes a client."""

from dataclasses import dataclass

from services.documents.domain.documents import DOCUMENT_TYPES


@dataclass(frozen=True, kw_only=True)
class UploadTerms:
    """The bounds of an upload.

    Attributes:
        max_file_bytes: Of one file.
        passage_tokens: How long the chunks are at most that a document is cut into.
        document_types: Which kinds of files are read.
    """

    max_file_bytes: int
    passage_tokens: int
    document_types: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DescribeUploads:
    """Tell what is taken in, and what becomes of it."""

    max_file_bytes: int
    passage_tokens: int

    async def __call__(self) -> UploadTerms:
        """Return the bounds, the same for every caller."""
        return UploadTerms(
            max_file_bytes=self.max_file_bytes,
            passage_tokens=self.passage_tokens,
            document_types=DOCUMENT_TYPES,
        )

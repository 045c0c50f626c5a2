"""What can go wrong with documents, in words for the person who must act on it."""

from libs.common.errors import Conflict, Invalid, NotFound, Unavailable


class DocumentNotFound(NotFound):
    """The caller's tenant has no such document."""

    code = "document_not_found"
    message = "There is no such document."


class VersionNotFound(NotFound):
    """The document has had no such version."""

    code = "document_version_not_found"
    message = "The document has no such version."


class PassageNotFound(NotFound):
    """The document has no such passage."""

    code = "chunk_not_found"
    message = "There is no such chunk in this document."


class AgentNotFound(NotFound):
    """The caller's tenant has no such agent."""

    code = "agent_not_found"
    message = "There is no such agent."


class TaskNotFound(NotFound):
    """There is no such task, or it belongs to another tenant."""

    code = "task_not_found"
    message = "There is no such task."


class DocumentNotDeleted(Conflict):
    """Only a deleted document can be restored."""

    code = "document_not_deleted"
    message = "The document is not deleted, so there is nothing to restore."


class DocumentNotFailed(Conflict):
    """Only a failed document can be tried again."""

    code = "document_not_failed"
    message = "The document has not failed, so there is nothing to try again."


class DocumentInMotion(Conflict):
    """Somebody else deletes or restores the same document at this moment."""

    code = "document_in_motion"
    message = "The document is being changed at this moment. Try again."


class SameContent(Conflict):
    """A deleted document whose agent was given the same file again."""

    code = "document_duplicate"
    message = "The agent has another document with the same content, so this one stays deleted."


class HiddenTwin(Conflict):
    """The agent has the same bytes in a document that the caller may not read."""

    code = "document_duplicate"
    message = "The agent has this file already, for groups that you are not in."


class ForeignGroup(Invalid):
    """A document is given to groups of one's own only."""

    code = "not_your_group"
    message = "You can give a document only to groups that you are in."


class TooManyGroups(Invalid):
    """More groups than a document can have."""

    code = "too_many_groups"
    message = "A document can be given to 50 groups."


class MalformedLabels(Invalid):
    """Groups are ids, and tags are short."""

    code = "malformed_labels"
    message = "Groups are the ids of groups, and tags are up to 20 words of up to 50 characters."


class ParentDeleted(Invalid):
    """A chunk cannot come back without its document."""

    code = "document_deleted"
    message = "The document of this chunk is deleted. Restore the document."


class ChunkNotDeleted(Conflict):
    """Only a deleted chunk can be restored."""

    code = "chunk_not_deleted"
    message = "The chunk is not deleted, so there is nothing to restore."


class NothingUploaded(Invalid):
    """An upload without any file."""

    code = "nothing_uploaded"
    message = "Send at least one file in the form field file, files or files[], or a url."


class AgentRequired(Invalid):
    """An upload that does not name an agent."""

    code = "agent_id_required"
    message = "Name the agent that shall know the document in the form field agent_id."


class OneFileOnly(Invalid):
    """Several files for one document."""

    code = "one_file_only"
    message = "Send exactly one file to take the place of a document's."


class MalformedUpload(Invalid):
    """The body is not the multipart form that it claims to be."""

    code = "malformed_upload"
    message = "The body is not a readable multipart/form-data upload."


class UploadTooLarge(Invalid):
    """A file above the limit."""

    http_status = 413
    code = "upload_too_large"
    message = "The file is larger than this server accepts."


class UploadRejected(Invalid):
    """None of the files of an upload could be taken."""

    code = "upload_rejected"
    message = "None of the files could be accepted."


class UnreadableDocument(Invalid):
    """A file that cannot be turned into text, through its own fault.

    `code` is the stable reason, `message` the sentence that the document's owner reads.
    """

    code = "unreadable_document"
    message = "The file could not be read."

    @property
    def reason_code(self) -> str:
        """The stable word for the cause."""
        return self.code


class EmptyDocument(UnreadableDocument):
    """A file of no bytes, or of white space only."""

    code = "empty_document"
    message = "The file is empty."


class EncryptedDocument(UnreadableDocument):
    """A file that asks for a password."""

    code = "encrypted_document"
    message = "The file is protected by a password. Remove the password and upload it again."


class CorruptDocument(UnreadableDocument):
    """A file that breaks the rules of its own format."""

    code = "corrupt_document"
    message = "The file is damaged or incomplete. Save it anew and upload it again."


class UnsupportedType(UnreadableDocument):
    """A file of a kind that this service does not read."""

    http_status = 415
    code = "unsupported_type"
    message = (
        "This type of file is not supported. "
        "Send PDF, DOCX, PPTX, XLSX, ODT, RTF, EPUB, CSV, HTML, Markdown, text, JSON, XML, "
        "a mail (EML or MSG), or a picture with text (PNG, JPEG, TIFF or WebP)."
    )


class NoText(UnreadableDocument):
    """A readable file without any text, such as a scan."""

    code = "no_text"
    message = "The file contains no text; it may be a scan, and OCR is off."


class ScanFound(Exception):
    """A file with pages to be recognised, met where that would keep others waiting."""


class ParserLimitExceeded(UnreadableDocument):
    """A file that needs more time, memory or output than a document may have."""

    code = "parser_limit_exceeded"
    message = "The file is too complex to read within the limits. Split it into smaller files."


class EmbeddingUnavailable(Unavailable):
    """The embedding model does not answer."""

    code = "embedding_unavailable"
    message = "The embedding model is out of reach. Try again in a moment."


class SpaceMoved(Unavailable):
    """The tenant's live embedding space changed while a document was made ready for the old one."""

    code = "embedding_space_moved"
    message = "The embedding model changed meanwhile. Try again in a moment."


class SpaceNotFull(Conflict):
    """An embedding space that lacks documents cannot be searched instead of the live one."""

    code = "embedding_space_not_full"
    message = "The other embedding space is not full yet."


class SpaceNotKept(Conflict):
    """An embedding space that is not kept any more, or is still searched."""

    code = "embedding_space_not_kept"
    message = "The other embedding space is not kept. Fill it first."


class EmbeddingRejected(Unavailable):
    """The embedding model refuses the request, so trying again as is would not help."""

    code = "embedding_rejected"
    message = "The embedding model refused the request. Check its key, name and dimension."


class RerankUnavailable(Unavailable):
    """The rerank model does not answer."""

    code = "rerank_unavailable"
    message = "The rerank model is out of reach. Try again in a moment."


class VectorStoreUnavailable(Unavailable):
    """The vector store does not answer."""

    code = "vector_store_unavailable"
    message = "The knowledge base is out of reach. Try again in a moment."


class BlobStoreUnavailable(Unavailable):
    """The object store does not answer, or is full."""

    code = "object_store_unavailable"
    message = "The file store is out of reach. Try again in a moment."


class BlobMissing(Unavailable):
    """A document whose bytes are gone."""

    code = "file_missing"
    message = "The stored file is missing. Upload the document again."


class AgentsUnavailable(Unavailable):
    """The agents service does not answer."""

    code = "agents_unavailable"
    message = "The agents service is out of reach. Try again in a moment."

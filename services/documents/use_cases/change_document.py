"""Changing what is said of a document: its title, its tags, and who may read it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from services.documents.domain.errors import DocumentNotFound
from services.documents.domain.jobs import SetGroups
from services.documents.domain.readers import Reader, check_groups
from services.documents.models import Document
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork, OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class ChangeDocument:
    """Change a document without indexing it again."""

    reader: Reader
    unit_of_work: OpenUnitOfWork

    async def __call__(
        self,
        document_id: UUID,
        *,
        groups: Sequence[UUID] | None = None,
        tags: Sequence[str] | None = None,
    ) -> Document:
        """Change what is given. Groups hold from the commit on: search asks the row.

        Raises:
            DocumentNotFound: The tenant has no such document, or the caller may not read it.
            ForeignGroup: The caller is not in one of the groups.
        """
        async with self.unit_of_work() as uow:
            document = await uow.documents.live(document_id, lock=True)
            if document is None:
                raise DocumentNotFound
            if groups is not None:
                check_groups(groups, self.reader, present=document.groups)
            set_labels(uow, document, groups=groups, tags=tags)
            document.updated_at = datetime.now(UTC)
        return document


def set_labels(
    uow: DocumentsUnitOfWork,
    document: Document,
    *,
    groups: Collection[UUID] | None,
    tags: Sequence[str] | None,
) -> None:
    """Change what is given of a locked document; the index is told of new groups by a job."""
    if groups is not None and set(groups) != set(document.groups):
        document.groups = sorted(set(groups))
        uow.jobs.add(SetGroups(document_id=document.id))
    if tags is not None:
        document.tags = list(dict.fromkeys(tags))

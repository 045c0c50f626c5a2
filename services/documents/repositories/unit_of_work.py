"""This service's unit of work: its repositories in one tenant transaction."""

from contextlib import AbstractAsyncContextManager
from functools import cached_property
from typing import Protocol

from libs.common.unit_of_work import UnitOfWork
from services.documents.domain.readers import EVERYTHING, Reader
from services.documents.repositories.documents import DocumentRepository
from services.documents.repositories.moves import MoveRepository
from services.documents.repositories.passages import PassageRepository
from services.documents.repositories.versions import VersionRepository
from services.documents.repositories.website_pages import WebsitePageRepository
from services.documents.repositories.websites import CrawlRepository, WebsiteRepository


class DocumentsUnitOfWork(UnitOfWork):
    """A transaction over documents and passages, with outbox and jobs.

    Attributes:
        reader: Sees what they may read, and nothing else.
    """

    reader: Reader = EVERYTHING

    @cached_property
    def documents(self) -> DocumentRepository:
        """The tenant's documents."""
        return DocumentRepository(self.session, self.tenant_id, reader=self.reader)

    @cached_property
    def passages(self) -> PassageRepository:
        """The tenant's passages."""
        return PassageRepository(self.session, self.tenant_id, reader=self.reader)

    @cached_property
    def moves(self) -> MoveRepository:
        """The tenant's place between two embedding models."""
        return MoveRepository(self.session, self.tenant_id)

    @cached_property
    def websites(self) -> WebsiteRepository:
        """The tenant's websites."""
        return WebsiteRepository(self.session, self.tenant_id)

    @cached_property
    def crawls(self) -> CrawlRepository:
        """The tenant's tasks about websites."""
        return CrawlRepository(self.session, self.tenant_id)

    @cached_property
    def website_pages(self) -> WebsitePageRepository:
        """The pages of the tenant's websites."""
        return WebsitePageRepository(self.session, self.tenant_id)

    @cached_property
    def versions(self) -> VersionRepository:
        """The earlier files of the tenant's documents."""
        return VersionRepository(self.session, self.tenant_id)


class OpenUnitOfWork(Protocol):
    """Begins a unit of work for the tenant that a use case was made for."""

    def __call__(
        self, *, read_only: bool = False
    ) -> AbstractAsyncContextManager[DocumentsUnitOfWork]:
        """Return the unit of work, to be entered once."""
        ...

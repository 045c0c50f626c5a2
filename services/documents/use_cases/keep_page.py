"""What is written of a visited page: its row, its document, its links, in one transaction."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from libs.common.events.catalogue.documents import DocumentUploaded
from libs.common.ids import new_id
from services.documents.domain.documents import blob_key
from services.documents.domain.errors import BlobStoreUnavailable
from services.documents.domain.ports import BlobStore
from services.documents.domain.web_addresses import WebAddress
from services.documents.domain.websites import (
    KNOWN_PER_PAGE,
    CrawlPlan,
    FoundBy,
    FoundPage,
    KnownPage,
    PageStatus,
    Visit,
)
from services.documents.models import Document
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork, OpenUnitOfWork
from services.documents.use_cases.delete_documents import delete
from services.documents.use_cases.queue_indexing import queue_indexing
from services.documents.use_cases.replace_document import replace_file

_ADDED: Final = "added"
_CHANGED: Final = "changed"
_UNCHANGED: Final = "unchanged"
_REMOVED: Final = "removed"
_FAILED: Final = "failed"
_PASSED: Final = "passed"
_LOST: Final = "lost"


@dataclass(frozen=True)
class PageContent:
    """What a page would be as a document."""

    body: bytes
    document_type: str
    filename: str
    url: str


class _Lost(Exception):
    """The crawl is over, or somebody else's."""


@dataclass(frozen=True, kw_only=True)
class KeepPage:
    """Write what a visit has found. Every call returns the outcome in a word."""

    tenant_id: UUID
    unit_of_work: OpenUnitOfWork
    blobs: BlobStore

    async def __call__(
        self,
        plan: CrawlPlan,
        page: KnownPage,
        content: PageContent,
        visit: Visit,
        *,
        links: Sequence[FoundPage],
        at: WebAddress,
        noindex: bool,
        canonical: WebAddress | None,
    ) -> str:
        """Make a page a document, or change the one that it is.

        Args:
            plan: The crawl.
            page: As known before.
            content: What it holds.
            visit: What its row shall say.
            links: Where it leads.
            at: Where it was found in the end, after redirects.
            noindex: It asks to be left out.
            canonical: The address that it says it has, if it is the website's.
        """
        blob_id = None
        if not noindex and (page.document_id is None or page.content_hash != visit.content_hash):
            blob_id = new_id()
            await self.blobs.put(self.tenant_id, blob_key(blob_id), _once(content.body))
        superfluous = blob_id
        try:
            async with self.unit_of_work() as uow:
                keeping = _Keeping(uow, plan, visit)
                outcome, page = await keeping.place(page, at, canonical, noindex=noindex)
                if outcome is None:
                    outcome, superfluous = await keeping.document(page, content, blob_id)
                await keeping.end(page, outcome, links)
        except _Lost:
            outcome = _LOST
        if superfluous is not None:
            # One that cannot be deleted now is swept later.
            with suppress(BlobStoreUnavailable):
                await self.blobs.delete(self.tenant_id, [blob_key(superfluous)])
        return outcome

    async def as_it_is(self, plan: CrawlPlan, page: KnownPage, visit: Visit) -> str:
        """Note that a page is the same as before."""
        try:
            async with self.unit_of_work() as uow:
                await _Keeping(uow, plan, visit).end(page, _UNCHANGED, ())
        except _Lost:
            return _LOST
        return _UNCHANGED

    async def without(
        self, plan: CrawlPlan, page: KnownPage, visit: Visit, *, removes: bool, fetched: bool
    ) -> str:
        """Note that there is nothing to be had.

        Args:
            plan: The crawl.
            page: As known before.
            visit: What its row shall say.
            removes: Its document is deleted.
            fetched: It counts as a failure.
        """
        outcome = _REMOVED if removes else _FAILED if fetched else _PASSED
        try:
            async with self.unit_of_work() as uow:
                keeping = _Keeping(uow, plan, visit)
                if removes:
                    await keeping.remove(page)
                await keeping.end(page, outcome, ())
        except _Lost:
            return _LOST
        return outcome

    async def postpone(self, plan: CrawlPlan, page: KnownPage, *, reason: str) -> bool:
        """Put a page at the end of the crawl; False when the crawl is over."""
        async with self.unit_of_work() as uow:
            if not await uow.crawls.count(plan):
                return False
            await uow.website_pages.postpone(page.id, reason=reason)
        return True


class _Keeping:
    """One visit within its transaction, which holds the crawl from its first statement on."""

    def __init__(self, uow: DocumentsUnitOfWork, plan: CrawlPlan, visit: Visit) -> None:
        self._uow = uow
        self._plan = plan
        self._visit = visit
        self._held = False

    async def _hold(self) -> None:
        if not self._held and not await self._uow.crawls.count(self._plan):
            raise _Lost
        self._held = True

    async def place(
        self, page: KnownPage, at: WebAddress, canonical: WebAddress | None, *, noindex: bool
    ) -> tuple[str | None, KnownPage]:
        """Find the row that a page belongs to; the outcome is that of one that is no document."""
        await self._hold()
        if at.key != page.key:
            target = await self._elsewhere(page, at, "redirect")
            if target is None:
                return _PASSED, page
            page = target
        if noindex:
            await self._leave_out(page, "noindex")
            return _PASSED, page
        if canonical is not None and canonical.key != page.key:
            known = await self._uow.website_pages.by_key(self._plan.source_id, canonical.key)
            # Two pages that each call the other the real one: the first is.
            if known is None or known[0].reason != "canonical":
                await self._note(canonical, page.depth)
                await self._leave_out(page, "canonical")
                return _PASSED, page
        return None, page

    async def _elsewhere(self, page: KnownPage, at: WebAddress, reason: str) -> KnownPage | None:
        """Leave a page out for another one; None when that was visited already."""
        await self.remove(page)
        gone = replace(
            self._visit,
            status=PageStatus.EXCLUDED,
            reason=reason,
            url=None,
            etag=None,
            last_modified=None,
            content_hash=None,
            document_id=None,
        )
        await self._uow.website_pages.visited(page.id, self._plan.id, gone)
        await self._note(at, page.depth)
        found = await self._uow.website_pages.by_key(self._plan.source_id, at.key)
        if found is None or found[1] == self._plan.id:
            self._visit = gone
            return None
        return found[0]

    async def _note(self, address: WebAddress, depth: int) -> None:
        found = FoundPage(url=address.url, key=address.key, depth=depth, found_by=FoundBy.LINK)
        room = KNOWN_PER_PAGE * self._plan.max_pages + depth
        await self._uow.website_pages.add_found(self._plan.source_id, [found], room=room)

    async def _leave_out(self, page: KnownPage, reason: str) -> None:
        await self.remove(page)
        self._visit = replace(
            self._visit, status=PageStatus.EXCLUDED, reason=reason, content_hash=None
        )

    async def document(
        self, page: KnownPage, content: PageContent, blob_id: UUID | None
    ) -> tuple[str, UUID | None]:
        """Make or change a page's document; returns the outcome, and a blob that nobody needs."""
        content_hash = self._visit.content_hash or b""
        own = None
        if page.document_id is not None:
            own = await self._uow.documents.locked(page.document_id)
        deleted = page.reason == "document_deleted" if own is None else own.deleted_at is not None
        if deleted:
            # Somebody took it out by hand, and meant it.
            await self._leave_out(replace(page, document_id=None), "document_deleted")
            return _PASSED, blob_id
        if own is not None and own.content_hash == content_hash:
            self._visit = replace(self._visit, document_id=own.id)
            return _UNCHANGED, blob_id
        if blob_id is None:
            # The document changed since the page was read from its row; the next crawl will see.
            self._visit = replace(self._visit, document_id=page.document_id, etag=None)
            return _UNCHANGED, None
        twin = await self._uow.documents.with_content(self._plan.agent_id, content_hash)
        if twin is None and own is not None:
            new = _new_document(self._plan.agent_id, content, blob_id, content_hash)
            await replace_file(self._uow, own, new, now=new.created_at)
            own.source_url = content.url
            self._visit = replace(self._visit, document_id=own.id, changed=True)
            return _CHANGED, None
        if twin is None:
            document = _new_document(self._plan.agent_id, content, blob_id, content_hash)
            if await self._uow.documents.add_if_new(document):
                self._queue(document)
                self._visit = replace(self._visit, document_id=document.id, changed=True)
                return _ADDED, None
        await self._leave_out(page, "duplicate")
        return _PASSED, blob_id

    def _queue(self, document: Document) -> None:
        queue_indexing(self._uow, document)
        self._uow.outbox.record(
            DocumentUploaded(
                document_id=document.id,
                agent_id=document.agent_id,
                size_bytes=document.size_bytes,
            ),
            aggregate_id=document.id,
        )

    async def remove(self, page: KnownPage) -> None:
        """Delete a page's document, if it is one."""
        await self._hold()
        if page.document_id is not None:
            document = await self._uow.documents.live(page.document_id, lock=True)
            if document is not None:
                delete(self._uow, document)
        self._visit = replace(self._visit, document_id=None)

    async def end(self, page: KnownPage, outcome: str, links: Sequence[FoundPage]) -> None:
        """Write the page's row and its links, and count it."""
        processed = 0 if outcome == _PASSED and self._visit.http_status is None else 1
        counts = {} if outcome == _PASSED else {outcome: 1}
        if not await self._uow.crawls.count(self._plan, {"processed": processed, **counts}):
            raise _Lost
        self._held = True
        await self._uow.website_pages.visited(page.id, self._plan.id, self._visit)
        # A page that is another one's double leads where that one leads; so may an endless row.
        if self._visit.reason not in ("duplicate", "redirect"):
            room = KNOWN_PER_PAGE * self._plan.max_pages
            await self._uow.website_pages.add_found(self._plan.source_id, links, room=room)


def _new_document(
    agent_id: UUID, content: PageContent, blob_id: UUID, content_hash: bytes
) -> Document:
    document = Document.pending(
        id=blob_id,
        agent_id=agent_id,
        filename=content.filename,
        document_type=content.document_type,
        size_bytes=len(content.body),
        content_hash=content_hash,
        uploaded_by=None,
        extra={"source": "website"},
        now=datetime.now(UTC),
    )
    document.source_url = content.url
    return document


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content

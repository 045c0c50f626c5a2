"""The pages of websites in PostgreSQL; the frontier of a crawl is what it has not visited."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text

from libs.common.database import TenantRepository
from libs.common.ids import new_id
from services.documents.domain.websites import (
    GONE_AFTER,
    FoundBy,
    FoundPage,
    KnownPage,
    Visit,
)
from services.documents.models import Document, WebsitePage

_KNOWN = """
    id, url, key, depth, found_by, attempts, missed, reason, etag,
    last_modified, content_hash, document_id
"""
# Pages that the agent knows already come first, so that a full website is kept up to date.
_FRONTIER = text(
    f"""
    SELECT {_KNOWN} FROM website_pages
    WHERE tenant_id = :tenant_id AND source_id = :source_id AND depth <= :max_depth
      AND visited_in IS DISTINCT FROM :crawl_id
    ORDER BY attempts, document_id IS NULL, found_by = 'visitor', depth, key LIKE '%?%', id
    LIMIT :limit
    """  # noqa: S608 - names from above
)
_BY_KEY = text(
    f"""
    SELECT {_KNOWN}, visited_in FROM website_pages
    WHERE tenant_id = :tenant_id AND source_id = :source_id AND key = :key
    """  # noqa: S608 - names from above
)
# A page that is found nearer to the start than before is nearer.
_ADD = text(
    """
    INSERT INTO website_pages AS p (tenant_id, id, source_id, url, key, depth, found_by, status)
    SELECT :tenant_id, f.id, :source_id, f.url, f.key, f.depth, f.found_by, 'pending'
    FROM unnest(CAST(:ids AS uuid[]), CAST(:urls AS text[]), CAST(:keys AS text[]),
                CAST(:depths AS int[]), CAST(:found_by AS text[]))
         AS f (id, url, key, depth, found_by)
    ON CONFLICT (tenant_id, source_id, key)
        DO UPDATE SET depth = excluded.depth, found_by = excluded.found_by
        WHERE p.depth > excluded.depth OR (p.found_by = 'visitor' AND p.visited_in IS NULL)
    """
)
_VISITED = text(
    """
    UPDATE website_pages
    SET status = :status, reason = :reason, http_status = :http_status,
        url = coalesce(:url, url), title = coalesce(:title, title), etag = :etag,
        last_modified = :last_modified, content_hash = :content_hash, document_id = :document_id,
        missed = :missed, attempts = 0, visited_in = :crawl_id, visited_at = now(),
        changed_at = CASE WHEN :changed THEN now() ELSE changed_at END, updated_at = now()
    WHERE tenant_id = :tenant_id AND id = :id
    """
)
_POSTPONE = text(
    """
    UPDATE website_pages SET attempts = attempts + 1, reason = :reason, updated_at = now()
    WHERE tenant_id = :tenant_id AND id = :id
    """
)
_BEGIN = text(
    """
    UPDATE website_pages SET attempts = 0
    WHERE tenant_id = :tenant_id AND source_id = :source_id AND attempts > 0
    """
)
# What is gone, and what visitors named in vain, would else take up the room for ever.
_FORGET = text(
    """
    DELETE FROM website_pages
    WHERE tenant_id = :tenant_id AND source_id = :source_id AND document_id IS NULL
      AND visited_in IS NOT NULL AND reason IS DISTINCT FROM 'document_deleted'
      AND (missed >= :gone_after OR found_by = 'visitor')
    """
)
_HIDE = text(
    """
    UPDATE documents AS d SET deleted_at = now(), updated_at = now()
    FROM website_pages AS p
    WHERE p.tenant_id = :tenant_id AND p.source_id = :source_id
      AND d.tenant_id = p.tenant_id AND d.id = p.document_id AND d.deleted_at IS NULL
    """
)
_LET_GO = text(
    """
    UPDATE website_pages SET document_id = NULL, updated_at = now()
    WHERE tenant_id = :tenant_id AND id = ANY (CAST(:ids AS uuid[]))
    """
)


class WebsitePageRepository(TenantRepository[WebsitePage]):
    """One tenant's pages of websites."""

    model = WebsitePage

    async def frontier(
        self, source_id: UUID, crawl_id: UUID, *, max_depth: int, limit: int
    ) -> list[KnownPage]:
        """Return the next pages that a crawl should visit."""
        values = {
            "tenant_id": self.tenant_id,
            "source_id": source_id,
            "crawl_id": crawl_id,
            "max_depth": max_depth,
            "limit": limit,
        }
        rows = (await self.session.execute(_FRONTIER, values)).mappings()
        return [KnownPage(**row) for row in rows]

    async def by_key(self, source_id: UUID, key: str) -> tuple[KnownPage, UUID | None] | None:
        """Return the page with a key, and the crawl that was there last."""
        values = {"tenant_id": self.tenant_id, "source_id": source_id, "key": key}
        row = (await self.session.execute(_BY_KEY, values)).mappings().one_or_none()
        if row is None:
            return None
        known = {name: value for name, value in row.items() if name != "visited_in"}
        return KnownPage(**known), row["visited_in"]

    async def add_found(self, source_id: UUID, pages: Sequence[FoundPage], *, room: int) -> int:
        """Note addresses, as many as there is room for; those that are known stay.

        Args:
            source_id: The website.
            pages: What was found, the most promising first.
            room: How many addresses the website may know.
        """
        if not pages:
            return 0
        unique = list({page.key: page for page in reversed(pages)}.values())[::-1]
        if len(unique) > 1 or unique[0].depth > 0:
            left = room - await self.count(source_id)
            unique = unique[: max(left, 0)]
        if unique:
            await self.session.execute(
                _ADD,
                {
                    "tenant_id": self.tenant_id,
                    "source_id": source_id,
                    "ids": [new_id() for _ in unique],
                    "urls": [page.url for page in unique],
                    "keys": [page.key for page in unique],
                    "depths": [page.depth for page in unique],
                    "found_by": [str(page.found_by) for page in unique],
                },
            )
        return len(unique)

    async def count(self, source_id: UUID) -> int:
        """Return how many addresses a website knows."""
        query = select(func.count()).where(
            WebsitePage.tenant_id == self.tenant_id, WebsitePage.source_id == source_id
        )
        return await self.session.scalar(query) or 0

    async def count_unseen_of_visitors(self, source_id: UUID) -> int:
        """Return how many addresses visitors have named that no crawl has seen."""
        query = select(func.count()).where(
            WebsitePage.tenant_id == self.tenant_id,
            WebsitePage.source_id == source_id,
            WebsitePage.found_by == FoundBy.VISITOR,
            WebsitePage.visited_in.is_(None),
        )
        return await self.session.scalar(query) or 0

    async def with_key(self, source_id: UUID, key: str) -> WebsitePage | None:
        """Return the page of a website with a key."""
        found: WebsitePage | None = await self.session.scalar(
            self.owned().where(WebsitePage.source_id == source_id, WebsitePage.key == key)
        )
        return found

    async def visited(self, page_id: UUID, crawl_id: UUID, visit: Visit) -> None:
        """Note how a visit ended."""
        await self.session.execute(
            _VISITED,
            {
                "tenant_id": self.tenant_id,
                "id": page_id,
                "crawl_id": crawl_id,
                "status": str(visit.status),
                "reason": visit.reason,
                "http_status": visit.http_status,
                "url": visit.url,
                "title": visit.title,
                "etag": visit.etag,
                "last_modified": visit.last_modified,
                "content_hash": visit.content_hash,
                "document_id": visit.document_id,
                "missed": visit.missed,
                "changed": visit.changed,
            },
        )

    async def postpone(self, page_id: UUID, *, reason: str) -> None:
        """Put a page at the end of its crawl."""
        values = {"tenant_id": self.tenant_id, "id": page_id, "reason": reason}
        await self.session.execute(_POSTPONE, values)

    async def begin(self, source_id: UUID) -> None:
        """Forget the attempts of the crawl before, and the pages that are not worth a visit.

        Those that the website still leads to are found again.
        """
        values = {"tenant_id": self.tenant_id, "source_id": source_id}
        await self.session.execute(_BEGIN, values)
        await self.session.execute(_FORGET, {**values, "gone_after": GONE_AFTER})

    async def of_source(
        self, source_id: UUID, *, offset: int, limit: int
    ) -> tuple[list[tuple[WebsitePage, str | None]], int]:
        """Return a stretch of a website's pages with their documents' states, and their number."""
        total = await self.count(source_id)
        query = (
            select(WebsitePage, Document.status)
            .outerjoin(
                Document,
                (Document.tenant_id == WebsitePage.tenant_id)
                & (Document.id == WebsitePage.document_id),
            )
            .where(WebsitePage.tenant_id == self.tenant_id, WebsitePage.source_id == source_id)
            .order_by(WebsitePage.depth, WebsitePage.id)
            .offset(offset)
            .limit(limit)
        )
        rows = (await self.session.execute(query)).all()
        return [(row[0], row[1]) for row in rows], total

    async def visited_in(
        self, source_id: UUID, crawl_id: UUID, *, since: datetime, limit: int
    ) -> list[WebsitePage]:
        """Return the pages that a crawl visited or found, those that failed first."""
        query = (
            self.owned()
            .where(
                WebsitePage.source_id == source_id,
                (WebsitePage.visited_in == crawl_id) | (WebsitePage.created_at >= since),
            )
            .order_by((WebsitePage.status == "failed").desc(), WebsitePage.id)
            .limit(limit)
        )
        return list((await self.session.scalars(query)).all())

    async def documents_waiting(self, source_id: UUID) -> int:
        """Return how many of a website's documents are being indexed."""
        query = (
            select(func.count())
            .select_from(WebsitePage)
            .join(
                Document,
                (Document.tenant_id == WebsitePage.tenant_id)
                & (Document.id == WebsitePage.document_id),
            )
            .where(
                WebsitePage.tenant_id == self.tenant_id,
                WebsitePage.source_id == source_id,
                Document.deleted_at.is_(None),
                Document.status.in_(["pending", "processing"]),
            )
        )
        return await self.session.scalar(query) or 0

    async def hide_documents(self, source_id: UUID) -> None:
        """Hide all documents of a website from lists and search."""
        await self.session.execute(_HIDE, {"tenant_id": self.tenant_id, "source_id": source_id})

    async def with_documents(self, source_id: UUID, *, limit: int) -> Sequence[Document]:
        """Return documents that a website's pages still hold on to."""
        query = (
            select(Document)
            .join(
                WebsitePage,
                (WebsitePage.tenant_id == Document.tenant_id)
                & (WebsitePage.document_id == Document.id),
            )
            .where(Document.tenant_id == self.tenant_id, WebsitePage.source_id == source_id)
            .order_by(Document.id)
            .limit(limit)
        )
        return (await self.session.scalars(query)).all()

    async def let_go(self, source_id: UUID, document_ids: Sequence[UUID]) -> None:
        """Forget which documents pages became."""
        pages = await self.session.scalars(
            select(WebsitePage.id).where(
                WebsitePage.tenant_id == self.tenant_id,
                WebsitePage.source_id == source_id,
                WebsitePage.document_id.in_(document_ids),
            )
        )
        values = {"tenant_id": self.tenant_id, "ids": list(pages)}
        await self.session.execute(_LET_GO, values)

"""Websites and the tasks about them in PostgreSQL.

Whoever changes several of them locks in this order: the website, its crawl, documents, pages.
Websites are locked by `FOR NO KEY UPDATE`: a visit holds the crawl while it inserts pages, whose
foreign key needs the website's key only.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert

from libs.common.database import TenantRepository
from libs.common.ids import new_task_id
from services.documents.domain.websites import CrawlKind, CrawlPlan, CrawlState, SiteStatus
from services.documents.models import Crawl, Website

UNDER_WAY = (CrawlState.QUEUED, CrawlState.RUNNING)

_BEGIN = text(
    """
    UPDATE website_crawls AS c
    SET state = 'running', holder = :holder, started_at = coalesce(started_at, now()),
        updated_at = now()
    FROM website_sources AS s
    WHERE c.tenant_id = :tenant_id AND c.id = :id AND c.turn = :turn
      AND c.state IN ('queued', 'running')
      AND s.tenant_id = c.tenant_id AND s.id = c.source_id AND s.deleted_at IS NULL
    RETURNING c.id, c.turn, c.holder, c.source_id, s.agent_id, s.base_url, s.seed_urls,
              s.allowed_paths, s.disallowed_paths, c.max_pages, s.max_depth, c.processed,
              c.added + c.changed + c.unchanged AS kept, c.started_at, c.prepared
    """
)
_COUNT = text(
    """
    UPDATE website_crawls
    SET processed = processed + :processed, added = added + :added, changed = changed + :changed,
        unchanged = unchanged + :unchanged, removed = removed + :removed, failed = failed + :failed,
        prepared = prepared OR :prepared, updated_at = now()
    WHERE tenant_id = :tenant_id AND id = :id AND holder = :holder AND state = 'running'
    RETURNING processed
    """
)
_NEXT_TURN = text(
    """
    UPDATE website_crawls SET turn = turn + 1, updated_at = now()
    WHERE tenant_id = :tenant_id AND id = :id AND holder = :holder AND state = 'running'
    RETURNING turn
    """
)
_END = text(
    """
    UPDATE website_crawls
    SET state = :state, error = :error, error_code = :error_code, finished_at = now(),
        updated_at = now()
    WHERE tenant_id = :tenant_id AND id = :id AND state IN ('queued', 'running')
      AND (CAST(:holder AS uuid) IS NULL OR holder = :holder)
    RETURNING id
    """
)


class WebsiteRepository(TenantRepository[Website]):
    """One tenant's websites."""

    model = Website

    async def add_if_new(self, website: Website) -> bool:
        """Insert a website, unless its agent has it already."""
        website.tenant_id = self.tenant_id
        columns = [column.key for column in Website.__table__.columns]
        values = {
            name: getattr(website, name) for name in columns if getattr(website, name) is not None
        }
        statement = insert(Website).values(values).on_conflict_do_nothing().returning(Website.id)
        return await self.session.scalar(statement) is not None

    async def living(self, source_id: UUID, *, lock: bool = False) -> Website | None:
        """Return a website that is not deleted."""
        query = self.owned().where(Website.id == source_id, Website.deleted_at.is_(None))
        return await self._one(query.with_for_update(key_share=True) if lock else query)

    async def locked(self, source_id: UUID) -> Website | None:
        """Return a website, deleted or not, that nobody else changes meanwhile."""
        query = self.owned().where(Website.id == source_id)
        return await self._one(query.with_for_update(key_share=True))

    async def with_base(self, agent_id: UUID, base_key: str) -> Website | None:
        """Return the agent's website with a base."""
        return await self._one(
            self.owned().where(
                Website.agent_id == agent_id,
                Website.base_key == base_key,
                Website.deleted_at.is_(None),
            )
        )

    async def page(
        self, *, agent_id: UUID | None, offset: int, limit: int
    ) -> tuple[Sequence[Website], int]:
        """Return a stretch of the list, newest first, and how long the list is."""
        query = self.owned().where(Website.deleted_at.is_(None))
        if agent_id is not None:
            query = query.where(Website.agent_id == agent_id)
        total = await self.session.scalar(
            select(func.count()).select_from(query.with_only_columns(Website.id).subquery())
        )
        ordered = query.order_by(Website.id.desc()).offset(offset).limit(limit)
        return (await self.session.scalars(ordered)).all(), total or 0

    async def take_due(self, source_id: UUID, *, now: datetime) -> Website | None:
        """Return a website whose time has come, with the next time set; None when it has not."""
        website = await self._one(
            self.owned()
            .where(
                Website.id == source_id,
                Website.deleted_at.is_(None),
                Website.next_crawl_at <= now,
            )
            .with_for_update(key_share=True)
        )
        if website is not None:
            every = website.crawl_frequency_minutes
            website.next_crawl_at = None if every is None else now + timedelta(minutes=every)
        return website

    async def _one(self, query: object) -> Website | None:
        found: Website | None = await self.session.scalar(query)  # type: ignore[call-overload]  # a statement of ours
        return found


class CrawlRepository(TenantRepository[Crawl]):
    """One tenant's tasks about websites."""

    model = Crawl

    async def start(self, website: Website, *, kind: CrawlKind, max_pages: int) -> Crawl | None:
        """Insert a task about a website; None when one is under way.

        Args:
            website: Locked, so that nobody deletes it meanwhile.
            kind: What the task does.
            max_pages: So many pages at most.
        """
        crawl_id = new_task_id("documents")
        statement = (
            insert(Crawl)
            .values(
                tenant_id=self.tenant_id,
                id=crawl_id,
                source_id=website.id,
                kind=kind,
                state=CrawlState.QUEUED,
                max_pages=max_pages,
            )
            .on_conflict_do_nothing()
            .returning(Crawl)
        )
        crawl: Crawl | None = await self.session.scalar(statement)
        if crawl is not None and kind is CrawlKind.CRAWL:
            website.status = SiteStatus.CRAWLING
            website.error = None
        return crawl

    async def under_way(self, source_id: UUID) -> Crawl | None:
        """Return a website's task that is not finished."""
        query = self.owned().where(Crawl.source_id == source_id, Crawl.state.in_(UNDER_WAY))
        found: Crawl | None = await self.session.scalar(query)
        return found

    async def begin(self, crawl_id: UUID, *, turn: int) -> CrawlPlan | None:
        """Mark a crawl as running; None when it is over, or another job works on it."""
        values = {"tenant_id": self.tenant_id, "id": crawl_id, "turn": turn, "holder": uuid4()}
        row = (await self.session.execute(_BEGIN, values)).mappings().one_or_none()
        if row is None:
            return None
        lists = ("seed_urls", "allowed_paths", "disallowed_paths")
        return CrawlPlan(**{**row, **{name: tuple(row[name]) for name in lists}})

    async def count(
        self, plan: CrawlPlan, counts: Mapping[str, int] | None = None, *, prepared: bool = False
    ) -> bool:
        """Add to a crawl's counters and hold it; False when it is over or somebody else's."""
        names = ("processed", "added", "changed", "unchanged", "removed", "failed")
        values = {name: (counts or {}).get(name, 0) for name in names}
        keys = {"tenant_id": self.tenant_id, "id": plan.id, "holder": plan.holder}
        statement = {**values, **keys, "prepared": prepared}
        return await self.session.scalar(_COUNT, statement) is not None

    async def next_turn(self, plan: CrawlPlan) -> int | None:
        """Hand a crawl on to another job; None when it is over or somebody else's."""
        values = {"tenant_id": self.tenant_id, "id": plan.id, "holder": plan.holder}
        turn: int | None = await self.session.scalar(_NEXT_TURN, values)
        return turn

    async def end(
        self,
        crawl_id: UUID,
        state: CrawlState,
        *,
        holder: UUID | None = None,
        error: str | None = None,
        error_code: str | None = None,
    ) -> bool:
        """End a task; False when it had ended, or `holder` has it no more."""
        values = {
            "tenant_id": self.tenant_id,
            "id": crawl_id,
            "state": str(state),
            "holder": holder,
            "error": error,
            "error_code": error_code,
        }
        return await self.session.scalar(_END, values) is not None

    async def last_of(self, source_id: UUID) -> Crawl | None:
        """Return the newest crawl of a website."""
        query = (
            self.owned()
            .where(Crawl.source_id == source_id, Crawl.kind == CrawlKind.CRAWL)
            .order_by(Crawl.created_at.desc())
            .limit(1)
        )
        found: Crawl | None = await self.session.scalar(query)
        return found

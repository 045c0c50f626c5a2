"""Websites, their pages, and the tasks about them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKeyConstraint, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned, Timestamps
from services.documents.domain.websites import (
    DEFAULT_DEPTH,
    DEFAULT_PAGES,
    CrawlKind,
    CrawlState,
    FoundBy,
    PageStatus,
    SiteStatus,
)
from services.documents.models.base import Base


def _of_source() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["tenant_id", "source_id"],
        ["website_sources.tenant_id", "website_sources.id"],
        ondelete="CASCADE",
    )


class Website(TenantOwned, Timestamps, Base):
    """A website whose pages an agent knows; `site` is that of its base URL."""

    __tablename__ = "website_sources"

    agent_id: Mapped[UUID]
    base_url: Mapped[str] = mapped_column(Text)
    base_key: Mapped[str] = mapped_column(Text)
    site: Mapped[str] = mapped_column(Text)
    seed_urls: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    allowed_paths: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    disallowed_paths: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    crawl_frequency_minutes: Mapped[int | None]
    max_pages: Mapped[int] = mapped_column(default=DEFAULT_PAGES)
    max_depth: Mapped[int] = mapped_column(default=DEFAULT_DEPTH)
    notes: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, default=SiteStatus.ACTIVE)
    error: Mapped[str | None] = mapped_column(Text)
    added_by: Mapped[UUID | None]
    last_crawled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    next_crawl_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class WebsitePage(TenantOwned, Timestamps, Base):
    """A page that a website knows; `visited_in` is the crawl that was there last."""

    __tablename__ = "website_pages"
    __table_args__ = (
        _of_source(),
        ForeignKeyConstraint(["tenant_id", "document_id"], ["documents.tenant_id", "documents.id"]),
    )

    source_id: Mapped[UUID]
    url: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    depth: Mapped[int] = mapped_column(default=0)
    found_by: Mapped[str] = mapped_column(Text, default=FoundBy.LINK)
    status: Mapped[str] = mapped_column(Text, default=PageStatus.PENDING)
    reason: Mapped[str | None] = mapped_column(Text)
    title: Mapped[str | None] = mapped_column(Text)
    http_status: Mapped[int | None]
    etag: Mapped[str | None] = mapped_column(Text)
    last_modified: Mapped[str | None] = mapped_column(Text)
    content_hash: Mapped[bytes | None]
    document_id: Mapped[UUID | None]
    missed: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    visited_in: Mapped[UUID | None]
    visited_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    changed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Crawl(TenantOwned, Timestamps, Base):
    """A task about a website; its id is the task's.

    `turn` counts the jobs that worked on it: only the newest may, and only the attempt that is the
    `holder`.
    """

    __tablename__ = "website_crawls"
    __table_args__ = (_of_source(),)

    source_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(Text, default=CrawlKind.CRAWL)
    state: Mapped[str] = mapped_column(Text, default=CrawlState.QUEUED)
    turn: Mapped[int] = mapped_column(default=0)
    holder: Mapped[UUID | None]
    prepared: Mapped[bool] = mapped_column(default=False)
    max_pages: Mapped[int]
    processed: Mapped[int] = mapped_column(default=0)
    added: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    removed: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)
    error_code: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

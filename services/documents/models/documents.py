"""Documents: what was uploaded, for which agent, and how far its indexing has come."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned, Timestamps
from libs.common.ids import new_task_id
from services.documents.domain.documents import Stage, Status
from services.documents.models.base import Base


class Document(TenantOwned, Timestamps, Base):
    """A file of a tenant, known to one agent.

    `version` is the one that is wanted, `live_version` the one that search may show: it is
    set in the transaction that stores the passages, and none while there are none. `groups` are
    those that may read it; without any it is for the whole tenant.
    """

    __tablename__ = "documents"

    agent_id: Mapped[UUID]
    task_id: Mapped[UUID]
    blob_id: Mapped[UUID]
    filename: Mapped[str] = mapped_column(Text)
    # The name of a file that is to take the place of the one search shows.
    next_filename: Mapped[str | None] = mapped_column(Text)
    title: Mapped[str | None] = mapped_column(Text)
    document_type: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    content_hash: Mapped[bytes]
    source_url: Mapped[str | None] = mapped_column(Text)
    extra: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    uploaded_by: Mapped[UUID | None]
    groups: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)

    status: Mapped[str] = mapped_column(Text, default=Status.PENDING)
    stage: Mapped[str] = mapped_column(Text, default=Stage.QUEUED)
    progress: Mapped[float] = mapped_column(default=0.0)
    reason_code: Mapped[str | None] = mapped_column(Text)
    processing_error: Mapped[str | None] = mapped_column(Text)

    version: Mapped[int] = mapped_column(default=1)
    live_version: Mapped[int | None]
    embedding_space: Mapped[str | None] = mapped_column(Text)
    # Another space that has the live version's vectors too.
    second_space: Mapped[str | None] = mapped_column(Text)
    embedding_model: Mapped[str | None] = mapped_column(Text)
    page_count: Mapped[int | None]
    word_count: Mapped[int | None]
    passage_count: Mapped[int | None]
    token_count: Mapped[int | None]
    warnings: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)

    processed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    deleted_with_agent: Mapped[bool] = mapped_column(default=False)

    @classmethod
    def pending(
        cls,
        *,
        id: UUID,  # noqa: A002 - the column's name
        agent_id: UUID,
        filename: str,
        document_type: str,
        size_bytes: int,
        content_hash: bytes,
        uploaded_by: UUID | None,
        extra: dict[str, str],
        now: datetime,
        groups: Sequence[UUID] = (),
        tags: Sequence[str] = (),
    ) -> Self:
        """Make the row of a file that waits to be indexed."""
        return cls(
            id=id,
            agent_id=agent_id,
            task_id=new_task_id("documents"),
            blob_id=id,
            filename=filename,
            document_type=document_type,
            size_bytes=size_bytes,
            content_hash=content_hash,
            uploaded_by=uploaded_by,
            extra=extra,
            groups=list(groups),
            tags=list(tags),
            status=Status.PENDING,
            stage=Stage.QUEUED,
            progress=0.0,
            version=1,
            warnings=[],
            created_at=now,
            updated_at=now,
        )

    @property
    def versions_in_use(self) -> set[int]:
        """The version that search shows, and the one that is wanted."""
        return {self.version} | ({self.live_version} if self.live_version else set())

    def queue_again(self, *, keep_live: bool = False) -> None:
        """Want a new version; without `keep_live`, earlier ones are not shown any more."""
        self.version += 1
        if not keep_live:
            self.live_version = None
        self.status = Status.PENDING
        self.stage = Stage.QUEUED
        self.progress = 0.0
        self.reason_code = None
        self.processing_error = None
        self.processed_at = None
        self.task_id = new_task_id("documents")

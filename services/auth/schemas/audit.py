"""The shapes of the audit trail."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Self
from uuid import UUID

import orjson
from pydantic import BaseModel, Field

from services.auth.models.audit_entries import AuditEntry


class AuditEntryOut(BaseModel):
    """One entry; some facts stand twice, as clients look under either name."""

    id: int = Field(description="Its place in the company's trail, from 1 without gaps.")
    timestamp: datetime
    created_at: datetime
    event_type: str
    action: str
    description: str
    event_category: str
    entity_type: str
    entity_id: UUID | None
    user_id: UUID | None
    user_role: str | None
    ip_address: str | None
    risk_level: str
    details: dict[str, Any]

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """Show an entry."""
        return cls(
            id=entry.sequence,
            timestamp=entry.occurred_at,
            created_at=entry.occurred_at,
            event_type=entry.event_type,
            action=entry.event_type,
            description=entry.description,
            event_category=entry.entity_type,
            entity_type=entry.entity_type,
            entity_id=entry.entity_id,
            user_id=entry.actor_id,
            user_role=entry.actor_role,
            ip_address=entry.address,
            risk_level=entry.risk_level,
            details=entry.details,
        )


class AuditLogReply(BaseModel):
    """Entries, newest first."""

    data: list[AuditEntryOut]
    total: int
    limit: int
    offset: int


_COLUMNS: Final = (
    "sequence",
    "occurred_at",
    "event_type",
    "description",
    "risk_level",
    "actor_id",
    "actor_role",
    "entity_type",
    "entity_id",
    "address",
    "details",
)
# A spreadsheet takes a cell that begins so for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


async def csv_lines(pages: AsyncIterator[Sequence[AuditEntry]]) -> AsyncIterator[str]:
    """Write pages of entries as CSV, with a line of names before them."""
    yield _lines([_COLUMNS])
    async for page in pages:
        yield _lines([[_cell(entry, column) for column in _COLUMNS] for entry in page])


def _lines(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def _cell(entry: AuditEntry, column: str) -> str:
    value = getattr(entry, column)
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    text = orjson.dumps(value).decode() if isinstance(value, dict) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text

"""What an agent may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Status(StrEnum):
    """Whether an agent answers; only an active one is shown to strangers."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    TRAINING = "training"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True)
class PublicAgent:
    """All that a stranger learns about an agent."""

    id: UUID
    tenant_id: UUID
    name: str
    description: str | None
    avatar_url: str | None
    opening_message: str | None
    suggested_questions: Sequence[str]


def copy_name(name: str, *, max_length: int) -> str:
    """Name the clone of an agent, within `max_length` characters."""
    suffix = " (copy)"
    return name[: max_length - len(suffix)] + suffix

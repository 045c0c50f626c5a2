"""What an answer is, from being asked for to being stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from libs.common.ids import new_id, new_task_id

MAX_MESSAGE_CHARACTERS: Final = 8_000
NOBODY: Final = UUID(int=0)


class AnswerState(StrEnum):
    """Where an answer stands; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def pending(self) -> bool:
        """Whether the answer is still to come."""
        return self in {AnswerState.QUEUED, AnswerState.RUNNING}


class AnswerMode(StrEnum):
    """How an answer came about."""

    GENERATED = "generated"
    """A chat model wrote it from the passages."""
    EXTRACTIVE = "extractive"
    """Verified quotes, because there is no chat model or it is down."""
    REFUSED = "refused"
    """The documents do not hold the answer, or are out of reach."""


class AnswerKind(StrEnum):
    """Which route asked; it decides how the task's result looks."""

    CHAT = "chat"
    ASK = "ask"
    TEST = "test"
    COMPLETION = "completion"


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier message of a conversation."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question that is stored, with the answer that is queued for it."""

    tenant_id: UUID
    conversation_id: UUID
    agent_id: UUID
    message_id: UUID
    answer_id: UUID
    task_id: UUID

    @property
    def awaits_answer(self) -> bool:
        """False where a person has the conversation: the question is stored, and that is all."""
        return self.agent_id != NOBODY


@dataclass(frozen=True, slots=True)
class QuestionIds:
    """What a question and its answer are called, before they are stored."""

    tenant_id: UUID
    conversation_id: UUID
    message_id: UUID
    answer_id: UUID
    task_id: UUID

    @classmethod
    def new(cls, tenant_id: UUID, conversation_id: UUID) -> "QuestionIds":
        """Return ids for a question in a conversation."""
        return cls(tenant_id, conversation_id, new_id(), new_id(), new_task_id("conversations"))

    def asked(self, agent_id: UUID) -> AskedQuestion:
        """Return the question as it is once it is stored."""
        return AskedQuestion(
            self.tenant_id,
            self.conversation_id,
            agent_id,
            self.message_id,
            self.answer_id,
            self.task_id,
        )


@dataclass(frozen=True, slots=True)
class AnnouncedAnswer:
    """What a worker hears of a queued answer: where it is, and enough to look things up for it.

    `agent_id` is None where the question was too long to come along. `early` is what is being
    stored at this moment, and may never be.
    """

    tenant_id: UUID
    answer_id: UUID
    agent_id: UUID | None
    question: str
    traceparent: str | None
    groups: tuple[UUID, ...] = ()
    early: bool = False


@dataclass(frozen=True, slots=True)
class TakenAnswer:
    """An answer that this worker holds under a lease, with all it needs from the database."""

    tenant_id: UUID
    answer_id: UUID
    attempt: int
    task_id: UUID
    conversation_id: UUID
    agent_id: UUID
    message_id: UUID
    question: str
    history: Sequence[Turn]
    options: Mapping[str, Any]
    max_context_tokens: int
    queued_at: datetime
    traceparent: str | None
    groups: tuple[UUID, ...] = ()
    """Those of the one who asked."""


@dataclass(frozen=True, slots=True)
class Citation:
    """One `[Source n]` of an answer, resolved to where it stands in a document."""

    source_number: int
    document_id: UUID
    document_version: int
    passage_id: UUID
    page: int | None
    char_start: int
    char_end: int
    quote: str
    name: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """One passage that was offered for an answer, cited or not."""

    source_number: int
    document_id: UUID
    document_name: str
    url: str | None
    page: int | None
    cited: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A finished answer, ready to be stored."""

    text: str
    mode: AnswerMode
    citations: Sequence[Citation] = ()
    sources: Sequence[Source] = ()
    citation_warnings: Sequence[str] = ()
    warnings: Sequence[str] = ()
    model: str | None = None
    provider: str | None = None
    agent_name: str = ""
    agent_version: int | None = None
    general_knowledge: bool = False
    outside_hours: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_micros: int = 0
    cancelled: bool = False

    @property
    def metadata(self) -> dict[str, object]:
        """The message's `metadata` as the API shows it."""
        return {
            **({"cancelled": True} if self.cancelled else {}),
            "cited_sources": sorted({citation.source_number for citation in self.citations}),
            "all_sources": [source_label(source) for source in self.sources],
            "citation_warnings": list(self.citation_warnings),
            "warnings": list(self.warnings),
            "mode": self.mode.value,
            "agent_version": self.agent_version,
            **({"general_knowledge": True} if self.general_knowledge else {}),
            **({"outside_hours": True} if self.outside_hours else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerStatus:
    """An answer as its followers and pollers see it."""

    answer_id: UUID
    task_id: UUID
    tenant_id: UUID
    conversation_id: UUID
    message_id: UUID
    answer_message_id: UUID | None
    state: AnswerState
    attempt: int
    kind: AnswerKind
    error: str | None
    error_code: str | None
    queued_at: datetime
    completed_at: datetime | None
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as the database has it, with its citations."""

    id: UUID
    conversation_id: UUID
    role: str
    content: str
    created_at: datetime
    sources: Sequence[Mapping[str, Any]] = ()
    citations: Sequence[Mapping[str, Any]] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    model_used: str | None = None
    processing_time: float | None = None
    tokens_used: int = 0


def source_label(source: Source) -> str:
    """Name a source in the words that the clients print.

    `Document Source 2: handbook.pdf (https://…)`, the address only where there is one.
    """
    label = f"Document Source {source.source_number}: {source.document_name}"
    return f"{label} ({source.url})" if source.url else label

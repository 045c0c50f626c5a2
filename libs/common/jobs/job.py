"""Jobs: work that a service gives itself, to be done by its worker process."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict

DEFAULT_ATTEMPTS: Final = 8
DEFAULT_SECONDS: Final = 3600.0


class Job(BaseModel):
    """Work to be done, declared in a service's `domain/`: the ids it is about, no content.

        class IndexDocument(Job, kind="index_document"):
            document_id: UUID

    A handler may be run twice with the same job and must then end the same. An attempt is given up
    after `max_seconds`; after `max_attempts` the job has failed.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: ClassVar[str]
    max_attempts: ClassVar[int]
    max_seconds: ClassVar[float]

    def __init_subclass__(
        cls,
        *,
        kind: str = "",
        max_attempts: int = DEFAULT_ATTEMPTS,
        max_seconds: float = DEFAULT_SECONDS,
        **kwargs: Any,
    ) -> None:
        super().__init_subclass__(**kwargs)
        if not kind:
            raise TypeError(f"{cls.__name__} must name its kind")
        if max_attempts < 1:
            raise TypeError(f"{cls.__name__} must be tried at least once")
        cls.kind, cls.max_attempts, cls.max_seconds = kind, max_attempts, max_seconds


class JobFailed(Exception):
    """Raised by a handler when trying again cannot help; the reason is shown to people."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class HandOver(Exception):
    """Raised by a handler to leave the job, as it is, to the runner that does another kind.

    The kinds have the same fields. The attempt does not count.
    """

    def __init__(self, kind: type[Job]) -> None:
        self.kind = kind.kind
        super().__init__(kind.kind)


class LeaseLost(Exception):
    """The job is no longer this worker's: it was cancelled, or taken over after a pause."""

"""How a live test of a model went."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What came of a question; `cause` says why nothing did."""

    ok: bool
    latency_ms: float
    response: str | None = None
    cause: str | None = None
    status: int | None = None

    @property
    def is_refusal(self) -> bool:
        """The provider was there and said no: trying again changes nothing."""
        return self.status is not None and self.status < 500

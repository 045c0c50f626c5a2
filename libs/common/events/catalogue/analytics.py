"""What analytics hears of the API itself: calls, counted in every service's processes."""

from pydantic import Field

from libs.common.events.envelope import Event


class ApiCallsCounted(Event, topic="usage", name="api.calls_counted"):
    """A tenant's calls of one route in the last few seconds, in one process.

    Sent straight to the stream by every HTTP process, not through an outbox: a count may be lost
    with its process. Read by analytics for usage.
    """

    service: str
    method: str
    route: str = Field(description="The template, as in `/api/v1/agent/{agent_id}`.")
    status_class: str = Field(description="As in `2xx`.")
    calls: int = Field(ge=1)
    duration_ms: int = Field(default=0, ge=0, description="Of all these calls together.")

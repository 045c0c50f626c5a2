"""What the platform knows about the request being served, kept in the ASGI scope."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from libs.common.errors import Unauthenticated
    from libs.common.rate_limits import Decision
    from libs.common.security import Caller

SCOPE_KEY: Final = "knowrithm.request"


class RequestInfo:
    """Filled by the middleware and the access dependencies as the request moves inwards."""

    __slots__ = (
        "caller",
        "decision",
        "error_code",
        "foreign_page",
        "headers",
        "identified",
        "refusal",
        "request_id",
        "route",
        "tenant_id",
        "turned_away",
    )

    def __init__(self, request_id: str, route: str, headers: Mapping[bytes, bytes]) -> None:
        self.request_id = request_id
        self.route = route
        """The route's template, such as `/api/v1/agent/{agent_id}`; `none` for unknown paths."""
        self.headers = headers
        self.identified = False
        """Whether the credentials have been looked at."""
        self.caller: Caller | None = None
        self.refusal: Unauthenticated | None = None
        """Why credentials were refused; public routes go on without a caller."""
        self.turned_away: Caller | None = None
        """Who has good credentials, and comes from where they must not be used."""
        self.foreign_page = False
        """Whether a page used the credentials that their company did not name."""
        self.tenant_id: str | None = None
        self.error_code: str | None = None
        """The code of the error that is the reply, for its log line."""
        self.decision: Decision | None = None
        """The tightest rate limit met, for the reply's headers."""

    def note(self, decision: "Decision") -> None:
        """Remember the tightest limit among those that the request was counted against."""
        known = self.decision
        if known is None or decision.remaining < known.remaining or not decision.allowed:
            self.decision = decision


def request_info(scope: Mapping[str, Any]) -> RequestInfo:
    """Return the facts about a request from its ASGI scope.

    Raises:
        KeyError: The application was not made by `create_app`.
    """
    info: RequestInfo = scope[SCOPE_KEY]
    return info

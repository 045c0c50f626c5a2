"""Which requests count against which rate limits.

Every authenticated request counts against its caller's `default`; a route adds a class of its own
with `Depends(rate_limited("upload"))`. All budgets of a request are checked in one Redis call.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Final

from libs.common.errors import RateLimited
from libs.common.http.request_info import RequestInfo
from libs.common.rate_limits import Rate

if TYPE_CHECKING:
    from starlette.requests import Request

    from libs.common.rate_limits import RateLimiter


class Per(Enum):
    """Whose budget a class of requests draws from."""

    CALLER = "caller"
    TENANT = "tenant"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class RateClass:
    """A kind of request that has a budget."""

    rate: Rate
    per: Per


RATE_CLASSES: Final[Mapping[str, RateClass]] = {
    "default": RateClass(Rate(1200, 60), Per.CALLER),
    "public": RateClass(Rate(1200, 60), Per.ADDRESS),
    "upload": RateClass(Rate(20, 60), Per.TENANT),
    "search": RateClass(Rate(60, 60), Per.CALLER),
    "chat": RateClass(Rate(120, 60), Per.CALLER),
    "login": RateClass(Rate(10, 60), Per.ADDRESS),
    "register": RateClass(Rate(10, 60), Per.ADDRESS),
    "refresh": RateClass(Rate(60, 60), Per.ADDRESS),
    "sso": RateClass(Rate(60, 60), Per.ADDRESS),
    "mail": RateClass(Rate(10, 60), Per.ADDRESS),
    "handshake": RateClass(Rate(5, 1), Per.TENANT),
}


class RateLimits:
    """The classes as configured, and the counter behind them; one per process."""

    def __init__(self, limiter: "RateLimiter", overrides: Mapping[str, str]) -> None:
        unknown = set(overrides) - set(RATE_CLASSES)
        if unknown:
            raise ValueError(f"RATE_LIMITS names unknown classes: {', '.join(sorted(unknown))}")
        self._limiter = limiter
        self._classes = {
            name: RateClass(Rate.parse(overrides[name]), known.per) if name in overrides else known
            for name, known in RATE_CLASSES.items()
        }

    async def admit(self, request: "Request", info: RequestInfo, names: tuple[str, ...]) -> None:
        """Count a request against its caller's budget and those of the named classes.

        Raises:
            RateLimited: One of the budgets is exhausted; nothing was counted.
        """
        general = "default" if info.caller is not None else "public"
        budgets = dict(self._budget(name, request, info) for name in (general, *names))
        for decision in await self._limiter.check_all(budgets):
            info.note(decision)
        if info.decision is not None and not info.decision.allowed:
            raise RateLimited(retry_after_seconds=info.decision.retry_after_seconds)

    async def stop(self) -> None:
        """Pass on what was counted but not yet told to the other processes."""
        await self._limiter.stop()

    def _budget(self, name: str, request: "Request", info: RequestInfo) -> tuple[str, Rate]:
        known = self._classes[name]
        caller = info.caller
        if known.per is Per.ADDRESS or caller is None:
            return f"platform:limit:{name}:{client_address(request)}", known.rate
        if known.per is Per.TENANT:
            return f"{caller.tenant_id}:limit:{name}", known.rate
        return f"{caller.tenant_id}:limit:{name}:{caller.key}", known.rate


def client_address(request: "Request") -> str:
    """Return the client's address as the trusted proxies report it."""
    return request.client.host if request.client else "unknown"


@cache
def rate_limited(name: str) -> "RateDeclaration":
    """Make a route draw from a class of requests: `dependencies=[Depends(rate_limited("upload"))]`.

    The route's access dependency does the counting, together with the general budget.

    Raises:
        KeyError: There is no such class.
    """
    if name not in RATE_CLASSES:
        raise KeyError(name)
    return RateDeclaration(name)


class RateDeclaration:
    """What `rate_limited` leaves on a route for the access dependency to find."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def __call__(self) -> None:
        """Do nothing: a route without an access dependency does not exist."""

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


# Counted only where an operator or a tenant's own settings give it a rate.
WHOLE_TENANT: Final = "tenant"

RATE_CLASSES: Final[Mapping[str, RateClass]] = {
    WHOLE_TENANT: RateClass(Rate(60_000, 60), Per.TENANT),
    "default": RateClass(Rate(1200, 60), Per.CALLER),
    "public": RateClass(Rate(1200, 60), Per.ADDRESS),
    # Bad credentials; good ones from the same address are not held up by them.
    "refused": RateClass(Rate(120, 60), Per.ADDRESS),
    "upload": RateClass(Rate(20, 60), Per.TENANT),
    "export": RateClass(Rate(10, 60), Per.TENANT),
    "search": RateClass(Rate(60, 60), Per.CALLER),
    "chat": RateClass(Rate(120, 60), Per.CALLER),
    "login": RateClass(Rate(10, 60), Per.ADDRESS),
    "register": RateClass(Rate(10, 60), Per.ADDRESS),
    # Visitors who register at a widget; many may share the address of their office.
    "lead": RateClass(Rate(30, 60), Per.ADDRESS),
    "refresh": RateClass(Rate(60, 60), Per.ADDRESS),
    "sso": RateClass(Rate(60, 60), Per.ADDRESS),
    "mail": RateClass(Rate(10, 60), Per.ADDRESS),
    # Counted by account in auth, as "login" is by account, too; no company sets it, as nobody is
    # known to be of one until the factor was right.
    "second_factor": RateClass(Rate(10, 900), Per.ADDRESS),
    "handshake": RateClass(Rate(5, 1), Per.TENANT),
}


TENANT_CLASSES: Final = frozenset(
    name for name, known in RATE_CLASSES.items() if known.per is not Per.ADDRESS
)
"""Those that a tenant can have a rate of its own for; the others count before one is known."""


def check_rates(overrides: Mapping[str, str]) -> None:
    """Read rates by class, as RATE_LIMITS has them.

    Raises:
        ValueError: There is no such class, or a rate is none.
    """
    if unknown := sorted(set(overrides) - set(RATE_CLASSES)):
        known = ", ".join(sorted(RATE_CLASSES))
        raise ValueError(f"there is no class {unknown[0]!r}: the classes are {known}")
    for text in overrides.values():
        Rate.parse(text)


class RateLimits:
    """The classes as configured, and the counter behind them; one per process."""

    def __init__(self, limiter: "RateLimiter", overrides: Mapping[str, str]) -> None:
        check_rates(overrides)
        self._limiter = limiter
        self._counts_tenants = WHOLE_TENANT in overrides
        self._classes = {
            name: RateClass(Rate.parse(overrides[name]), known.per) if name in overrides else known
            for name, known in RATE_CLASSES.items()
        }

    async def admit(
        self,
        request: "Request",
        info: RequestInfo,
        names: tuple[str, ...],
        *,
        general: bool = True,
    ) -> None:
        """Count a request against its caller's budget and those of the named classes.

        Args:
            request: The request.
            info: What is known of it.
            names: Of classes.
            general: Whether the budget counts that every request draws from.

        Raises:
            RateLimited: One of the budgets is exhausted; nothing was counted.
        """
        if general:
            names = (*self._general(info), *names)
        budgets = dict(self._budget(name, request, info) for name in names)
        for decision in await self._limiter.check_all(budgets):
            info.note(decision)
        if info.decision is not None and not info.decision.allowed:
            raise RateLimited(retry_after_seconds=info.decision.retry_after_seconds)

    async def stop(self) -> None:
        """Pass on what was counted but not yet told to the other processes."""
        await self._limiter.stop()

    def rate_of(self, name: str) -> Rate:
        """Return the rate of a class as configured."""
        return self._classes[name].rate

    def _general(self, info: RequestInfo) -> tuple[str, ...]:
        if info.caller is None:
            return ("public",)
        if self._counts_tenants or WHOLE_TENANT in info.caller.limits:
            return ("default", WHOLE_TENANT)
        return ("default",)

    def _budget(self, name: str, request: "Request", info: RequestInfo) -> tuple[str, Rate]:
        known = self._classes[name]
        caller = info.caller
        if known.per is Per.ADDRESS or caller is None:
            return f"platform:limit:{name}:{client_address(request)}", known.rate
        rate = caller.limits.get(name, known.rate)
        if known.per is Per.TENANT:
            return f"{caller.tenant_id}:limit:{name}", rate
        return f"{caller.tenant_id}:limit:{name}:{caller.key}", rate


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

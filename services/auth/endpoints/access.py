"""How endpoints get at use cases: only by saying who may come in."""

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Annotated, Final

from fastapi import Depends, Request

from libs.common.http import anonymous, caller_with, client_address, internal_caller
from libs.common.security import Caller, CallerKind, Scope
from services.auth.wiring import CallerUseCases, InternalUseCases, PublicUseCases, Wiring

PEOPLE = frozenset({CallerKind.USER})
_MAX_DEVICE_CHARACTERS: Final = 300
PEOPLE_AND_KEYS = frozenset({CallerKind.USER, CallerKind.API_KEY})


@cache
def use_cases_for(
    scope: Scope, *, kinds: frozenset[CallerKind] = PEOPLE_AND_KEYS
) -> Callable[..., Awaitable[CallerUseCases]]:
    """Return the dependency that lets in callers with a scope, with what they can do."""

    async def use_cases(
        request: Request, caller: Annotated[Caller, Depends(caller_with(scope, kinds=kinds))]
    ) -> CallerUseCases:
        return wiring_of(request).for_caller(caller)

    return use_cases


async def public_use_cases(
    request: Request, _caller: Annotated[Caller | None, Depends(anonymous())]
) -> PublicUseCases:
    """Let everybody in; bad credentials are ignored."""
    return wiring_of(request).public


async def internal_use_cases(
    request: Request,
    _service: Annotated[Caller, Depends(internal_caller(tenant_needed=False))],
) -> InternalUseCases:
    """Let the platform's own services in."""
    return wiring_of(request).internal


def wiring_of(request: Request) -> Wiring:
    """Return what the process was put together from."""
    wiring: Wiring = request.app.state.wiring
    return wiring


async def _client_address(request: Request) -> str:
    return client_address(request)


ClientAddress = Annotated[str, Depends(_client_address)]


async def _client_device(request: Request) -> str | None:
    name = request.headers.get("user-agent", "")[:_MAX_DEVICE_CHARACTERS]
    # The database takes no NUL, and whoever reads the list wants no control characters.
    return "".join(letter for letter in name if letter.isprintable()) or None


ClientDevice = Annotated[str | None, Depends(_client_device)]

"""How endpoints come by their use cases: only with a scope."""

from collections.abc import Awaitable, Callable
from typing import Annotated, cast

from fastapi import Depends, Request

from libs.common.http import caller_with, internal_caller
from libs.common.security import Caller, Scope
from services.agents.wiring import KeyedUseCases, UseCases, Wiring


async def wiring_of(request: Request) -> Wiring:
    """Return what the process was put together with."""
    return cast("Wiring", request.app.state.wiring)


AppWiring = Annotated[Wiring, Depends(wiring_of)]


def use_cases_for(scope: Scope) -> Callable[..., Awaitable[UseCases]]:
    """Give the use cases of the caller's tenant to callers with a scope."""
    admitted = Depends(caller_with(scope))

    async def use_cases(wiring: AppWiring, caller: Annotated[Caller, admitted]) -> UseCases:
        return UseCases(wiring, caller.tenant_id, caller)

    return use_cases


def keyed_use_cases_for(scope: Scope) -> Callable[..., Awaitable[KeyedUseCases]]:
    """Give also the use cases that handle provider keys."""
    admitted = Depends(caller_with(scope))

    async def use_cases(wiring: AppWiring, caller: Annotated[Caller, admitted]) -> KeyedUseCases:
        return KeyedUseCases(
            wiring, caller.tenant_id, caller, await wiring.cipher(caller.tenant_id)
        )

    return use_cases


# A profile holds the agent's provider keys, in plain.
_CALLERS = frozenset({"conversations", "documents"})


async def internal_use_cases(
    wiring: AppWiring, caller: Annotated[Caller, Depends(internal_caller(services=_CALLERS))]
) -> KeyedUseCases:
    """Give the use cases of the tenant that a service acts for."""
    return KeyedUseCases(wiring, caller.tenant_id, caller, await wiring.cipher(caller.tenant_id))


ReadAgents = Annotated[UseCases, Depends(use_cases_for(Scope.AGENTS_READ))]
KeyedReadAgents = Annotated[KeyedUseCases, Depends(keyed_use_cases_for(Scope.AGENTS_READ))]
WriteAgents = Annotated[KeyedUseCases, Depends(keyed_use_cases_for(Scope.AGENTS_WRITE))]
ReadSettings = Annotated[UseCases, Depends(use_cases_for(Scope.SETTINGS_READ))]
WriteSettings = Annotated[KeyedUseCases, Depends(keyed_use_cases_for(Scope.SETTINGS_WRITE))]
ReadProviders = Annotated[UseCases, Depends(use_cases_for(Scope.PROVIDERS_READ))]
ReadConfig = Annotated[UseCases, Depends(use_cases_for(Scope.CONFIG_READ))]
WriteConfig = Annotated[UseCases, Depends(use_cases_for(Scope.CONFIG_UPDATE))]
WriteProviders = Annotated[UseCases, Depends(use_cases_for(Scope.PROVIDERS_WRITE))]
Internal = Annotated[KeyedUseCases, Depends(internal_use_cases)]

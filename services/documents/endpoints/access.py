"""Use cases come with a scope, so an unguarded endpoint has nothing to call."""

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Annotated, Protocol

from fastapi import Depends, Request

from libs.common.http import anonymous, caller_with, internal_caller
from libs.common.security import Caller, Scope
from services.documents.domain.readers import Reader
from services.documents.wiring import PublicUseCases, UseCases, Wiring


def _wiring(request: Request) -> Wiring:
    wiring: Wiring = request.app.state.wiring
    return wiring


@cache
def use_cases_for(scope: Scope) -> Callable[..., Awaitable[UseCases]]:
    """Return a dependency: the use cases, for a verified caller that holds the scope."""

    async def use_cases(
        request: Request, caller: Annotated[Caller, Depends(caller_with(scope))]
    ) -> UseCases:
        return _wiring(request).use_cases(
            caller.tenant_id, caller_id=caller.id, reader=reader_of(caller)
        )

    return use_cases


def reader_of(caller: Caller) -> Reader:
    """Return what a caller may read: an API key what its owner may, a lead no group's."""
    return Reader.of(caller.groups, reads_all=caller.may(Scope.DOCUMENTS_ALL))


# What search returns is content: only who answers questions may ask.
_SEARCHERS = frozenset({"conversations"})


class ActingUseCases(Protocol):
    """Gives the use cases of somebody for whom another service acts."""

    def __call__(self, reader: Reader) -> UseCases:
        """Return the use cases of this reader."""
        ...


async def use_cases_for_services(
    request: Request, caller: Annotated[Caller, Depends(internal_caller(services=_SEARCHERS))]
) -> ActingUseCases:
    """Return the use cases, for another service that acts for a tenant's people."""
    return acting_for(request, caller)


def acting_for(request: Request, caller: Caller) -> ActingUseCases:
    """Return the use cases for a service that has been let in."""

    def acting(reader: Reader) -> UseCases:
        return _wiring(request).use_cases(caller.tenant_id, reader=reader)

    return acting


async def use_cases_for_anybody(
    request: Request, caller: Annotated[Caller | None, Depends(anonymous())]
) -> PublicUseCases:
    """Return what may be done without credentials."""
    return _wiring(request).public_use_cases(caller.tenant_id if caller else None)


Reading = Annotated[UseCases, Depends(use_cases_for(Scope.DOCUMENTS_READ))]
Writing = Annotated[UseCases, Depends(use_cases_for(Scope.DOCUMENTS_WRITE))]
WebsiteReading = Annotated[UseCases, Depends(use_cases_for(Scope.WEBSITES_READ))]
WebsiteWriting = Annotated[UseCases, Depends(use_cases_for(Scope.WEBSITES_WRITE))]
Internal = Annotated[ActingUseCases, Depends(use_cases_for_services)]
Public = Annotated[PublicUseCases, Depends(use_cases_for_anybody)]

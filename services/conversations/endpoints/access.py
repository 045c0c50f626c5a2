"""Use cases come with a scope, so an unguarded endpoint has nothing to call."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Final

from fastapi import Depends, Query, Request

from libs.common.http import MAX_PER_PAGE, anonymous, caller_with
from libs.common.security import Caller, CallerKind, Scope
from services.conversations.domain.people import Person
from services.conversations.wiring import UseCases, Wiring, person_of

PEOPLE_AND_KEYS: Final = frozenset({CallerKind.USER, CallerKind.API_KEY})
PEOPLE: Final = frozenset({CallerKind.USER})


@dataclass(frozen=True, slots=True)
class Admitted:
    """A verified person, and what may be done for them."""

    person: Person
    use: UseCases


@cache
def admitted(
    scope: Scope, *, leads: bool = False, kinds: frozenset[CallerKind] = PEOPLE_AND_KEYS
) -> Callable[..., Awaitable[Admitted]]:
    """Return a dependency: the use cases, for a verified caller that holds the scope."""
    declared = caller_with(scope, leads=leads, kinds=kinds)

    async def use_cases(request: Request, caller: Annotated[Caller, Depends(declared)]) -> Admitted:
        return Admitted(person_of(caller), wiring_of(request).use_cases)

    return use_cases


async def use_cases_for_anybody(
    request: Request, _caller: Annotated[Caller | None, Depends(anonymous())]
) -> UseCases:
    """Return the use cases for a route without credentials: only what needs none may be called."""
    return wiring_of(request).use_cases


def wiring_of(request: Request) -> Wiring:
    """Return what the process was put together from."""
    wiring: Wiring = request.app.state.wiring
    return wiring


Reading = Annotated[Admitted, Depends(admitted(Scope.CONVERSATIONS_READ))]
ReadingOrLead = Annotated[Admitted, Depends(admitted(Scope.CONVERSATIONS_READ, leads=True))]
Writing = Annotated[Admitted, Depends(admitted(Scope.CONVERSATIONS_WRITE))]
WritingOrLead = Annotated[Admitted, Depends(admitted(Scope.CONVERSATIONS_WRITE, leads=True))]
UserWriting = Annotated[Admitted, Depends(admitted(Scope.CONVERSATIONS_WRITE, kinds=PEOPLE))]

PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]
PerPage = Annotated[int, Query(ge=1, le=MAX_PER_PAGE)]

"""Who may call a route: declared once on the route, and enforced before its code runs.

Every route has exactly one of three declarations, as a dependency: `caller_with(scope)`,
`anonymous()` or `internal_caller()`. They can be read back with `access_of(route)`, so that a
test can walk all routes and the OpenAPI description can say what each one needs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final
from uuid import UUID

from fastapi.routing import APIRoute, iter_route_contexts
from starlette.requests import Request
from structlog.contextvars import bind_contextvars

from libs.common.database import PLATFORM_TENANT
from libs.common.errors import AppError, Forbidden, Invalid, RateLimited, Unauthenticated
from libs.common.http.cross_origin import refuse_foreign_page
from libs.common.http.rates import RateDeclaration, client_address
from libs.common.http.request_info import RequestInfo, request_info
from libs.common.http.routes import FOUND_KEY, IndexedRoute
from libs.common.security import Caller, CallerKind, Scope

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.dependencies.models import Dependant

    from libs.common.resources import Resources

_CREDENTIALS: Final = (b"authorization", b"x-api-key", b"x-api-secret")
TENANT_HEADER: Final = b"x-tenant-id"
_PEOPLE_AND_KEYS: Final = frozenset({CallerKind.USER, CallerKind.API_KEY})


@dataclass(frozen=True)
class CallerWith:
    """Lets in verified callers that hold the permission that the route's row asks for.

    `scope` names the resource at the endpoint; `check_declarations` holds it against the row.
    """

    scope: Scope
    kinds: frozenset[CallerKind]

    async def __call__(self, request: Request) -> Caller:
        """Return the caller.

        Raises:
            Unauthenticated: There are no credentials, or none that hold.
            OriginNotAllowed: A page uses them that the caller's company did not name.
            Forbidden: The caller lacks the scope, or is of a kind that this route is not for.
            RateLimited: The caller has used up a budget.
        """
        info = request_info(request.scope)
        await identify(request, info)
        caller = info.caller
        if caller is None:
            raise await refusal_of(request, info)
        await admit(request, info)
        refuse_foreign_page(request, info)
        needed = self.scope_on(request)
        if caller.kind not in self.kinds or needed not in caller.scopes:
            raise Forbidden(details={"required_scope": str(needed)})
        return caller

    def scope_on(self, request: Request) -> Scope:
        """Return what a route's row in the route table asks for.

        The scope given here counts where there is no row: outside the platform's services.
        """
        found: IndexedRoute | None = request.scope.get(FOUND_KEY)
        return self.scope if found is None or found.permission is None else found.permission


@dataclass(frozen=True)
class Anonymous:
    """Lets in everybody; who has valid credentials is known by them, bad ones are ignored."""

    async def __call__(self, request: Request) -> Caller | None:
        """Return the caller, or None.

        Raises:
            RateLimited: The caller's or the address' budget is used up.
        """
        info = request_info(request.scope)
        try:
            await identify(request, info)
        except AppError:
            # Verification is out of reach; the route does not need it.
            info.caller = None
        await admit(request, info)
        return info.caller


@dataclass(frozen=True)
class InternalCaller:
    """Lets in the platform's own services, which name the tenant they act for."""

    tenant_needed: bool
    services: frozenset[str] | None

    async def __call__(self, request: Request) -> Caller:
        """Return the calling service, acting for the tenant in `X-Tenant-ID`.

        Raises:
            Unauthenticated: There is no service token for this service, or it does not hold.
            Forbidden: The route is not for this service.
            Invalid: The tenant is missing or is not a UUID.
        """
        info = request_info(request.scope)
        await identify_service(request, info, tenant_needed=self.tenant_needed)
        if info.caller is None:
            raise Unauthenticated
        if self.services is not None and info.caller.name not in self.services:
            raise Forbidden
        return info.caller


Access = CallerWith | Anonymous | InternalCaller


@cache
def caller_with(
    scope: Scope, *, leads: bool = False, kinds: frozenset[CallerKind] = _PEOPLE_AND_KEYS
) -> CallerWith:
    """Require a verified caller with a scope: `Annotated[Caller, Depends(caller_with(…))]`.

    Args:
        scope: What the caller must be allowed to do.
        leads: Whether leads, the people who talk to an agent, may come in too.
        kinds: Which other kinds of callers may; users and API keys unless told.
    """
    return CallerWith(scope, kinds | {CallerKind.LEAD} if leads else kinds)


@cache
def anonymous() -> Anonymous:
    """Make a route public; its dependency is the caller, or None when nobody is known."""
    return Anonymous()


@cache
def internal_caller(
    *, tenant_needed: bool = True, services: frozenset[str] | None = None
) -> InternalCaller:
    """Admit only the platform's own services.

    Args:
        services: Which of them; all unless told. Routes that give away secrets or content name
            the few that need them.
        tenant_needed: False for the few routes that serve before a tenant is known; the caller's
            tenant is then the platform's unless the header names one.
    """
    return InternalCaller(tenant_needed, services)


def declarations(dependant: "Dependant") -> Iterator[object]:
    """Walk the callables of a route's dependencies, nested ones included."""
    for dependency in dependant.dependencies:
        if dependency.call is not None:
            yield dependency.call
        yield from declarations(dependency)


@dataclass(frozen=True, slots=True)
class DeclaredRoute:
    """One route of an application with what it declares; None where it declares nothing."""

    method: str
    path: str
    access: Access | None
    rate_classes: tuple[str, ...]


def declared_routes(app: "FastAPI") -> list[DeclaredRoute]:
    """Return all routes of an application but its probes, for tests that walk them."""
    return [
        DeclaredRoute(
            method,
            context.path,
            access_of(context.dependant),
            rate_classes_of(context.dependant),
        )
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute) and context.path is not None
        for method in sorted(context.methods or ())
    ]


def access_of(dependant: "Dependant") -> Access | None:
    """Return what a route declares about its callers; None when it declares nothing."""
    for call in declarations(dependant):
        if isinstance(call, CallerWith | Anonymous | InternalCaller):
            return call
    return None


def rate_classes_of(dependant: "Dependant") -> tuple[str, ...]:
    """Return the rate classes that a route draws from besides the general one."""
    return tuple(
        dict.fromkeys(
            call.name for call in declarations(dependant) if isinstance(call, RateDeclaration)
        )
    )


async def identify(request: Request, info: RequestInfo) -> None:
    """Verify the request's credentials once, and note the caller or the refusal.

    Raises:
        Unavailable: The credentials could not be checked.
    """
    if info.identified:
        return
    resources: Resources = request.app.state.resources
    try:
        caller = await resources.caller_verifier.verify(_credentials(info))
    except Unauthenticated as refusal:
        info.refusal = refusal
    else:
        if caller is not None and caller.comes_from(client_address(request)):
            _know(info, caller)
        elif caller is not None:
            # As if it did not exist: who has found a key must not learn that it is a good one.
            info.refusal = Unauthenticated()
            info.turned_away = caller
    info.identified = True


async def refusal_of(request: Request, info: RequestInfo) -> AppError:
    """Return what somebody is told who is nobody; who guesses credentials is slowed down."""
    if info.refusal is None:
        return Unauthenticated()
    resources: Resources = request.app.state.resources
    try:
        await resources.rate_limits.admit(request, info, ("refused",), general=False)
    except RateLimited as limited:
        return limited
    return info.refusal


def _credentials(info: RequestInfo) -> dict[str, str]:
    return {
        name.decode(): info.headers[name].decode("latin-1")
        for name in _CREDENTIALS
        if name in info.headers
    }


async def identify_service(request: Request, info: RequestInfo, *, tenant_needed: bool) -> None:
    """Verify a service token, and note the calling service and the tenant it acts for.

    Raises:
        Unauthenticated: The token does not hold.
        Invalid: The tenant is missing or is not a UUID.
    """
    if info.identified and info.caller is not None:
        return
    resources: Resources = request.app.state.resources
    kind, _, token = info.headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise Unauthenticated
    name = resources.service_tokens.verify(token.strip())
    _know(
        info,
        Caller(
            kind=CallerKind.SERVICE,
            tenant_id=_acting_for(info, tenant_needed=tenant_needed),
            scopes=frozenset(),
            name=name,
        ),
    )
    info.identified = True


def _acting_for(info: RequestInfo, *, tenant_needed: bool) -> UUID:
    header = info.headers.get(TENANT_HEADER)
    if header is None and not tenant_needed:
        return PLATFORM_TENANT
    try:
        return UUID((header or b"").decode("latin-1"))
    except ValueError:
        raise Invalid("X-Tenant-ID must name the tenant that the call is for.") from None


def _know(info: RequestInfo, caller: Caller) -> None:
    info.caller = caller
    info.tenant_id = str(caller.tenant_id)
    bind_contextvars(tenant_id=info.tenant_id)


async def admit(request: Request, info: RequestInfo) -> None:
    """Count a request against its budgets, once, however often this is called.

    Raises:
        RateLimited: One of the budgets is used up.
    """
    if info.decision is not None:
        return
    resources: Resources = request.app.state.resources
    found = request.scope.get(FOUND_KEY)
    names = found.rate_classes if found is not None else ()
    await resources.rate_limits.admit(request, info, names)

"""HTTP: the application every service is, who may call its routes, and calls between services.

What is offered here is imported when it is first asked for: workers call other services, and
must not load a web framework for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from libs.common.http.access import (
        Access,
        Anonymous,
        CallerWith,
        DeclaredRoute,
        InternalCaller,
        access_of,
        anonymous,
        caller_with,
        declared_routes,
        internal_caller,
    )
    from libs.common.http.app import create_app
    from libs.common.http.client import ServiceClient, ServiceUnavailable
    from libs.common.http.rates import RATE_CLASSES, RateLimits, client_address, rate_limited
    from libs.common.http.responses import (
        MAX_PER_PAGE,
        ErrorOut,
        JsonResponse,
        Page,
        errors,
        pagination,
    )
    from libs.common.rate_limits import Rate

_HOMES: Final = {
    "Access": "libs.common.http.access",
    "Anonymous": "libs.common.http.access",
    "CallerWith": "libs.common.http.access",
    "DeclaredRoute": "libs.common.http.access",
    "ErrorOut": "libs.common.http.responses",
    "InternalCaller": "libs.common.http.access",
    "JsonResponse": "libs.common.http.responses",
    "MAX_PER_PAGE": "libs.common.http.responses",
    "Page": "libs.common.http.responses",
    "RATE_CLASSES": "libs.common.http.rates",
    "Rate": "libs.common.rate_limits",
    "RateLimits": "libs.common.http.rates",
    "ServiceClient": "libs.common.http.client",
    "ServiceUnavailable": "libs.common.http.client",
    "access_of": "libs.common.http.access",
    "anonymous": "libs.common.http.access",
    "caller_with": "libs.common.http.access",
    "declared_routes": "libs.common.http.access",
    "client_address": "libs.common.http.rates",
    "create_app": "libs.common.http.app",
    "errors": "libs.common.http.responses",
    "internal_caller": "libs.common.http.access",
    "pagination": "libs.common.http.responses",
    "rate_limited": "libs.common.http.rates",
}

__all__ = [
    "MAX_PER_PAGE",
    "RATE_CLASSES",
    "Access",
    "Anonymous",
    "CallerWith",
    "DeclaredRoute",
    "ErrorOut",
    "InternalCaller",
    "JsonResponse",
    "Page",
    "Rate",
    "RateLimits",
    "ServiceClient",
    "ServiceUnavailable",
    "access_of",
    "anonymous",
    "caller_with",
    "client_address",
    "create_app",
    "declared_routes",
    "errors",
    "internal_caller",
    "pagination",
    "rate_limited",
]


def __getattr__(name: str) -> Any:
    """Import a name from the module that it lives in."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value

"""The API description, made to say what our routes declare.

FastAPI cannot express "a bearer token, or a key and its secret together", nor knows our error
shape; both are added here, from the same declarations that are enforced.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from libs.common.contract import shape_of
from libs.common.http.access import Anonymous, CallerWith, InternalCaller, access_of
from libs.common.http.declarations import permissions_of
from libs.common.http.responses import ErrorOut
from libs.common.permissions import Scope

if TYPE_CHECKING:
    from libs.common.http.access import Access

SECURITY_SCHEMES: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token from log-in.",
    },
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "apiSecret": {"type": "apiKey", "in": "header", "name": "X-API-Secret"},
}

_ERROR: Final = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorOut"}}}
_BAD_REQUEST: Final = {"description": "The request is not valid.", "content": _ERROR}
_ACCESS_ERRORS: Final = {
    "401": {"description": "There are no credentials, or none that hold.", "content": _ERROR},
    "403": {"description": "The credentials do not allow this.", "content": _ERROR},
}
_TOO_MANY: Final = {
    "description": "Too many requests; `Retry-After` says when to try again.",
    "content": _ERROR,
}


def describe(app: FastAPI, service: str) -> None:
    """Make `app.openapi()` return the finished description of a service's routes."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _description(app, permissions_of(service))
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _description(app: FastAPI, permissions: Mapping[tuple[str, str], Scope]) -> dict[str, Any]:
    contexts = [
        context
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute) and context.include_in_schema
    ]
    public = [c for c in contexts if not isinstance(access_of(c.dependant), InternalCaller)]
    description = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=public
    )
    components = description.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["ErrorOut"] = ErrorOut.model_json_schema()
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    components["securitySchemes"] = SECURITY_SCHEMES
    for context in public:
        for method in context.methods or ():
            operation = description["paths"].get(context.path_format, {}).get(method.lower())
            if operation is not None:
                permission = permissions.get((method, shape_of(str(context.path_format))))
                _complete(operation, access_of(context.dependant), permission)
    return description


def _complete(operation: dict[str, Any], access: "Access | None", permission: Scope | None) -> None:
    responses = operation.setdefault("responses", {})
    if responses.pop("422", None) is not None:
        responses.setdefault("400", _BAD_REQUEST)
    responses.setdefault("429", _TOO_MANY)
    if isinstance(access, CallerWith):
        operation["security"] = [{"bearer": []}, {"apiKey": [], "apiSecret": []}]
        operation["x-required-scope"] = str(permission or access.scope)
        for status, response in _ACCESS_ERRORS.items():
            responses.setdefault(status, response)
    elif isinstance(access, Anonymous):
        operation["security"] = []

"""A service whose routes are not declared does not start."""

from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI

from libs.common.http import anonymous, caller_with
from libs.common.http.declarations import UndeclaredRoute, check_declarations, permissions_of
from libs.common.security import Caller, CallerKind, Scope
from services.auth.main import make_app
from services.auth.settings import Settings

PEOPLE = frozenset({CallerKind.USER})


def app_with(path: str, dependency: object | None, *, method: str = "GET") -> FastAPI:
    """Make an application with one route."""
    app = FastAPI()
    router = APIRouter()
    dependencies = [] if dependency is None else [Depends(dependency)]  # type: ignore[arg-type]  # any dependency

    async def endpoint() -> None: ...

    router.add_api_route(path, endpoint, methods=[method], dependencies=dependencies)
    app.include_router(router)
    return app


@pytest.mark.parametrize(
    ("path", "dependency", "problem"),
    [
        ("/api/v1/company", None, "does not declare who may call it"),
        ("/internal/secrets", None, "does not declare who may call it"),
        ("/api/v1/backdoor", caller_with(Scope.AGENTS_READ), "has no row"),
        ("/api/v1/company", anonymous(), "its row wants a caller"),
        ("/api/v1/company", caller_with(Scope.AGENTS_READ), "asks for company:read"),
        ("/api/v1/company", caller_with(Scope.COMPANY_READ, leads=True), "leads"),
        ("/api/v1/auth/api-keys", caller_with(Scope.API_KEYS_READ), "for people"),
        ("/api/v1/health", caller_with(Scope.AGENTS_READ), "lets in everybody"),
    ],
)
def test_what_is_not_declared_does_not_start(path: str, dependency: object, problem: str) -> None:
    with pytest.raises(UndeclaredRoute, match=problem) as raised:
        check_declarations("auth", app_with(path, dependency).routes)

    assert path in str(raised.value)


def test_what_agrees_with_its_row_starts() -> None:
    check_declarations("auth", app_with("/api/v1/company", caller_with(Scope.COMPANY_READ)).routes)


def test_the_row_is_what_the_description_names() -> None:
    paths = make_app(Settings.model_construct()).openapi()["paths"]

    for (method, shape), asked in permissions_of("auth").items():
        for path, operations in paths.items():
            operation = operations.get(method.lower())
            if operation is not None and _shape(path) == shape:
                assert operation["x-required-scope"] == asked


def _shape(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def test_an_application_with_a_silent_route_is_not_made() -> None:
    silent = APIRouter()

    @silent.get("/api/v1/company/open")
    async def unguarded() -> None: ...

    guarded = APIRouter()

    @guarded.get("/api/v1/company")
    async def closed(caller: Annotated[Caller, Depends(caller_with(Scope.COMPANY_READ))]) -> None:
        del caller

    app = FastAPI()
    app.include_router(silent)
    app.include_router(guarded)
    with pytest.raises(UndeclaredRoute) as raised:
        check_declarations("auth", app.routes)

    assert "/api/v1/company/open" in str(raised.value)
    assert "GET /api/v1/company:" not in str(raised.value)

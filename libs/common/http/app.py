"""The application that every service is: its routers inside the platform's rules."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from libs.common.errors import AppError
from libs.common.health import examine
from libs.common.http.access import rate_classes_of
from libs.common.http.declarations import check_declarations, permissions_of
from libs.common.http.error_handling import on_app_error, on_http_exception, on_validation_error
from libs.common.http.middleware import ServiceMiddleware
from libs.common.http.not_built import not_built_router
from libs.common.http.openapi import describe
from libs.common.http.responses import JsonResponse
from libs.common.http.routes import RouteIndex
from libs.common.readiness import Readiness
from libs.common.resources import Resources
from libs.common.telemetry.metrics import METRICS_CONTENT_TYPE, render_metrics

if TYPE_CHECKING:
    from libs.common.settings import ServiceSettings

MAX_BODY_BYTES: Final = 1024 * 1024

Lifespan = Callable[[Resources], AbstractAsyncContextManager[object]]


def create_app(
    *,
    settings: "ServiceSettings",
    routers: Sequence[APIRouter],
    title: str,
    lifespan: Lifespan | None = None,
    resources: Resources | None = None,
    description: str = "",
    max_body_bytes: int = MAX_BODY_BYTES,
) -> FastAPI:
    """Make a service's application.

    Args:
        settings: The service's.
        routers: Its endpoints; each route declares its access (`libs.common.http.access`).
        title: Of the API description.
        lifespan: Puts the service together from the resources and takes it apart; what it
            yields is `request.app.state.wiring`.
        resources: Already open ones, for tests; otherwise opened and closed with the app.
        description: Of the API description, Markdown.
        max_body_bytes: For routes that set no `max_body_size` of their own.
    """
    index = RouteIndex()

    @asynccontextmanager
    async def whole_life(app: FastAPI) -> AsyncIterator[None]:
        opened = Resources.open(settings) if resources is None else nullcontext(resources)
        async with opened as connected:
            app.state.resources = connected
            wired = lifespan(connected) if lifespan is not None else nullcontext()
            async with wired as wiring:
                app.state.wiring = wiring
                yield

    app = FastAPI(
        title=title,
        description=description,
        lifespan=whole_life,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        exception_handlers={
            AppError: on_app_error,
            HTTPException: on_http_exception,
            RequestValidationError: on_validation_error,
        },
        # Spans, metrics and logs are our middleware's.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    if resources is not None:
        app.state.resources = resources
    app.router.routes.insert(0, index)
    for router in routers:
        app.include_router(router)
    app.include_router(not_built_router(settings.service, app.routes))
    _add_probes(app)
    check_declarations(settings.service, app.routes)
    index.build(
        app.routes,
        permissions=permissions_of(settings.service),
        rate_classes_of=rate_classes_of,
    )
    describe(app, settings.service)
    app.add_middleware(
        ServiceMiddleware,
        routes=index,
        max_body_bytes=max_body_bytes,
        origins=settings.cors_allowed_origins,
        https=settings.public_url.startswith("https://"),
    )
    return app


def _add_probes(app: FastAPI) -> None:
    async def live(_request: Request) -> Response:
        return JsonResponse({"status": "alive"})

    async def ready(request: Request) -> Response:
        connected: Resources = request.app.state.resources
        if not hasattr(request.app.state, "readiness"):
            request.app.state.readiness = Readiness(connected)
        reason = await request.app.state.readiness.reason_against()
        if reason is None:
            return JsonResponse({"status": "ready"})
        return JsonResponse({"status": "not ready", "reason": reason}, status_code=503)

    async def health(request: Request) -> Response:
        connected: Resources = request.app.state.resources
        report = await examine(connected.service, connected.checks)
        return JsonResponse(report.as_json(), status_code=report.http_status)

    async def metrics(_request: Request) -> Response:
        return Response(render_metrics(), media_type=METRICS_CONTENT_TYPE)

    probes: dict[str, Callable[[Request], Any]] = {
        "/health/live": live,
        "/health/ready": ready,
        "/health": health,
        "/metrics": metrics,
    }
    for path, endpoint in probes.items():
        app.add_route(path, endpoint, include_in_schema=False)

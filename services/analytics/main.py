"""The HTTP process: `python -m services.analytics.main`."""

from fastapi import FastAPI

from libs.common.http import create_app
from libs.common.http.tasks import router_without_tasks
from libs.common.process import load_settings, serve
from services.analytics.endpoints import analytics, internal, usage
from services.analytics.settings import Settings
from services.analytics.wiring import wire


def make_app(settings: Settings) -> FastAPI:
    """Make the application."""
    return create_app(
        settings=settings,
        routers=(analytics.router, usage.router, internal.router, router_without_tasks()),
        title="Knowrithm: analytics",
        description="Dashboards, usage and exports.",
        lifespan=wire,
    )


if __name__ == "__main__":
    serve(make_app, load_settings(Settings))

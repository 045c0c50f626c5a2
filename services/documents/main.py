"""The HTTP process of documents: `python -m services.documents.main`."""

from fastapi import FastAPI

from libs.common.http import create_app
from libs.common.http.events import router_of_events
from libs.common.process import load_settings, serve
from libs.common.resources import Resources
from services.documents.endpoints import chunks, documents, internal, search, tasks
from services.documents.settings import Settings
from services.documents.wiring import Wiring

ROUTERS = (
    documents.router,
    chunks.router,
    chunks.uploads,
    search.router,
    tasks.router,
    internal.router,
    router_of_events(),
)


def make_app(settings: Settings, *, resources: Resources | None = None) -> FastAPI:
    """Return the application; `resources` are given by tests that have them open already."""
    return create_app(
        settings=settings,
        routers=ROUTERS,
        title="Knowrithm: documents",
        lifespan=Wiring.open,
        resources=resources,
    )


if __name__ == "__main__":
    serve(make_app, load_settings(Settings))

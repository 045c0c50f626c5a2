"""The HTTP process of agents: `python -m services.agents.main`."""

from fastapi import FastAPI

from libs.common.http import create_app
from libs.common.http.events import router_of_events
from libs.common.http.tasks import router_without_tasks
from libs.common.process import load_settings, serve
from libs.common.resources import Resources
from services.agents.endpoints import (
    agents,
    budgets,
    guardrails,
    internal,
    models,
    providers,
    settings,
    sites,
    versions,
    widget,
)
from services.agents.settings import Settings
from services.agents.wiring import Wiring


def make_app(settings_: Settings, resources: Resources | None = None) -> FastAPI:
    """Make the application; `resources` are opened with it unless given."""
    return create_app(
        settings=settings_,
        title="Agents",
        description="Agents, their LLM settings, and the catalogue of providers and models.",
        routers=[
            agents.router,
            # Before the settings that go by id.
            guardrails.router,
            versions.router,
            budgets.router,
            settings.router,
            providers.router,
            models.router,
            widget.router,
            sites.router,
            sites.internal_router,
            router_without_tasks(),
            internal.router,
            router_of_events(),
        ],
        lifespan=lambda opened: Wiring.open(opened, settings_),
        resources=resources,
    )


if __name__ == "__main__":
    serve(make_app, load_settings(Settings))

"""The HTTP process of conversations: `python -m services.conversations.main`."""

from fastapi import FastAPI

from libs.common.http import create_app
from libs.common.http.events import router_of_events
from libs.common.process import load_settings, serve
from libs.common.resources import Resources
from services.conversations.endpoints import (
    agents,
    budgets,
    chat,
    completions,
    conversations,
    dialogue,
    handoff,
    leads,
    mcp,
    messages,
    tasks,
    webhooks,
)
from services.conversations.settings import Settings
from services.conversations.wiring import Wiring

ROUTERS = (
    # Before those whose paths take an id.
    handoff.router,
    conversations.router,
    messages.router,
    dialogue.router,
    chat.router,
    agents.router,
    budgets.router,
    leads.router,
    leads.sdk_router,
    mcp.router,
    webhooks.router,
    tasks.router,
    completions.router,
    router_of_events(),
)


def make_app(settings: Settings, *, resources: Resources | None = None) -> FastAPI:
    """Return the application; `resources` are given by tests that have them open already."""
    return create_app(
        settings=settings,
        routers=ROUTERS,
        title="Knowrithm: conversations",
        lifespan=Wiring.open,
        resources=resources,
    )


if __name__ == "__main__":
    serve(make_app, load_settings(Settings))

"""The HTTP process: `python -m services.auth.main`."""

from fastapi import FastAPI

from libs.common.http import create_app
from libs.common.http.events import router_of_events
from libs.common.http.tasks import router_without_tasks
from libs.common.process import load_settings, serve
from services.auth.endpoints import (
    account,
    administration,
    api_keys,
    api_reference,
    audit,
    companies,
    company_life,
    email_domains,
    health,
    internal,
    internal_leads,
    invitations,
    link_pages,
    mfa,
    passkeys,
    passwords,
    rate_limits,
    roles,
    scim,
    scim_tokens,
    sessions,
    sso,
    sso_connections,
    users,
)
from services.auth.settings import Settings
from services.auth.wiring import wire

ROUTERS = (
    sessions.router,
    account.router,
    api_keys.router,
    api_keys.admin_router,
    roles.router,
    rate_limits.router,
    administration.router,
    users.router,
    passwords.router,
    invitations.router,
    mfa.router,
    passkeys.router,
    link_pages.router,
    companies.router,
    company_life.router,
    audit.router,
    email_domains.router,
    sso.router,
    sso_connections.router,
    scim_tokens.router,
    scim.router,
    health.router,
    internal.router,
    internal.well_known,
    internal_leads.router,
    router_without_tasks(),
    api_reference.router,
    router_of_events(),
)


def make_app(settings: Settings) -> FastAPI:
    """Make the application."""
    return create_app(
        settings=settings,
        routers=ROUTERS,
        title="Knowrithm: identity",
        description="Companies, users, sessions, API keys and the audit trail.",
        lifespan=wire,
    )


if __name__ == "__main__":
    serve(make_app, load_settings(Settings))

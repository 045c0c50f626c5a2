"""The chat widget's script, and a page to try it on."""

from html import escape
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Response
from starlette.responses import HTMLResponse

from libs.common.http import anonymous
from libs.common.security import Caller
from services.agents.endpoints.access import AppWiring
from services.agents.schemas.widget import PreviewIn

router = APIRouter(prefix="/api/v1", tags=["widget"])

Anybody = Annotated[Caller | None, Depends(anonymous())]

# The page shows HTML that somebody sent. In a sandbox of an origin of its own it can reach
# nothing that belongs to the platform's.
_HINT = "<p>Add <code>?agent_id=…</code> to the address to see that agent's chat here.</p>"
_SANDBOX = {
    "content-security-policy": "sandbox allow-scripts allow-forms allow-popups",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


@router.get("/widget.js", response_class=Response)
async def get_widget(
    wiring: AppWiring,
    _caller: Anybody,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Serve the widget's script to any web site."""
    headers = {
        "etag": wiring.widget.etag,
        "cache-control": "public, max-age=300",
        "cross-origin-resource-policy": "cross-origin",
        "x-content-type-options": "nosniff",
    }
    if if_none_match == wiring.widget.etag:
        return Response(status_code=304, headers=headers)
    return Response(
        wiring.widget.script, media_type="text/javascript; charset=utf-8", headers=headers
    )


@router.get("/test", response_class=HTMLResponse)
async def preview_widget(
    wiring: AppWiring, _caller: Anybody, agent_id: UUID | None = None
) -> HTMLResponse:
    """Show a page with an agent's widget on it."""
    return _page("", wiring.public_url, agent_id)


@router.post("/test", response_class=HTMLResponse)
async def render_test_page(
    wiring: AppWiring,
    _caller: Anybody,
    page: PreviewIn | None = None,
    agent_id: UUID | None = None,
) -> HTMLResponse:
    """Show a page of one's own with an agent's widget on it."""
    shown = page or PreviewIn()
    return _page(shown.body, wiring.public_url, shown.agent_id or agent_id)


def _page(body: str, public_url: str, agent_id: UUID | None) -> HTMLResponse:
    base = escape(public_url.rstrip("/"))
    script = ""
    if agent_id is not None:
        script = (
            f'<script src="{base}/api/widget.js" data-agent-id="{agent_id}"'
            f' data-api-url="{base}/api" data-auto-open="true" async></script>'
        )
    content = body or (
        "<style>body{margin:2rem;font-family:system-ui,sans-serif}</style><h1>Widget preview</h1>"
        + (_HINT if agent_id is None else "<p>The chat opens in the corner.</p>")
    )
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Widget preview</title></head><body>{content}{script}</body></html>",
        headers=_SANDBOX,
    )

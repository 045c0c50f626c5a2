"""The description of the whole platform's API, and a page to read it on.

`python -m ops.openapi` writes the description from the five services; it is the same in every
deployment, so it is served as a file.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.responses import FileResponse

from libs.common.http import anonymous
from libs.common.security import Caller
from services.auth.adapters.api_reference import reference_files

router = APIRouter(prefix="/api", include_in_schema=False)

Anybody = Annotated[Caller | None, Depends(anonymous())]

# Swagger UI sets styles in attributes and has its icons in data URLs; nothing else is allowed.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)


@router.get("/openapi.json")
async def get_description(_caller: Anybody) -> FileResponse:
    """Send the description, in OpenAPI's format."""
    return _file("openapi.json")


@router.get("/docs")
async def get_page(_caller: Anybody) -> FileResponse:
    """Send the page."""
    return _file("index.html")


@router.get("/docs/start.js")
async def get_start(_caller: Anybody) -> FileResponse:
    """Send the page's own script."""
    return _file("start.js")


@router.get("/docs/swagger-ui-bundle.js")
async def get_viewer(_caller: Anybody) -> FileResponse:
    """Send the viewer."""
    return _file("swagger-ui-bundle.js")


@router.get("/docs/swagger-ui.css")
async def get_style(_caller: Anybody) -> FileResponse:
    """Send the viewer's style sheet."""
    return _file("swagger-ui.css")


def _file(name: str) -> FileResponse:
    file = reference_files()[name]
    return FileResponse(
        file.path,
        media_type=file.media_type,
        headers={
            "cache-control": "public, max-age=300",
            "content-security-policy": _POLICY,
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
        },
    )

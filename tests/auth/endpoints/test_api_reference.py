"""The API's description, and the page that shows it."""

import re

import pytest

from tests.auth.conftest import AuthService

PAGE = "/api/docs"
FILES = {
    "/api/openapi.json": "application/json",
    PAGE: "text/html; charset=utf-8",
    "/api/docs/start.js": "text/javascript; charset=utf-8",
    "/api/docs/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "/api/docs/swagger-ui.css": "text/css; charset=utf-8",
}


@pytest.mark.parametrize(("path", "media_type"), FILES.items())
async def test_is_there_for_everybody(auth: AuthService, path: str, media_type: str) -> None:
    response = await auth.get(path)

    assert response.status_code == 200
    assert response.headers["content-type"] == media_type
    assert "default-src 'none'" in response.headers["content-security-policy"]


async def test_describes_the_whole_platform(auth: AuthService) -> None:
    description = (await auth.get("/api/openapi.json")).json()

    assert description["openapi"].startswith("3.1")
    assert {"/api/v1/auth/login", "/api/v1/agent", "/api/v1/document/upload"} <= set(
        description["paths"]
    )
    assert not [path for path in description["paths"] if path.startswith("/internal")]


async def test_the_page_asks_no_other_host_for_anything(auth: AuthService) -> None:
    page = (await auth.get(PAGE)).text

    wanted = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert wanted
    assert set(wanted) <= set(FILES)
    start = (await auth.get("/api/docs/start.js")).text
    assert 'url: "/api/openapi.json"' in start
    assert "validatorUrl: null" in start
    assert "//" not in re.sub(r"^//.*|^\s+//.*", "", start, flags=re.MULTILINE)

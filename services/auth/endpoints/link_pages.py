"""The page behind the links in mails.

A link's token stands behind `#`, which browsers send to nobody; the page's script sends it once
its reader presses the button. So neither logs nor programs that look into mail use links up.
"""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.responses import HTMLResponse

from libs.common.errors import NotFound
from libs.common.http import anonymous
from libs.common.security import Caller
from services.auth.domain.mails import PAGES

router = APIRouter(prefix="/api/v1/auth/link", tags=["passwords"])

_FILE: Final = Path(__file__).resolve().parents[3] / "web" / "account" / "link.html"


@router.get("/{page}", response_class=HTMLResponse)
async def show_link_page(
    page: str, _caller: Annotated[Caller | None, Depends(anonymous())]
) -> HTMLResponse:
    """Send the page; which of the three it is, its script reads from the address."""
    if page not in PAGES:
        raise NotFound
    content, policy = _page()
    return HTMLResponse(
        content,
        headers={
            "content-security-policy": policy,
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        },
    )


@cache
def _page() -> tuple[str, str]:
    """Return the page, and the policy that lets this script of it run and no other."""
    content = _FILE.read_text(encoding="utf-8")
    allowed = {
        kind: " ".join(
            f"'sha256-{base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()}'"
            for part in re.findall(rf"<{kind}>(.*?)</{kind}>", content, re.DOTALL)
        )
        for kind in ("script", "style")
    }
    return content, (
        f"default-src 'none'; script-src {allowed['script']}; style-src {allowed['style']};"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )

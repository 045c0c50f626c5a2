"""Logging in through a company's identity provider: browsers come here and go there."""

import html
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse, RedirectResponse, Response

from libs.common.errors import AppError
from libs.common.http import errors, rate_limited
from libs.common.http.request_info import request_info
from services.auth.domain.errors import AccountNotActive
from services.auth.domain.federation import CALLBACK_PATH, LOGIN_LIFETIME
from services.auth.domain.federation_errors import (
    InvalidReturn,
    ProviderFailed,
    SsoNotConfigured,
    SsoRefused,
)
from services.auth.endpoints.access import ClientAddress, public_use_cases
from services.auth.schemas.federation import SsoTokenIn
from services.auth.schemas.sessions import LoginReply
from services.auth.wiring import PublicUseCases

_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Sign-in</title>
<h1>Sign-in</h1><p>{message}</p><p><small>{request_id}</small></p></html>
"""
_POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class BrowserRoute(APIRoute):
    """A route that people see in their browser: errors are a page for those who take one."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with errors put into shape."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except AppError as error:
                if "text/html" not in request.headers.get("accept", ""):
                    raise
                info = request_info(request.scope)
                info.error_code = error.code
                page = _PAGE.format(
                    message=html.escape(error.message), request_id=html.escape(info.request_id)
                )
                headers = {"content-security-policy": _POLICY}
                return HTMLResponse(page, status_code=error.http_status, headers=headers)

        return handled


router = APIRouter(prefix="/api/v1/auth/sso", tags=["single sign-on"], route_class=BrowserRoute)

Public = Annotated[PublicUseCases, Depends(public_use_cases)]
Opaque = Annotated[str, Query(max_length=4096)]


@router.get(
    "/login",
    status_code=302,
    response_class=RedirectResponse,
    responses=errors(SsoNotConfigured, InvalidReturn, ProviderFailed),
    dependencies=[Depends(rate_limited("sso"))],
)
async def start_sso_login(
    use: Public,
    email: Annotated[str, Query(min_length=3, max_length=254)],
    return_to: Annotated[str | None, Query(max_length=2000)] = None,
    challenge: Annotated[str | None, Query(max_length=128, description="S256, RFC 7636.")] = None,
) -> Response:
    """Send the browser to the provider of the address' domain.

    With `return_to`, a page of the platform or of an allowed origin, the browser comes back to
    it with `#sso_code=…`, which `POST /token` exchanges; `challenge` is the S256 of a verifier
    that the page keeps. Without, the callback itself answers with the tokens.
    """
    started = await use.sso.start_login(email, return_to=return_to, challenge=challenge)
    reply = RedirectResponse(started.authorization_url, status_code=302)
    name, secure = _cookie(use)
    reply.set_cookie(
        name,
        started.browser,
        max_age=int(LOGIN_LIFETIME.total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return reply


@router.get(
    CALLBACK_PATH.removeprefix("/api/v1/auth/sso"),
    response_model=LoginReply,
    responses=errors(SsoRefused, AccountNotActive),
    dependencies=[Depends(rate_limited("sso"))],
)
async def complete_sso_login(
    request: Request,
    use: Public,
    address: ClientAddress,
    *,
    state: Opaque = "",
    code: Opaque = "",
    error: Opaque = "",
    iss: Opaque = "",
) -> Any:
    """Take the browser back from the provider, and let the person in."""
    name, secure = _cookie(use)
    completed = await use.sso.complete_login(
        state=state,
        browser=request.cookies.get(name, ""),
        code=code,
        error=error,
        issuer=iss,
        address=address,
    )
    reply: Response
    if completed.redirect_to is not None:
        reply = RedirectResponse(completed.redirect_to, status_code=303)
    else:
        result = completed.result
        if result is None:
            raise SsoRefused
        shown = LoginReply.logged_in(result.tokens, result.user, message="Logged in.")
        reply = Response(shown.model_dump_json(), media_type="application/json")
    reply.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="lax")
    return reply


@router.post(
    "/token",
    response_model=LoginReply,
    responses=errors(SsoRefused, AccountNotActive),
    dependencies=[Depends(rate_limited("sso"))],
)
async def redeem_sso_code(body: SsoTokenIn, use: Public, address: ClientAddress) -> LoginReply:
    """Exchange the code that a page was sent back with for tokens, once and within a minute."""
    result = await use.sso.redeem_handoff(code=body.code, verifier=body.verifier, address=address)
    return LoginReply.logged_in(result.tokens, result.user, message="Logged in.")


def _cookie(use: PublicUseCases) -> tuple[str, bool]:
    """Return the cookie's name, and whether it is for https only.

    The prefix has browsers refuse it from anywhere but this very host, over https; on a
    developer's machine, without https, they would not take it at all.
    """
    secure = use.sso.start_login.public_url.startswith("https://")
    return ("__Host-sso" if secure else "sso"), secure

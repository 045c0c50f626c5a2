"""Routes of SCIM: its errors (RFC 7644, 3.12), its media type, and who may come in."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any, Final

import orjson
from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import ValidationError
from scim2_models import Error, InvalidSyntaxException, InvalidValueException, SCIMException
from starlette.exceptions import HTTPException
from starlette.responses import Response

from libs.common.errors import AppError, Invalid
from libs.common.http import anonymous
from libs.common.security import Caller
from services.auth.domain.federation_errors import NameTaken, ScimUnauthenticated
from services.auth.endpoints.access import wiring_of
from services.auth.schemas.scim import MEDIA_TYPE, PREFIX
from services.auth.wiring.federation import DirectoryUseCases

NUL_REFUSED: Final = "NUL characters cannot be stored."


class ScimRoute(APIRoute):
    """A route for directories, which expect SCIM's errors."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with errors put into shape."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                if has_nul([*request.path_params.values(), *request.query_params.values()]):
                    raise InvalidValueException(detail=NUL_REFUSED)
                return await handle(request)
            except SCIMException as error:
                told = error.to_error()
                return scim_error(told.status or 400, told.detail, scim_type=told.scim_type)
            except ValidationError as error:
                told = Error.from_validation_errors(error)[0]
                return scim_error(told.status or 400, told.detail, scim_type=told.scim_type)
            except AppError as error:
                headers = {}
                if error.retry_after_seconds is not None:
                    headers["retry-after"] = str(error.retry_after_seconds)
                if error.http_status == 401:
                    headers["www-authenticate"] = "Bearer"
                return scim_error(
                    error.http_status, error.message, scim_type=_type_of(error), headers=headers
                )
            except (RequestValidationError, HTTPException):
                return scim_error(400, "The request cannot be read.", scim_type="invalidSyntax")

        return handled


def _type_of(error: AppError) -> str | None:
    if isinstance(error, NameTaken):
        return "uniqueness"
    return "invalidValue" if isinstance(error, Invalid) else None


def scim_error(
    status: int,
    detail: str | None,
    *,
    scim_type: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error in SCIM's shape."""
    body = Error(status=status, detail=detail, scim_type=scim_type).model_dump()
    return scim_reply(body, status=status, headers=headers)


def scim_reply(
    body: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a reply with SCIM's media type."""
    return Response(
        orjson.dumps(body), status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE
    )


async def json_body(request: Request) -> Any:
    """Read a body, whichever media type it is sent as.

    Raises:
        InvalidSyntaxException: It is no JSON object.
    """
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise InvalidSyntaxException(detail="The body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise InvalidSyntaxException(detail="The body is no JSON object.")
    if has_nul(body):
        raise InvalidValueException(detail=NUL_REFUSED)
    return body


def has_nul(value: object) -> bool:
    """Tell whether a NUL character is anywhere in what was sent: the database takes none."""
    match value:
        case str():
            return "\x00" in value
        case dict():
            return any(has_nul(part) for pair in value.items() for part in pair)
        case list():
            return any(has_nul(part) for part in value)
        case _:
            return False


async def _directory(
    request: Request, _caller: Annotated[Caller | None, Depends(anonymous())]
) -> DirectoryUseCases:
    """Let in a company's directory by its token; other credentials of the platform do not count."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise ScimUnauthenticated
    wiring = wiring_of(request)
    return wiring.for_directory(await wiring.public.sso.verify_scim_token(token.strip()))


async def _base(request: Request) -> str:
    url: str = request.app.state.resources.settings.public_url
    return url.rstrip("/") + PREFIX


Directory = Annotated[DirectoryUseCases, Depends(_directory)]
Base = Annotated[str, Depends(_base)]
NO_CONTENT: Final = 204

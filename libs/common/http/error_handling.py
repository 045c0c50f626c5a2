"""From exceptions to replies in the API's error shape."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import asyncpg
import orjson
from fastapi.exceptions import RequestValidationError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from libs.common.errors import AppError, Invalid, Unavailable
from libs.common.http.request_info import request_info
from libs.common.http.responses import app_error_response, error_body

MAX_FIELD_ERRORS: Final = 50

# What a dependency that is down looks like when nobody nearer has put it into words.
_OUTAGES: Final = (
    ConnectionError,
    TimeoutError,
    RedisConnectionError,
    RedisTimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    OperationalError,
    InterfaceError,
)


class UnstorableValue(Invalid):
    """A value of the right type that PostgreSQL has no place for: NUL, NaN, the year 0."""

    code = "invalid_value"
    message = "The request has a character, a number or a date that cannot be stored."


class BodyTooLarge(Invalid):
    """The request's body is over the route's limit."""

    http_status = 413
    code = "body_too_large"
    message = "The request's body is too large for this route."


_CODES: Final = {
    400: ("invalid_request", "The request could not be read."),
    401: ("unauthenticated", "Valid credentials are required."),
    403: ("forbidden", "These credentials do not allow this action."),
    404: ("route_not_found", "There is no such route."),
    405: ("method_not_allowed", "This route does not support this method."),
    413: (BodyTooLarge.code, BodyTooLarge.message),
    415: ("unsupported_media_type", "This route does not read this content type."),
}


async def on_app_error(request: Request, error: Exception) -> Response:
    """Answer one of our own errors."""
    assert isinstance(error, AppError)  # noqa: S101 - how Starlette registers handlers
    info = request_info(request.scope)
    info.error_code = error.code
    return app_error_response(error, request_id=info.request_id)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Answer what the framework refused: unknown routes, methods, unreadable bodies."""
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    status = error.status_code
    known = _CODES.get(status)
    if known is None:
        phrase = HTTPStatus(status).phrase
        known = (phrase.lower().replace(" ", "_"), str(error.detail))
    code, message = known
    info = request_info(request.scope)
    info.error_code = code
    body = error_body(message=message, code=code, request_id=info.request_id)
    return Response(
        orjson.dumps(body), status, headers=error.headers, media_type="application/json"
    )


async def on_validation_error(request: Request, error: Exception) -> Response:
    """Answer a request of the wrong form with what is wrong, by field; values are not echoed."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    problems = error.errors()
    fields = by_field(problems)
    if any(problem["type"] == "json_invalid" for problem in problems):
        code, message = "malformed_json", "The request's body is not valid JSON."
    elif any(tuple(problem["loc"]) == ("body",) for problem in problems):
        code = "validation_error"
        message = "Send a JSON object as the body, with Content-Type: application/json."
    else:
        name, complaints = next(iter(fields.items()))
        code, message = "validation_error", f"{name}: {complaints[0]}"
    info = request_info(request.scope)
    info.error_code = code
    body = error_body(
        message=message,
        code=code,
        request_id=info.request_id,
        details=fields,
        errors=fields,
    )
    return Response(orjson.dumps(body), 400, media_type="application/json")


def by_field(problems: Sequence[Any]) -> dict[str, list[str]]:
    """Group pydantic's findings by the field as a client would write it: `items.0.name`."""
    fields: dict[str, list[str]] = {}
    for problem in problems[:MAX_FIELD_ERRORS]:
        place = [str(part) for part in problem["loc"]]
        # The first part says body, query, path or header; a client knows where it put a field.
        name = ".".join(place[1:]) if len(place) > 1 else place[0]
        if problem["type"] == "json_invalid":
            name = "body"
        fields.setdefault(name, []).append(_sentence(str(problem["msg"])))
    return fields


def unforeseen(error: Exception) -> AppError:
    """Return what the caller is told about an exception that nobody has put into words."""
    if isinstance(error, AppError):
        return error
    cause = error.driver_exception if isinstance(error, DBAPIError) else error
    if isinstance(cause, asyncpg.DataError):
        return UnstorableValue()
    if isinstance(error, _OUTAGES):
        return Unavailable(retry_after_seconds=2)
    return AppError()


def _sentence(text: str) -> str:
    text = text.removeprefix("Value error, ")
    return text if text.endswith((".", "!", "?")) else f"{text}."

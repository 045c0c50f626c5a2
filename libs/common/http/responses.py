"""Replies: JSON by orjson, the API's error shape, pages of lists."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import orjson
from pydantic import BaseModel, Field
from starlette.responses import Response

from libs.common.errors import AppError

MAX_PER_PAGE: Final = 100
RETRY_AFTER_SECONDS: Final = 2
"""What a 503 says when nobody knows better."""


class JsonResponse(Response):
    """JSON written by orjson: datetimes in ISO 8601, UUIDs with hyphens."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        """Return the body's bytes."""
        return orjson.dumps(content, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def _plain(value: object) -> object:
    # asyncpg's UUIDs are a subclass, which orjson does not take for what it is.
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


class ErrorOut(BaseModel):
    """Every error of the API has this shape.

    Clients disagree on where they look for the sentence and the code, so each stands twice.
    """

    error: str = Field(description="One sentence for the person who must act on it.")
    message: str = Field(description="The same sentence.")
    code: str = Field(description="A stable, machine-readable name.")
    error_code: str = Field(description="The same name.")
    details: dict[str, Any] = Field(description="Facts for programs; often empty.")
    request_id: str = Field(description="Quote it when reporting a problem.")
    errors: dict[str, list[str]] | None = Field(
        default=None, description="What is wrong, by field, when the request's form is."
    )


class Page(BaseModel):
    """Where a list stands within the whole."""

    page: int
    per_page: int
    total: int
    pages: int
    has_next: bool
    has_prev: bool


def pagination(*, page: int, per_page: int, total: int) -> Page:
    """Describe one page of a list of `total` entries; pages count from 1."""
    pages = -(-total // per_page)
    return Page(
        page=page,
        per_page=per_page,
        total=total,
        pages=pages,
        has_next=page < pages,
        has_prev=page > 1,
    )


def error_body(
    *,
    message: str,
    code: str,
    request_id: str,
    details: Mapping[str, object] | None = None,
    errors: Mapping[str, list[str]] | None = None,
) -> dict[str, object]:
    """Return an error in the API's shape."""
    body: dict[str, object] = {
        "error": message,
        "message": message,
        "code": code,
        "error_code": code,
        "details": dict(details or {}),
        "request_id": request_id,
    }
    if errors is not None:
        body["errors"] = dict(errors)
    return body


def app_error_response(error: AppError, *, request_id: str) -> Response:
    """Return the reply to one of our own errors."""
    headers = {}
    retry_after_seconds = error.retry_after_seconds
    if retry_after_seconds is None and error.http_status == 503:
        retry_after_seconds = RETRY_AFTER_SECONDS
    if retry_after_seconds is not None:
        headers["retry-after"] = str(retry_after_seconds)
    if error.http_status == 401:
        headers["www-authenticate"] = "Bearer"
    body = error_body(
        message=error.message, code=error.code, details=error.details, request_id=request_id
    )
    return Response(
        # Details may hold anything printable; an error must not fail while being told.
        orjson.dumps(body, default=str, option=orjson.OPT_NON_STR_KEYS),
        status_code=error.http_status,
        headers=headers,
        media_type="application/json",
    )


def errors(*types: type[AppError]) -> dict[int | str, dict[str, Any]]:
    """Document the errors of a route, as in `responses=errors(DocumentNotFound)`."""
    responses: dict[int | str, dict[str, Any]] = {}
    for kind in types:
        known = responses.setdefault(
            kind.http_status, {"model": ErrorOut, "description": kind.message}
        )
        examples = known.setdefault("content", {"application/json": {"examples": {}}})
        examples["application/json"]["examples"][kind.code] = {
            "value": error_body(
                message=kind.message, code=kind.code, request_id="0193e0a1c2d34e5f8a9b0c1d2e3f4a5b"
            )
        }
    return responses

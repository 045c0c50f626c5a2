"""The platform's errors: five kinds that services refine, and a few that mechanisms raise.

A service lists its own in `domain/errors.py`: a kind, a stable `code`, and a sentence that the
person who reads it can act on. Adapters turn vendor errors into these; endpoints let them pass;
one handler in `libs.common.http` writes the error body of the API.
"""

from collections.abc import Mapping
from typing import ClassVar


class AppError(Exception):
    """Anything that is told to the caller as an error.

    Args:
        message: One sentence for the person who must act on it; the class's own when left out.
        code: A stable, machine-readable name; the class's own when left out.
        details: Facts for programs, never secrets.
        retry_after_seconds: When trying again makes sense; becomes `Retry-After`.
    """

    http_status: ClassVar[int] = 500
    code: str = "internal_error"
    message: str = "Something went wrong on our side."

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        details: Mapping[str, object] | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        if message is not None:
            self.message = message
        if code is not None:
            self.code = code
        self.details: dict[str, object] = dict(details or {})
        self.retry_after_seconds = retry_after_seconds
        super().__init__(self.message)


class NotFound(AppError):
    """There is no such thing, or it belongs to another tenant: the two look the same."""

    http_status = 404
    code = "not_found"
    message = "There is no such resource."


class Conflict(AppError):
    """The state of things does not allow it now."""

    http_status = 409
    code = "conflict"
    message = "The resource is in a state that does not allow this."


class Forbidden(AppError):
    """The caller is known, and may not."""

    http_status = 403
    code = "forbidden"
    message = "These credentials do not allow this action."


class Invalid(AppError):
    """The request cannot be carried out as it was written."""

    http_status = 400
    code = "invalid"
    message = "The request is not valid."


class Unavailable(AppError):
    """Something that we depend on is out of reach; trying again later may work."""

    http_status = 503
    code = "unavailable"
    message = "The service is unavailable at the moment. Try again shortly."


class Unauthenticated(AppError):
    """No credentials, or none that hold; why is never said."""

    http_status = 401
    code = "unauthenticated"
    message = "Valid credentials are required."


class RateLimited(AppError):
    """Too many requests in too short a time."""

    http_status = 429
    code = "rate_limited"
    message = "Too many requests. Wait a moment and try again."


class NotAvailable(AppError):
    """The API describes this route; this version of the platform does not have it yet."""

    http_status = 501
    code = "not_available"
    message = "This route is not available in this version."

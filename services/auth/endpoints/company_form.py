"""Bodies about companies, which clients send as JSON or as a form."""

from typing import TypeVar

import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile

B = TypeVar("B", bound=BaseModel)


def body_schema(model: type[BaseModel]) -> dict[str, object]:
    """Describe a body that may come as JSON or as a form."""
    schema = model.model_json_schema()
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": schema},
                "multipart/form-data": {"schema": schema},
            },
        }
    }


async def json_or_form(request: Request, model: type[B]) -> tuple[B, bytes | None]:
    """Read a body that clients send as JSON, or as a form when they have a logo to add.

    Returns:
        What the fields say, and the logo.

    Raises:
        RequestValidationError: The body does not fit.
    """
    kind = request.headers.get("content-type", "")
    values: object
    logo: bytes | None = None
    if kind.startswith(("multipart/form-data", "application/x-www-form-urlencoded")):
        async with request.form() as form:
            values = {
                name: value for name, value in form.items() if isinstance(value, str) and value
            }
            given = form.get("logo")
            if isinstance(given, UploadFile) and (given.filename or given.size):
                logo = await given.read()
    else:
        try:
            values = orjson.loads(await request.body() or b"{}")
        except orjson.JSONDecodeError as error:
            problem = {"type": "json_invalid", "loc": ("body",), "msg": "JSON decode error"}
            raise RequestValidationError([problem]) from error
    try:
        return model.model_validate(values), logo
    except ValidationError as error:
        problems = [{**problem, "loc": ("body", *problem["loc"])} for problem in error.errors()]
        raise RequestValidationError(problems) from error

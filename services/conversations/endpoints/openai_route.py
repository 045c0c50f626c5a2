"""Routes whose errors have OpenAI's shape, those of access and validation included."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from libs.common.errors import AppError
from libs.common.http import JsonResponse
from services.conversations.domain.errors import AgentNotFound
from services.conversations.schemas.completions import openai_error


class OpenAIRoute(APIRoute):
    """A route for clients that expect OpenAI's errors."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with errors put into shape."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except AgentNotFound:
                body = openai_error(
                    "There is no such model: name one of your agents.",
                    status=404,
                    code="model_not_found",
                )
                return JsonResponse(body, status_code=404)
            except AppError as error:
                headers = {}
                if error.retry_after_seconds is not None:
                    headers["retry-after"] = str(error.retry_after_seconds)
                body = openai_error(error.message, status=error.http_status, code=error.code)
                return JsonResponse(body, status_code=error.http_status, headers=headers)
            except HTTPException:
                # FastAPI's word for a body that is no JSON at all.
                body = openai_error(
                    "The request's body is not valid JSON.", status=400, code="invalid_request"
                )
                return JsonResponse(body, status_code=400)
            except RequestValidationError as error:
                problem = error.errors()[0]
                field = ".".join(str(part) for part in problem["loc"] if part != "body")
                body = openai_error(
                    f"{field or 'body'}: {problem['msg']}", status=400, code="invalid_request"
                )
                body["error"]["param"] = field or None
                return JsonResponse(body, status_code=400)

        return handled

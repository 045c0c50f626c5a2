"""The routes that a question costs, without the framework's solving of dependencies.

They are declared like all others (so that access is checked by the same code, tests can walk them,
and they are described in OpenAPI), but are called directly: resolving two parameters and three
nested dependencies costs more than the rest of the request's way through the framework.
"""

from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from libs.common.http import CallerWith, access_of
from services.conversations.endpoints.access import Admitted, wiring_of
from services.conversations.wiring import person_of


class ConversationRoute(APIRoute):
    """A route of one conversation: its endpoint takes the id, the request, and the caller."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler.

        Raises:
            TypeError: The route does not say who may come in.
        """
        endpoint, access = self.endpoint, access_of(self.dependant)
        if not isinstance(access, CallerWith):
            raise TypeError(f"{self.path} does not say who may come in")

        async def handled(request: Request) -> Response:
            caller = await access(request)
            admitted = Admitted(person_of(caller), wiring_of(request).use_cases)
            response: Response = await endpoint(_conversation_id(request), request, admitted)
            return response

        return handled


def _conversation_id(request: Request) -> UUID:
    text: str = request.path_params["conversation_id"]
    try:
        return UUID(text)
    except ValueError:
        problem = {
            "type": "uuid_parsing",
            "loc": ("path", "conversation_id"),
            "msg": "Input should be a valid UUID",
            "input": text,
        }
        raise RequestValidationError([problem]) from None

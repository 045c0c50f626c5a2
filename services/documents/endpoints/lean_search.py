"""The route that every question costs, without the framework's solving of dependencies.

It is declared like all others, so that access is checked by the same code and tests can walk it,
but is called directly: one body and one caller are read sooner by hand.
"""

from collections.abc import Callable, Coroutine
from typing import Any, TypeGuard

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from libs.common.http import InternalCaller, access_of
from services.documents.endpoints.access import acting_for


class SearchRoute(APIRoute):
    """A route of other services: its endpoint takes one body, and the use cases."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler.

        Raises:
            TypeError: The route is not for other services alone, or takes no body of one model.
        """
        endpoint, access = self.endpoint, access_of(self.dependant)
        models = [parameter.field_info.annotation for parameter in self.dependant.body_params]
        model = models[0] if len(models) == 1 else None
        if not isinstance(access, InternalCaller) or not _is_model(model):
            raise TypeError(f"{self.path} is not a route of one body for other services")

        async def handled(request: Request) -> Response:
            caller = await access(request)
            try:
                body = model.model_validate_json(await request.body())
            except ValidationError as error:
                problems = error.errors(include_url=False, include_context=False)
                raise RequestValidationError(
                    [{**problem, "loc": ("body", *problem["loc"])} for problem in problems]
                ) from None
            response: Response = await endpoint(body, acting_for(request, caller))
            return response

        return handled


def _is_model(annotation: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)

"""What the route table promises of agents."""

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from libs.common.contract import routes_of, shape_of
from libs.common.contract.routes import BUILT, Auth
from libs.common.http import Anonymous, access_of


def served(app: FastAPI) -> dict[tuple[str, str], APIRoute]:
    """Return the routes that are built, by method and nameless path."""
    return {
        (method, shape_of(context.path)): context.original_route
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute)
        and context.path is not None
        and context.path.startswith("/api/")
        and context.original_route.endpoint.__name__ != "not_available"
        for method in context.methods or ()
    }


class TestTable:
    def test_knows_every_route_that_is_served(self, application: FastAPI) -> None:
        built = {
            (route.method, route.shape) for route in routes_of("agents") if route.state is BUILT
        }
        assert set(served(application)) == built

    def test_agrees_on_which_are_public(self, application: FastAPI) -> None:
        public = {
            (route.method, route.shape)
            for route in routes_of("agents")
            if route.auth is Auth.PUBLIC and route.state is BUILT
        }
        anonymous = {
            key
            for key, route in served(application).items()
            if isinstance(access_of(route.dependant), Anonymous)
        }
        assert anonymous == public

    async def test_what_is_not_built_says_so(self, client: httpx.AsyncClient) -> None:
        reply = await client.patch("/api/v1/super-admin/agents/1")
        assert reply.status_code == 501
        assert reply.json()["code"] == "not_available"

    def test_describes_itself(self, application: FastAPI) -> None:
        description = application.openapi()
        assert "/api/v1/agent/{agent_id}" in description["paths"]
        assert not any(path.startswith("/internal") for path in description["paths"])

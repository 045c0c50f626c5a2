"""What the services really serve, held against the contract: no route goes unwalked.

The walk in `test_routes.py` follows the table. A route that a service serves and the table does
not know would be reachable through the gateway, whose rules are prefixes, and never be tried.
"""

from importlib import import_module

import pytest

from libs.common.contract import ALL_ROUTES, BUILT, PUBLIC_ROUTES, Auth, shape_of
from libs.common.database.roles import SERVICES
from libs.common.http import Anonymous, CallerWith, DeclaredRoute, InternalCaller, declared_routes
from ops.gateway import DESCRIPTION_PATHS
from tests.conftest import ServiceEnvironment
from tests.tenancy.matrix import INTERNAL

INTERNAL_PREFIX = "/internal"
# Known by other means than a verified caller: the token they exchange.
BY_REFRESH_TOKEN = {(r.method, r.shape) for r in ALL_ROUTES if r.auth is Auth.REFRESH_TOKEN}
# Known by a directory's token, which is no caller's.
BY_SCIM_TOKEN = {(r.method, r.shape) for r in ALL_ROUTES if r.auth is Auth.SCIM_TOKEN}
# Files that come with the installation: the API's description, and the page that shows it.
DESCRIPTION = {("GET", path) for path in DESCRIPTION_PATHS}
PUBLIC = {(method, shape_of(path)) for method, path in PUBLIC_ROUTES} | DESCRIPTION


@pytest.fixture(scope="module", params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    """Each service in turn."""
    return str(request.param)


@pytest.fixture(scope="module")
def served(service: str, service_environment: ServiceEnvironment) -> list[DeclaredRoute]:
    """Every route of a service's application, whether the table knows it or not."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in service_environment(service).items():
            environment.setenv(name, value)
        for name in ("OBJECT_STORE_URL", "EMBEDDING_BASE_URL"):
            environment.setenv(name, "http://127.0.0.1:1")
        settings = import_module(f"services.{service}.settings").Settings()
    routes = declared_routes(import_module(f"services.{service}.main").make_app(settings))
    assert len(routes) > 10
    return routes


def key_of(route: DeclaredRoute) -> tuple[str, str]:
    # `{name:path}` is the same parameter, for values with slashes in them.
    return route.method, shape_of(route.path.replace(":path}", "}"))


def test_every_route_stands_in_the_table(service: str, served: list[DeclaredRoute]) -> None:
    table = {(route.method, route.shape) for route in ALL_ROUTES if route.owner == service}
    table |= DESCRIPTION

    open_to_all = [route for route in served if not route.path.startswith(INTERNAL_PREFIX)]

    assert [route for route in open_to_all if key_of(route) not in table] == []


def test_every_internal_route_has_its_row(service: str, served: list[DeclaredRoute]) -> None:
    internal = {key_of(route) for route in served if route.path.startswith(INTERNAL_PREFIX)}

    assert internal == {(row.method, shape_of(row.path)) for row in INTERNAL[service]}


def test_every_built_route_is_served(service: str, served: list[DeclaredRoute]) -> None:
    built = {
        (route.method, route.shape)
        for route in ALL_ROUTES
        if route.owner == service and route.state is BUILT
    }

    assert built <= {key_of(route) for route in served}


def test_only_public_routes_let_strangers_in(served: list[DeclaredRoute]) -> None:
    planned = {(r.method, r.shape) for r in ALL_ROUTES if r.state is not BUILT}
    for route in served:
        key = key_of(route)
        if route.path.startswith(INTERNAL_PREFIX):
            assert isinstance(route.access, InternalCaller), route
        elif isinstance(route.access, Anonymous):
            # What is not built yet answers 501 to everybody.
            assert key in PUBLIC | BY_REFRESH_TOKEN | BY_SCIM_TOKEN | planned, route
        else:
            assert isinstance(route.access, CallerWith), route

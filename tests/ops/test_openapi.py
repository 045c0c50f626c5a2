"""The platform's description is current, and says what the contract says."""

import re
from collections import Counter
from typing import Any

import pytest

from libs.common.contract import ALL_ROUTES, BUILT, PUBLIC_ROUTES, TASK_STATUS_PATH, Auth
from ops.openapi import WRITES, platform_description, render
from services.auth.adapters.api_reference import reference_files

# Other names of routes that are described under their own.
SPELLINGS = {
    ("GET", f"/api/v1/{path}")
    for path in ("admin/audit-log", "admin/users", "auth/users", "company/users", "users")
}
# Without credentials, or with one in the body.
OPEN = set(PUBLIC_ROUTES) | {("POST", "/api/v1/auth/refresh")}


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    return platform_description()


def operations(description: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }


def test_what_auth_serves_is_current() -> None:
    served = reference_files()["openapi.json"].path.read_text(encoding="utf-8")

    assert served == render(), "run `make docs`"


def test_describes_every_built_route_and_no_other(description: dict[str, Any]) -> None:
    # SCIM describes itself, at /scim/v2/Schemas.
    built = {
        (route.method, route.path)
        for route in ALL_ROUTES
        if route.state is BUILT and route.auth is not Auth.SCIM_TOKEN
    }

    assert set(operations(description)) == built - SPELLINGS


def test_each_operation_has_a_name_of_its_own(description: dict[str, Any]) -> None:
    names = Counter(operation["operationId"] for operation in operations(description).values())

    assert [name for name, count in names.items() if count > 1] == []


def test_says_who_may_call_and_how_errors_look(description: dict[str, Any]) -> None:
    schemes = description["components"]["securitySchemes"]
    error = description["components"]["responses"]["Error"]["content"]["application/json"]
    assert error["schema"] == {"$ref": "#/components/schemas/ErrorOut"}
    assert schemes["apiSecret"] == {"type": "apiKey", "in": "header", "name": "X-API-Secret"}
    for (method, path), operation in operations(description).items():
        closed = (method, path) not in OPEN and path != TASK_STATUS_PATH
        assert bool(operation["security"]) is closed, (method, path)
        assert operation["responses"]["default"] == {"$ref": "#/components/responses/Error"}
        keys = [p for p in operation.get("parameters", ()) if "IdempotencyKey" in p.get("$ref", "")]
        assert len(keys) == (method.lower() in WRITES)


def test_every_reference_leads_somewhere(description: dict[str, Any]) -> None:
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', render())):
        part: Any = description
        for name in reference.split("/"):
            part = part[name]
        assert part

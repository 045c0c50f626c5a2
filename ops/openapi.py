"""Merges the services' descriptions into the platform's: `python -m ops.openapi`.

Writes OpenAPI JSON as clients see the API through the gateway: built routes only, under the paths
of the contract. Auth serves the committed result; a test holds it against the code.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final

from libs.common.contract import ALL_ROUTES, BUILT, OWNERS, TASK_STATUS_PATH
from libs.common.http.openapi import SECURITY_SCHEMES

INTRODUCTION: Final = """\
Companies run AI agents that answer from the company's own documents, with citations.

- **Credentials**: `Authorization: Bearer` with a token from log-in, or `X-API-Key` and \
`X-API-Secret` together. `x-required-scope` names what a call's credentials must allow.
- **Errors** have one shape, `ErrorOut`; `code` is stable, and `request_id` names the request when \
you report it.
- **Repeating a write** is safe with an `Idempotency-Key`: the first reply is kept for 24 hours.
- **What takes long** answers 202 with a task; poll its `/tasks/{task_id}/status`.
- Paths under `/api/v1` are also served under `/v1`. What is planned and not built yet answers 501 \
and is not described here.
"""
# Every service answers for its own tasks, in the same way; one description is enough.
TASK_DESCRIBER: Final = "documents"
ERRORS: Final = {
    "description": "Any other error.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorOut"}}},
}
IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The same key with the same request gets the first reply again; with another"
    " request, 422.",
}
# What responses without an example are called; the others go by their errors' codes.
PLAIN_ERRORS: Final = {
    "400": "BadRequest",
    "401": "Unauthenticated",
    "403": "Forbidden",
    "429": "TooManyRequests",
    "default": "Error",
}
WRITES: Final = frozenset({"post", "put", "patch", "delete"})

Json = dict[str, Any]


def platform_description() -> Json:
    """Return the merged description."""
    built = {
        (route.owner, route.method, route.path) for route in ALL_ROUTES if route.state is BUILT
    }
    paths: dict[str, Json] = {}
    schemas: Json = {}
    responses: Json = {}
    taken: set[str] = set()
    version = ""
    for service in OWNERS:
        own = _description_of(service)
        version = own["info"]["version"]
        _tell_apart(own, service=service, schemas=schemas)
        schemas |= own["components"]["schemas"]
        for path, method, operation in _operations(own):
            if (service, method.upper(), path) not in built:
                continue
            if path == TASK_STATUS_PATH and service != TASK_DESCRIBER:
                continue
            if operation["operationId"] in taken:
                operation["operationId"] = f"{service}_{operation['operationId']}"
            taken.add(operation["operationId"])
            paths.setdefault(path, {})[method] = _complete(method, operation)
            _share_errors(operation["responses"], responses)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Knowrithm", "version": version, "description": INTRODUCTION},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "parameters": {"IdempotencyKey": IDEMPOTENCY_KEY},
            "responses": dict(sorted(responses.items())),
            "schemas": _used(schemas, paths, responses),
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def render() -> str:
    """Return the description as it is committed."""
    return json.dumps(platform_description(), indent=1, ensure_ascii=False) + "\n"


def _description_of(service: str) -> Json:
    settings = import_module(f"services.{service}.settings").Settings
    # Without an environment: nothing that it says belongs in the description.
    app = import_module(f"services.{service}.main").make_app(settings.model_construct())
    # A copy, since the app keeps its own.
    description: Json = json.loads(json.dumps(app.openapi()))
    return description


def _tell_apart(own: Json, *, service: str, schemas: Mapping[str, Any]) -> None:
    """Rename the service's schemas that another service has under the same name."""
    ours = own["components"]["schemas"]
    renamed = {
        name: f"{service.capitalize()}{name}"
        for name, schema in ours.items()
        if schemas.get(name, schema) != schema
    }
    for name, new_name in renamed.items():
        ours[new_name] = ours.pop(name)
    for reference in _references(own):
        name = reference["$ref"].rpartition("/")[2]
        if name in renamed:
            reference["$ref"] = f"#/components/schemas/{renamed[name]}"


def _operations(description: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _complete(method: str, operation: Json) -> Json:
    operation["responses"].setdefault("default", ERRORS)
    if method in WRITES:
        operation.setdefault("parameters", []).append(
            {"$ref": "#/components/parameters/IdempotencyKey"}
        )
    return operation


def _share_errors(own: Json, shared: Json) -> None:
    """Put the operation's errors among the shared ones, and refer to them there."""
    for status, response in own.items():
        if status.startswith("2") or "application/json" not in response.get("content", {}):
            continue
        examples = response["content"]["application/json"].get("examples", {})
        name = "Or".join(map(_in_capitals, examples)) or PLAIN_ERRORS.get(status, f"Error{status}")
        if shared.setdefault(name, response) == response:
            own[status] = {"$ref": f"#/components/responses/{name}"}


def _in_capitals(code: str) -> str:
    return "".join(word.capitalize() for word in code.split("_"))


def _references(part: object) -> Iterator[dict[str, str]]:
    """Walk all objects that refer to a schema."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _used(schemas: Json, *parts: Json) -> Json:
    """Return the schemas that the parts need, and those that these need, by name."""
    used: set[str] = set()
    waiting: list[object] = list(parts)
    while waiting:
        for reference in _references(waiting.pop()):
            name = reference["$ref"].rpartition("/")[2]
            if name in schemas and name not in used:
                used.add(name)
                waiting.append(schemas[name])
    return {name: schemas[name] for name in sorted(used)}


if __name__ == "__main__":
    sys.stdout.write(render())

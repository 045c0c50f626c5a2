"""Walks every built route of the contract as somebody who should not get in.

A new route with an id in its path fails here until it is told what to call it with; a route
that answers a stranger must stand in the contract's public list.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
import requests

from libs.common.contract import ALL_ROUTES, BUILT, PUBLIC_ROUTES, Auth, Route
from tests.platform import Company, Platform, register, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

WALKED = [route for route in ALL_ROUTES if route.state is BUILT and "/tasks/" not in route.path]
CLOSED = [route for route in WALKED if (route.method, route.path) not in PUBLIC_ROUTES]
WITH_ID = [route for route in CLOSED if "{" in route.path]

SCIM_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
SCIM_GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
SCIM_PATCH = {
    "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
    "Operations": [{"op": "replace", "path": "externalId", "value": "stolen"}],
}
# Bodies that are right but for whose things they are about, where a route wants one.
BODIES: Mapping[tuple[str, str], Any] = {
    ("PUT", "/api/v1/agent/{agent_id}"): {"name": "Stolen"},
    ("PUT", "/api/v1/sdk/agent/{agent_id}"): {"name": "Stolen"},
    ("POST", "/api/v1/agent/{agent_id}/chat"): {"message": "What do you know?"},
    ("POST", "/api/v1/agent/{agent_id}/test"): {"query": "What do you know?"},
    ("POST", "/api/v1/agent/{agent_id}/clone"): {"name": "Copy"},
    ("PUT", "/api/v1/company/{company_id}"): {"name": "Stolen"},
    ("POST", "/api/v1/conversation/{conversation_id}/chat"): {"message": "What do you know?"},
    ("PUT", "/api/v1/providers/{provider_id}"): {"name": "Stolen"},
    ("POST", "/api/v1/providers/{provider_id}/models"): {"name": "m", "type": "llm"},
    ("PUT", "/api/v1/providers/{provider_id}/models/{model_id}"): {"name": "Stolen"},
    ("PUT", "/api/v1/settings/{settings_id}"): {"llm_temperature": 0.1},
    ("PATCH", "/api/v1/auth/domains/{domain_id}"): {"admits_registration": True},
    ("PATCH", "/api/v1/auth/sso/connections/{connection_id}"): {"name": "Stolen"},
    ("PUT", "/scim/v2/Users/{user_id}"): {"schemas": [SCIM_USER], "userName": "stolen@x.test"},
    ("PATCH", "/scim/v2/Users/{user_id}"): SCIM_PATCH,
    ("PUT", "/scim/v2/Groups/{group_id}"): {"schemas": [SCIM_GROUP], "displayName": "Stolen"},
    ("PATCH", "/scim/v2/Groups/{group_id}"): SCIM_PATCH,
}
# Ids in bodies: the route, the body, and the name of the id in it.
NESTED: list[tuple[str, str, dict[str, Any], str]] = [
    ("POST", "/api/v1/conversation", {"title": "Mine"}, "agent_id"),
    ("POST", "/api/v1/search/document", {"query": "kettle"}, "agent_id"),
    ("POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}]}, "model"),
]
# What a stranger is told about an unknown name is the same as about a foreign one.
BY_NAME = {"name": "Secret Agent"}


@pytest.fixture(scope="module")
def acme(platform: Platform) -> Company:
    return register(platform, "Acme")


@pytest.fixture(scope="module")
def globex(platform: Platform) -> Company:
    return register(platform, "Globex")


@pytest.fixture(scope="module")
def ids(acme: Company, platform: Platform) -> dict[str, str]:
    """One of everything that a route can name, all Acme's."""
    agent = acme.call("POST", "/api/v1/agent", json={"name": BY_NAME["name"]}).json()
    settings_id = agent["settings"]["id"] if agent.get("settings") else None
    if settings_id is None:
        settings_id = acme.call("GET", f"/api/v1/settings/agent/{agent['agent']['id']}").json()[
            "id"
        ]
    provider = acme.call(
        "POST", "/api/v1/providers", json={"name": "Acme's own", "type": "llm"}
    ).json()
    provider_id = provider.get("id") or provider["provider"]["id"]
    model = acme.call(
        "POST", f"/api/v1/providers/{provider_id}/models", json={"name": "m1", "type": "llm"}
    ).json()
    agent_id = agent["agent"]["id"]
    acme.call(
        "POST",
        "/api/v1/document/upload",
        data={"agent_id": agent_id},
        files={"files": ("kettle.txt", b"Every kettle has a warranty of seven years.")},
    )

    def processed() -> Any:
        found = acme.call("GET", "/api/v1/document").json()["documents"]
        return found if found and found[0]["status"] == "processed" else None

    document_id = wait_for(processed, seconds=60, what="the document processed")[0]["id"]
    document = acme.call("GET", f"/api/v1/document/{document_id}").json()
    chunks = document.get("chunks") or document["document"]["chunks"]
    conversation = acme.call("POST", "/api/v1/conversation", json={"agent_id": agent_id}).json()
    chat = acme.call(
        "POST", f"/api/v1/conversation/{conversation['id']}/chat", json={"message": "Warranty?"}
    ).json()
    user = acme.call("GET", "/api/v1/auth/user/me").json()["user"]
    keys = acme.call("GET", "/api/v1/auth/api-keys").json()["api_keys"]
    domain = acme.call("POST", "/api/v1/auth/domains", json={"domain": "acme-routes.test"}).json()
    token = acme.call("POST", "/api/v1/auth/scim/tokens", json={"name": "Walk"}).json()
    group = requests.post(
        f"{platform.url}/scim/v2/Groups",
        json={"schemas": [SCIM_GROUP], "displayName": "Walkers"},
        headers={"Authorization": f"Bearer {token['token']}"},
        timeout=30,
    ).json()
    return {
        "domain_id": domain["id"],
        # Its settings need a proven domain; that of others is tried in auth's own tests.
        "connection_id": str(uuid4()),
        "token_id": token["id"],
        "group_id": group["id"],
        "agent_id": agent_id,
        "settings_id": settings_id,
        "provider_id": provider_id,
        "model_id": model.get("id") or model["model"]["id"],
        "document_id": document_id,
        "chunk_id": chunks[0]["id"],
        "conversation_id": conversation["id"],
        "message_id": chat["message_id"],
        "task_id": chat["task_id"],
        "user_id": user["id"],
        "entity_id": user["id"],
        "company_id": acme.id,
        "key_id": keys[0]["id"],
        **BY_NAME,
    }


@pytest.fixture(scope="module")
def scim_token(globex: Company) -> str:
    """What Globex' directory comes with."""
    made = globex.call("POST", "/api/v1/auth/scim/tokens", json={"name": "Walk"})
    return str(made.json()["token"])


def call(
    platform: Platform, route: Route, path: str, headers: Mapping[str, str]
) -> requests.Response:
    return requests.request(
        route.method,
        platform.url + path,
        headers=headers,
        json=BODIES.get((route.method, route.path)),
        timeout=30,
    )


def without_request_id(reply: requests.Response) -> tuple[int, str]:
    return reply.status_code, re.sub(r'"request_id": ?"[^"]*"', "", reply.text)


def names_in(path: str) -> list[str]:
    return re.findall(r"{(\w+)}", path)


@pytest.mark.parametrize("route", CLOSED, ids=lambda route: f"{route.method} {route.path}")
def test_anonymous_callers_stay_out(platform: Platform, ids: dict[str, str], route: Route) -> None:
    reply = call(platform, route, route.path.format(**ids), {})

    assert reply.status_code == 401
    # Routes in OpenAI's shape tell errors in it, too.
    told = {"error"} if route.path.startswith("/v1/") else {"error", "message", "code"}
    if route.auth is Auth.SCIM_TOKEN:
        told = {"schemas", "status", "detail"}
    assert told <= reply.json().keys()


@pytest.mark.parametrize("route", CLOSED, ids=lambda route: f"{route.method} {route.path}")
def test_forged_credentials_stay_out(platform: Platform, ids: dict[str, str], route: Route) -> None:
    for headers in (
        {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
        {"X-API-Key": "ak_nobody", "X-API-Secret": "as_nothing"},
    ):
        assert call(platform, route, route.path.format(**ids), headers).status_code == 401


@pytest.mark.parametrize("route", WITH_ID, ids=lambda route: f"{route.method} {route.path}")
def test_foreign_ids_look_like_missing_ones(
    platform: Platform, globex: Company, scim_token: str, ids: dict[str, str], route: Route
) -> None:
    headers = globex.bearer
    if route.auth is Auth.SCIM_TOKEN:
        headers = {"Authorization": f"Bearer {scim_token}"}
    unknown = {name: "No One" if name == "name" else str(uuid4()) for name in ids}

    foreign = call(platform, route, route.path.format(**ids), headers)
    missing = call(platform, route, route.path.format(**unknown), headers)

    assert without_request_id(foreign) == without_request_id(missing)
    if foreign.status_code == 200:
        # A list of one's own things about somebody else's: there are none.
        text = json.dumps(foreign.json())
        assert not any(ids[name] in text for name in ids if name not in names_in(route.path))
    else:
        assert foreign.status_code in (403, 404)


@pytest.mark.parametrize(("method", "path", "body", "name"), NESTED)
def test_foreign_ids_in_bodies_look_like_missing_ones(
    platform: Platform,
    globex: Company,
    ids: dict[str, str],
    method: str,
    path: str,
    body: dict[str, Any],
    name: str,
) -> None:
    def ask(agent_id: str) -> requests.Response:
        return requests.request(
            method,
            platform.url + path,
            json=body | {name: agent_id},
            headers=globex.bearer,
            timeout=30,
        )

    missing_id = str(uuid4())
    foreign, missing = ask(ids["agent_id"]), ask(missing_id)

    assert foreign.status_code == 404
    assert without_request_id(foreign)[1].replace(ids["agent_id"], "") == without_request_id(
        missing
    )[1].replace(missing_id, "")


def test_uploads_to_a_foreign_agent_are_refused(globex: Company, ids: dict[str, str]) -> None:
    reply = globex.call(
        "POST",
        "/api/v1/document/upload",
        data={"agent_id": ids["agent_id"]},
        files={"files": ("x.txt", b"planted")},
    )

    assert reply.status_code == 404


def test_lists_hold_nothing_of_others(
    platform: Platform, globex: Company, scim_token: str, ids: dict[str, str]
) -> None:
    lists = [
        route
        for route in CLOSED
        if route.method == "GET" and "{" not in route.path and route.auth is not Auth.SUPER_ADMIN
    ]
    for route in lists:
        headers = globex.bearer
        if route.auth is Auth.SCIM_TOKEN:
            headers = {"Authorization": f"Bearer {scim_token}"}
        reply = call(platform, route, route.path, headers)
        # An error would hold nothing of others, either.
        assert reply.status_code == 200, route.path
        for name, value in ids.items():
            assert value not in reply.text, f"{route.path} shows {name}"


def test_tasks_are_nobody_elses(
    platform: Platform, acme: Company, globex: Company, ids: dict[str, str]
) -> None:
    path = f"{platform.url}/api/v1/tasks/{ids['task_id']}/status"

    # Clients poll without credentials: the id is the capability.
    assert requests.get(path, timeout=30).status_code == 200
    assert requests.get(path, headers=acme.bearer, timeout=30).status_code == 200
    assert requests.get(path, headers=globex.bearer, timeout=30).status_code == 404


def test_services_cannot_be_reached_past_the_gateway(platform: Platform, acme: Company) -> None:
    for path in (
        "/internal/agents",
        "/internal/search",
        "/api/internal/jwks",
        "//internal/agents",
        "/api/v1/../../internal/agents",
        "/%69nternal/agents",
        "/metrics",
    ):
        reply = requests.get(platform.url + path, headers=acme.bearer, timeout=30)
        assert reply.status_code in (400, 404), path


def test_public_routes_show_only_what_is_listed(platform: Platform, ids: dict[str, str]) -> None:
    for (method, path), fields in PUBLIC_ROUTES.items():
        route = next((one for one in WALKED if (one.method, one.path) == (method, path)), None)
        if route is None or method != "GET" or "{" not in path:
            continue
        if "/sso/" in path:
            # For browsers on their way to a provider and back; refused without one.
            continue
        reply = requests.get(platform.url + path.format(**ids), timeout=30)
        assert _names(reply.json()) <= set(fields), path


def _names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {name for inner in value.values() for name in _names(inner)}
    if isinstance(value, list):
        return {name for inner in value for name in _names(inner)}
    return set()

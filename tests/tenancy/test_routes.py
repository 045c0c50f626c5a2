"""Walks every built route of the contract as somebody who should not get in.

The rows of the walk stand in `matrix.py`. A new route with an id in its path, query or body fails
here until it is told what to call it with; a route that answers a stranger must stand in the
contract's public list.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import requests

from libs.common.contract import ALL_ROUTES, BUILT, PUBLIC_ROUTES, Auth, Route, shape_of
from tests.flows.platform_keys import signed_at
from tests.platform import Company, Platform, register
from tests.tenancy.cast import NUMBERS, Callers, Headers, belongings_of, scim_of, told
from tests.tenancy.matrix import (
    BODIES,
    BY_STRANGERS,
    REFUSED,
    UNSPOKEN,
    Place,
    operations,
    places_of,
)

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

WALKED = [route for route in ALL_ROUTES if route.state is BUILT and "/tasks/" not in route.path]
CLOSED = [route for route in WALKED if (route.method, route.path) not in PUBLIC_ROUTES]
WITH_ID = [route for route in CLOSED if "{" in route.path]
# It takes the refresh token in the place of an access token: its own tests are in tests/auth.
WITH_CALLER = [route for route in CLOSED if route.auth is not Auth.REFRESH_TOKEN]

# Strangers see the platform's places; those that a company added are its own.
SHARED_PLACES = {"country_id": "2921044", "state_id": "2950157", "city_id": "2950159"}


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


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


def names_in(path: str) -> list[str]:
    return re.findall(r"{(\w+)}", path)


def unlike(ids: Mapping[str, str]) -> dict[str, str]:
    """Return ids of the same things that nobody has."""
    return {name: missing(name, value) for name, value in ids.items()} | NUMBERS


def missing(name: str, value: str) -> str:
    """Return an id of the same kind that nobody has."""
    if name == "name":
        return "No One"
    return str(int(value) - 1) if value.isdigit() else str(uuid4())


@pytest.fixture(scope="module")
def expired(platform: Platform, acme: Company) -> dict[str, str]:
    """The admin's own token, as it was issued two days ago."""
    token = acme.bearer["Authorization"].removeprefix("Bearer ")
    old = signed_at(platform, token, datetime.now(UTC) - timedelta(days=2))
    return {"Authorization": f"Bearer {old}"}


@pytest.fixture(scope="module")
def directory(globex: Company) -> Headers:
    """What Globex' directory comes with."""
    return scim_of(globex)


def test_every_route_of_the_running_services_is_walked(platform: Platform) -> None:
    table = {(route.method, route.shape) for route in ALL_ROUTES}

    described = {(one.method, shape_of(one.path)) for one in operations(platform)}

    # The other way round, and what stands in no description: test_declarations.
    assert len(described) > 90
    assert described - table == set()


@pytest.mark.parametrize("route", CLOSED, ids=name_of)
def test_anonymous_callers_stay_out(platform: Platform, ids: dict[str, str], route: Route) -> None:
    reply = call(platform, route, route.path.format(**ids), {})

    assert reply.status_code == 401
    # Routes in OpenAI's shape tell errors in it, too.
    shape = {"error"} if route.path.startswith("/v1/") else {"error", "message", "code"}
    if route.auth is Auth.SCIM_TOKEN:
        shape = {"schemas", "status", "detail"}
    assert shape <= reply.json().keys()


@pytest.mark.parametrize("route", CLOSED, ids=name_of)
def test_forged_and_expired_credentials_stay_out(
    platform: Platform, ids: dict[str, str], expired: dict[str, str], route: Route
) -> None:
    for headers in (
        {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
        {"X-API-Key": "ak_nobody", "X-API-Secret": "as_nothing"},
        expired,
    ):
        assert call(platform, route, route.path.format(**ids), headers).status_code == 401


@pytest.mark.parametrize("route", WITH_CALLER, ids=name_of)
def test_who_lacks_the_permission_is_refused(
    platform: Platform, ids: dict[str, str], callers: Callers, route: Route
) -> None:
    refusal = 401 if route.auth is Auth.SCIM_TOKEN else 403
    for name in REFUSED[route.auth]:
        reply = call(platform, route, route.path.format(**ids), callers[name])

        assert reply.status_code == refusal, f"{name}: {reply.status_code} {reply.text[:200]}"


@pytest.mark.parametrize("route", WITH_ID, ids=name_of)
def test_foreign_ids_look_like_missing_ones(
    platform: Platform, globex: Company, directory: Headers, ids: dict[str, str], route: Route
) -> None:
    unknown = unlike(ids)
    ours = (directory,) if route.auth is Auth.SCIM_TOKEN else (globex.bearer, globex.key_headers)
    for headers in ours:
        foreign = call(platform, route, route.path.format(**ids), headers)
        missing = call(platform, route, route.path.format(**unknown), headers)

        assert told(foreign) == told(missing)
        if foreign.status_code == 200:
            # A list of one's own things about somebody else's: there are none.
            text = json.dumps(foreign.json())
            telling = ids.keys() - NUMBERS.keys() - set(names_in(route.path))
            assert not any(ids[name] in text for name in telling)
        else:
            assert foreign.status_code in (403, 404)


def test_foreign_ids_in_queries_and_bodies_look_like_missing_ones(
    platform: Platform, globex: Company, ids: dict[str, str], own: dict[str, str]
) -> None:
    built = {(route.method, route.path) for route in WALKED}
    places = [place for one in operations(platform) for place in places_of(one)]
    places += [Place(method, path, "body", field) for method, path, field in UNSPOKEN]
    tried = [place for place in places if (place.method, place.path) in built - BY_STRANGERS]
    assert len(tried) > 70

    for place in tried:
        values = ids[place.thing], str(uuid4())
        foreign, missing = (
            globex.call(place.method, place.path.format(**own), **place.arguments(value, own=own))
            for value in values
        )

        assert told(foreign, but=values) == told(missing, but=values), place
        if foreign.status_code == 400:
            # It was the id that was wrong, and nothing else about the request.
            assert values[0] in foreign.text, (place, foreign.text)
        elif place.where == "query":
            # Refused: it is a super admin's.
            assert foreign.status_code in (200, 403, 404), (place, foreign.text)
        elif (place.method, place.path) not in PUBLIC_ROUTES:
            assert foreign.status_code in (403, 404), (place, foreign.text)


def test_a_foreign_id_among_own_ones_spoils_all(
    globex: Company, ids: dict[str, str], own: dict[str, str]
) -> None:
    both = {"document_ids": [own["document_id"], ids["document_id"]]}

    reply = globex.call("DELETE", "/api/v1/document/bulk-delete", json=both)

    assert reply.status_code == 404
    assert own["document_id"] not in reply.text
    assert globex.call("GET", f"/api/v1/document/{own['document_id']}").status_code == 200


def test_uploads_to_a_foreign_agent_are_refused(globex: Company, ids: dict[str, str]) -> None:
    reply = globex.call(
        "POST",
        "/api/v1/document/upload",
        data={"agent_id": ids["agent_id"]},
        files={"files": ("x.txt", b"planted")},
    )

    assert reply.status_code == 404


def test_lists_hold_nothing_of_others(platform: Platform, ids: dict[str, str]) -> None:
    # A company that has never asked for anything of Acme's: what it asked stands in its trail.
    initech = register(platform, "Initech")
    belongings_of(initech, "Initech's Agent")
    directory = scim_of(initech)
    lists = [
        route
        for route in CLOSED
        if route.method == "GET" and "{" not in route.path and route.auth is not Auth.SUPER_ADMIN
    ]
    for route in lists:
        headers = directory if route.auth is Auth.SCIM_TOKEN else initech.bearer
        reply = call(platform, route, route.path, headers)
        # An error would hold nothing of others, either.
        assert reply.status_code == 200, route.path
        for name in ids.keys() - NUMBERS.keys():
            value = ids[name]
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
        shown = {**ids, **SHARED_PLACES, "page": "join"}
        reply = requests.get(platform.url + path.format(**shown), timeout=30)
        assert reply.ok, (path, reply.text)
        if not fields:
            assert "json" not in reply.headers["content-type"], path
            continue
        assert _names(reply.json()) <= set(fields), path


def _names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {name for inner in value.values() for name in _names(inner)}
    if isinstance(value, list):
        return {name for inner in value for name in _names(inner)}
    return set()

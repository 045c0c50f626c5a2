"""The route table agrees with itself, so that all who read it agree with each other."""

from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path

import pytest

from libs.common.contract import (
    ALIASES,
    ALL_ROUTES,
    API_PREFIX,
    OWNERS,
    PUBLIC_ROUTES,
    TASK_STATUS_PATH,
    Auth,
    Route,
    State,
    find_route,
    is_parameter,
    routes_of,
)
from libs.common.contract.document import document
from libs.common.permissions import KEY_SCOPES, ROLE_SCOPES, Scope

LEADS = {Auth.READ_OR_LEAD, Auth.WRITE_OR_LEAD}
KEYS = {
    Auth.READ: ("read",),
    Auth.READ_OR_LEAD: ("read",),
    Auth.WRITE: ("write",),
    Auth.WRITE_OR_LEAD: ("write",),
    Auth.READ_OR_ADMIN: ("read",),
    Auth.WRITE_OR_ADMIN: ("write",),
}
# The contract lets every key with `write` end the company it belongs to; we do not.
FOR_ADMINS_ALL_THE_SAME = {
    ("DELETE", "/api/v1/company/bulk-delete"),
    ("PATCH", "/api/v1/company/bulk-restore"),
    ("DELETE", "/api/v1/company/{company_id}"),
    ("PATCH", "/api/v1/company/{company_id}/restore"),
}
DOCS = Path(__file__).parents[3] / "docs"


def overlap(one: Route, other: Route) -> bool:
    """Say whether some concrete path fits both routes."""
    ours, theirs = one.path.split("/"), other.path.split("/")
    return len(ours) == len(theirs) and all(
        a == b or is_parameter(a) or is_parameter(b) for a, b in zip(ours, theirs, strict=True)
    )


def test_no_route_stands_twice() -> None:
    counts = Counter(
        (route.method, route.shape) for route in ALL_ROUTES if route.path != TASK_STATUS_PATH
    )

    assert [route for route, count in counts.items() if count > 1] == []


def test_every_owner_is_a_service() -> None:
    assert {route.owner for route in ALL_ROUTES} == set(OWNERS)


@pytest.mark.parametrize("owner", OWNERS)
def test_a_service_lists_its_routes_in_order_literals_first(owner: str) -> None:
    routes = list(routes_of(owner))

    assert routes == sorted(routes, key=lambda route: route.sort_key)


@pytest.mark.parametrize("owner", OWNERS)
def test_every_service_answers_for_its_tasks(owner: str) -> None:
    assert TASK_STATUS_PATH in {route.path for route in routes_of(owner)}


def test_each_path_has_one_owner() -> None:
    owners = defaultdict(set)
    for route in ALL_ROUTES:
        if route.path != TASK_STATUS_PATH:
            owners[route.shape].add(route.owner)

    assert {shape: names for shape, names in owners.items() if len(names) > 1} == {}


def test_where_routes_of_two_services_overlap_the_literal_one_is_plain() -> None:
    """A gateway that tries the table in its order always finds the owner."""
    unclear = [
        (one.path, other.path)
        for one, other in combinations(ALL_ROUTES, 2)
        if one.owner != other.owner
        and one.method == other.method
        and one.path != TASK_STATUS_PATH
        and overlap(one, other)
        and not _more_literal(one, other)
    ]

    assert unclear == []


def _more_literal(one: Route, other: Route) -> bool:
    pairs = list(zip(one.path.split("/"), other.path.split("/"), strict=True))
    return all(not is_parameter(a) or is_parameter(b) for a, b in pairs) and any(
        not is_parameter(a) and is_parameter(b) for a, b in pairs
    )


def test_a_parameter_is_a_whole_segment_with_a_name() -> None:
    odd = [
        route.path
        for route in ALL_ROUTES
        for segment in route.path.split("/")
        if ("{" in segment or "}" in segment)
        and not (is_parameter(segment) and segment[1:-1].isidentifier())
    ]

    assert odd == []


def test_aliases_lead_to_routes_and_hide_none() -> None:
    served = {route.path for route in ALL_ROUTES}
    for alias in ALIASES:
        if alias.path.endswith("/"):
            assert any(path.startswith(alias.target) for path in served)
        else:
            assert alias.target in served
        assert alias.path not in served


def test_what_is_served_under_v1_as_it_is_has_no_twin_behind_the_mirror() -> None:
    served = {route.path for route in ALL_ROUTES}
    own = [path for path in served if path.startswith("/v1/")]

    assert own
    assert [path for path in own if f"/api{path}" in served] == []


def test_the_public_list_names_every_public_route_and_no_other() -> None:
    public = {(route.method, route.path) for route in ALL_ROUTES if route.auth is Auth.PUBLIC}

    assert set(PUBLIC_ROUTES) == public


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("GET", "/agent/by-name/Help%2FDesk", "/agent/by-name/{name}"),
        ("GET", "/agent/0192", "/agent/{agent_id}"),
        ("GET", "/document/deleted", "/document/deleted"),
        ("DELETE", "/company/bulk-delete", "/company/bulk-delete"),
        ("GET", "/settings/providers", "/settings/providers"),
        ("POST", "/agent/0192/chat", "/agent/{agent_id}/chat"),
    ],
)
def test_find_route_prefers_literals(method: str, path: str, found: str) -> None:
    route = find_route(method, API_PREFIX + path)

    assert route is not None
    assert route.path == API_PREFIX + found


def test_find_route_knows_no_other_path() -> None:
    assert find_route("GET", f"{API_PREFIX}/agent/") is None
    assert find_route("PUT", f"{API_PREFIX}/health") is None
    assert find_route("GET", f"{API_PREFIX}/agent", owner="auth") is None


def test_the_page_in_docs_is_current() -> None:
    page = (DOCS / "api-status.md").read_text(encoding="utf-8")

    assert page == document(), "run: python -m libs.common.contract.document > docs/api-status.md"


@pytest.mark.parametrize("route", ALL_ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_who_a_row_lets_in_holds_what_it_asks_for(route: Route) -> None:
    asked = route.permission
    if asked is None:
        assert "user" not in route.auth
        return
    holders = {
        Auth.SUPER_ADMIN: {"super_admin"},
        Auth.ADMIN: {"super_admin", "admin"},
        Auth.ADMIN_USER: {"super_admin", "admin"},
        Auth.USAGE: {"super_admin", "admin"},
    }.get(route.auth, {"super_admin", "admin", "user"})
    if (route.method, route.path) in FOR_ADMINS_ALL_THE_SAME:
        holders = {"super_admin", "admin"}
    held_by = {role for role, held in ROLE_SCOPES.items() if asked in held}
    assert held_by - {"lead"} == holders
    if route.auth in LEADS:
        assert "lead" in held_by
    for scope in KEYS.get(route.auth, ()):
        assert (asked in KEY_SCOPES[scope]) == (holders != {"super_admin", "admin"})


def test_a_path_that_no_rule_knows_says_what_it_needs() -> None:
    unknown = Route("GET", "/api/v1/elsewhere", "auth", Auth.READ, State.BUILT)
    told = Route("GET", "/api/v1/elsewhere", "auth", Auth.READ, State.BUILT, Scope.AGENTS_READ)

    with pytest.raises(LookupError, match="/api/v1/elsewhere"):
        _ = unknown.permission
    assert told.permission is Scope.AGENTS_READ

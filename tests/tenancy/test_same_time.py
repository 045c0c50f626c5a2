"""A foreign id takes as long as a missing one: what is not told is not to be timed, either.

The suite looks at a route of each service with a small sample; `make isolation` at every route
with an id, with 400 samples of each kind.
"""

import gc
import http.client
import json
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid4

import pytest

from libs.common.contract import ALL_ROUTES, BUILT, PUBLIC_ROUTES
from tests.platform import PASSWORD, Company
from tests.tenancy.cast import NUMBERS
from tests.tenancy.matrix import BODIES
from tests.tenancy.ranks import rank_test

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

SAMPLES, FEW = 400, 100
SIGNIFICANT = 0.01
# By chance one comparison in a hundred looks uneven; what is uneven stays so.
TRIES = 3
# One of each service, and the two whose answer comes from another service.
EVERY_DAY = [
    ("GET", "/api/v1/user/{user_id}"),
    ("GET", "/api/v1/agent/{agent_id}/stats"),
    ("GET", "/api/v1/conversation/{conversation_id}/messages"),
    ("GET", "/api/v1/document/{document_id}"),
    ("GET", "/api/v1/document/agent/{agent_id}"),
    ("GET", "/api/v1/analytic/agent/{agent_id}"),
    ("GET", "/api/v1/tasks/{task_id}/status"),
]
ALL = [
    (route.method, route.path)
    for route in ALL_ROUTES
    if route.state is BUILT
    and "{" in route.path
    and (route.method, route.path) not in PUBLIC_ROUTES
]


def name_of(route: tuple[str, str]) -> str:
    return " ".join(route)


class Stopwatch:
    """Times requests over one connection that stays open."""

    def __init__(self, company: Company) -> None:
        address = urlsplit(company.platform.url)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port)
        self._headers = {**company.bearer, "Content-Type": "application/json"}

    def time(self, method: str, path: str, body: Any) -> float:
        """Return the seconds until the whole reply is here."""
        content = None if body is None else json.dumps(body).encode()
        started = time.perf_counter()
        self._connection.request(method, path, content, self._headers)
        reply = self._connection.getresponse()
        reply.read()
        took = time.perf_counter() - started
        assert reply.status in (200, 401, 403, 404), reply.status
        return took

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()


@contextmanager
def stopwatch(company: Company) -> Iterator[Stopwatch]:
    """Time requests without pauses of our own making."""
    watch = Stopwatch(company)
    gc.collect()
    gc.disable()
    try:
        yield watch
    finally:
        gc.enable()
        watch.close()


def evenness(
    globex: Company, ids: Mapping[str, str], method: str, path: str, *, samples: int
) -> float:
    """Return the p of the rank test between foreign ids and missing ones, taken in turn."""
    # Of a task it must still tell the service, whose name is its first digit.
    named = {n: v for n, v in ids.items() if n not in NUMBERS}
    missing = {n: like(v) if n != "name" else "Nobody at all" for n, v in named.items()} | NUMBERS
    body = BODIES.get((method, path))
    paths = {
        kind: path.format(**{name: quote(value) for name, value in values.items()})
        for kind, values in (("foreign", ids), ("missing", missing))
    }
    times: dict[str, list[float]] = {"foreign": [], "missing": []}
    with stopwatch(globex) as watch:
        for turn in range(samples + 5):
            for kind in random.sample(list(paths), 2):
                took = watch.time(method, paths[kind], body)
                if turn >= 5:  # the first ones warm up
                    times[kind].append(took)
    return rank_test(times["foreign"], times["missing"])


def like(value: str) -> str:
    """Return another id that begins alike."""
    return str(UUID(value[0] + str(uuid4())[1:]))


def p_values(
    globex: Company, ids: Mapping[str, str], route: tuple[str, str], *, samples: int
) -> list[float]:
    """Compare until once there is no difference to be seen, or too often there was."""
    found: list[float] = []
    while len(found) < TRIES and not (found and found[-1] > SIGNIFICANT):
        found.append(evenness(globex, ids, *route, samples=samples))
    return found


@pytest.mark.parametrize("route", EVERY_DAY, ids=name_of)
def test_foreign_ids_take_as_long_as_missing_ones(
    globex: Company, ids: dict[str, str], route: tuple[str, str]
) -> None:
    assert p_values(globex, ids, route, samples=FEW)[-1] > SIGNIFICANT


@pytest.mark.figures
@pytest.mark.parametrize("route", ALL, ids=name_of)
def test_on_every_route(globex: Company, ids: dict[str, str], route: tuple[str, str]) -> None:
    found = p_values(globex, ids, route, samples=SAMPLES)
    print(f"{name_of(route)}: p = {found}")

    assert found[-1] > SIGNIFICANT


@pytest.mark.figures
def test_of_known_and_unknown_accounts(globex: Company) -> None:
    """A wrong password of somebody, and of nobody: the rest costs the same, too."""
    email = f"{uuid4().hex}@known.example.com"
    person = {"email": email, "password": PASSWORD, "first_name": "Kno", "last_name": "Wn"}
    assert globex.call("POST", "/api/v1/auth/user", json=person).ok
    accounts = {"known": email, "unknown": f"{uuid4().hex}@known.example.com"}
    found: list[float] = []
    while len(found) < TRIES and not (found and found[-1] > SIGNIFICANT):
        times: dict[str, list[float]] = {"known": [], "unknown": []}
        with stopwatch(globex) as watch:
            for _ in range(SAMPLES):
                for kind in random.sample(list(accounts), 2):
                    body = {"email": accounts[kind], "password": "not the password"}
                    times[kind].append(watch.time("POST", "/api/v1/auth/login", body))
        found.append(rank_test(times["known"], times["unknown"]))

    assert found[-1] > SIGNIFICANT, found


class TestTheTestItself:
    def test_tells_half_a_millisecond(self) -> None:
        noise = random.Random(1)
        fast = [0.003 + noise.expovariate(2000) for _ in range(SAMPLES)]
        slow = [0.0035 + noise.expovariate(2000) for _ in range(SAMPLES)]

        assert rank_test(fast, slow) < SIGNIFICANT

    def test_sees_nothing_in_noise(self) -> None:
        noise = random.Random(2)
        times = [[noise.expovariate(300) for _ in range(SAMPLES)] for _ in range(200)]
        uneven = sum(rank_test(a, b) <= SIGNIFICANT for a, b in pairwise(times))

        assert uneven <= 8

    def test_knows_the_textbook(self) -> None:
        assert rank_test([1.0] * 20, [1.0] * 20) == 1.0
        assert rank_test(range(20), range(20, 40)) < 1e-6

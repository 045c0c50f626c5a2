"""Which requests count against which limits."""

from dataclasses import replace

import httpx
import pytest

from libs.common.http.rates import RateLimits
from libs.common.rate_limits import RateLimiter
from libs.common.resources import Resources
from libs.common.security import Scope
from tests.common.http.conftest import Callers

NOTE = "/api/v1/note/019a0000-0000-7000-8000-000000000000"


@pytest.fixture(autouse=True)
def small_limits(resources: Resources) -> None:
    """Limits that a test can reach."""
    limits = {"default": "5/60", "upload": "2/60", "public": "3/60"}
    resources.rate_limits = RateLimits(RateLimiter(resources.redis), limits)


async def test_every_caller_has_a_budget(client: httpx.AsyncClient, callers: Callers) -> None:
    ann, bob = (callers.add(name, Scope.AGENTS_READ) for name in ("ann", "bob"))

    replies = [await client.get(NOTE, headers=ann) for _ in range(6)]

    assert [reply.status_code for reply in replies] == [200] * 5 + [429]
    assert [reply.headers["ratelimit-remaining"] for reply in replies] == list("432100")
    assert replies[0].headers["ratelimit-limit"] == "5"
    assert replies[5].json()["code"] == "rate_limited"
    assert replies[5].headers["retry-after"] == "12"
    assert (await client.get(NOTE, headers=bob)).status_code == 200


async def test_a_route_may_draw_from_a_class_of_its_own(
    client: httpx.AsyncClient, callers: Callers
) -> None:
    ann = callers.add("ann", Scope.AGENTS_READ, Scope.AGENTS_WRITE)

    async def upload() -> httpx.Response:
        return await client.post("/api/v1/note/upload", files={"file": b"x"}, headers=ann)

    replies = [await upload() for _ in range(3)]

    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert replies[0].headers["ratelimit-limit"] == "2"
    # The refused one cost nothing of the general budget.
    reply = await client.get(NOTE, headers=ann)
    assert reply.headers["ratelimit-remaining"] == "2"


async def test_a_tenants_budget_is_nobody_elses(
    client: httpx.AsyncClient, callers: Callers, resources: Resources
) -> None:
    scopes = (Scope.AGENTS_READ, Scope.AGENTS_WRITE)
    ann, colleague, stranger = (callers.add(name, *scopes) for name in ("ann", "cy", "bob"))
    tenants = {name: str(caller.tenant_id) for name, caller in callers.known.items()}
    callers.known["cy"] = replace(callers.known["cy"], tenant_id=callers.known["ann"].tenant_id)

    async def upload(headers: dict[str, str]) -> int:
        files = {"file": b"x"}
        return (await client.post("/api/v1/note/upload", files=files, headers=headers)).status_code

    assert [await upload(ann), await upload(colleague), await upload(ann)] == [200, 200, 429]
    assert await upload(stranger) == 200
    keys = {key.decode() for key in await resources.redis.keys("*limit*")}
    assert {key.split(":")[0] for key in keys} == {tenants["ann"], tenants["bob"]}
    assert len([key for key in keys if key.endswith(":limit:upload")]) == 2


async def test_the_unknown_share_their_address_budget(client: httpx.AsyncClient) -> None:
    statuses = [(await client.post("/api/v1/note/public")).status_code for _ in range(4)]

    assert statuses == [200, 200, 200, 429]

"""Seeing and ending one's own sessions."""

import pytest

from ops.local.process import free_port
from tests.auth.conftest import (
    NOBODY,
    PASSWORD,
    RELAXED,
    AuthService,
    Person,
    StartAuth,
    add_colleague,
    is_shut_out,
    log_in,
    new_email,
    person_of,
)

SESSIONS = "/api/v1/auth/sessions"
ME = "/api/v1/auth/user/me"


async def ids(auth: AuthService, person: Person) -> list[str]:
    reply = await auth.get(SESSIONS, headers=person.bearer)
    return [session["id"] for session in reply.json()["sessions"]]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", SESSIONS), ("DELETE", f"{SESSIONS}/{NOBODY}"), ("POST", "/api/v1/auth/logout-all")],
)
async def test_strangers_may_not(auth: AuthService, method: str, path: str) -> None:
    assert (await auth.client.request(method, path)).status_code == 401


async def test_shows_where_from_and_with_what(auth: AuthService, acme: Person) -> None:
    await auth.post(
        "/api/v1/auth/login",
        json={"email": acme.email, "password": PASSWORD},
        headers={"user-agent": "Browser of the test" + "x" * 400},
    )

    sessions = (await auth.get(SESSIONS, headers=acme.bearer)).json()["sessions"]

    assert len(sessions) == 2
    newest = sessions[0]
    assert newest["device"].startswith("Browser of the testxxx")
    assert len(newest["device"]) <= 300
    assert newest["ip_address"] == "127.0.0.1"
    assert newest["method"] == "password"
    assert [session["current"] for session in sessions] == [False, True]


async def test_ends_one(auth: AuthService, acme: Person) -> None:
    other = person_of((await log_in(auth, acme.email)).json())
    [mine, theirs] = reversed(await ids(auth, acme))

    reply = await auth.client.delete(f"{SESSIONS}/{theirs}", headers=acme.bearer)

    assert reply.status_code == 200
    assert await is_shut_out(auth, other)
    assert await ids(auth, acme) == [mine]
    again = await auth.client.delete(f"{SESSIONS}/{theirs}", headers=acme.bearer)
    assert again.status_code == 404


async def test_nobody_ends_anothers(auth: AuthService, acme: Person, globex: Person) -> None:
    colleague = await add_colleague(auth, acme)
    [session] = await ids(auth, acme)

    for person in (colleague, globex):
        foreign = await auth.client.delete(f"{SESSIONS}/{session}", headers=person.bearer)
        missing = await auth.client.delete(f"{SESSIONS}/{NOBODY}", headers=person.bearer)
        assert foreign.status_code == missing.status_code == 404
        assert foreign.json() | {"request_id": ""} == missing.json() | {"request_id": ""}
    assert (await auth.get(ME, headers=acme.bearer)).status_code == 200


async def test_logs_out_everywhere(auth: AuthService, acme: Person, globex: Person) -> None:
    other = person_of((await log_in(auth, acme.email)).json())

    reply = await auth.post("/api/v1/auth/logout-all", headers=acme.bearer)

    assert reply.status_code == 200
    assert await is_shut_out(auth, acme)
    assert await is_shut_out(auth, other)
    refreshed = await auth.post("/api/v1/auth/refresh", json={"refresh_token": other.refresh_token})
    assert refreshed.status_code == 401
    assert (await auth.get(ME, headers=globex.bearer)).status_code == 200


async def test_replicas_without_redis_check_exactly_the_limit(start_auth: StartAuth) -> None:
    away = {
        "redis_url": f"redis://127.0.0.1:{free_port()}",
        "rate_limits": RELAXED | {"login": "5/60"},
    }
    replicas = [await start_auth(**away) for _ in range(2)]
    email = new_email()

    statuses = [(await log_in(replicas[i % 2], email, f"guess {i}")).status_code for i in range(20)]

    assert sorted(statuses) == [401] * 5 + [429] * 15

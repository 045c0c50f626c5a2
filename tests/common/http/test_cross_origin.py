"""Which pages may use a company's credentials."""

from dataclasses import replace

import httpx
import pytest

from libs.common.http.cross_origin import origin_of
from libs.common.security import CallerKind, Scope
from tests.common.http.conftest import Callers

NOTE = "/api/v1/note/0192f0c1-2d34-7e5f-8a9b-0c1d2e3f4a5b"
SHOP = "https://shop.example"
"""The one page that the sample service lets browsers come from at all."""
OURS = "https://ours.example"


@pytest.fixture
def named(callers: Callers) -> dict[str, str]:
    """Somebody whose company has named a page of its own; another than the platform's."""
    return naming(callers, "ann", OURS)


def naming(
    callers: Callers, name: str, *origins: str, kind: CallerKind = CallerKind.USER
) -> dict[str, str]:
    headers = callers.add(name, Scope.AGENTS_READ, Scope.AGENTS_WRITE, kind=kind)
    callers.known[name] = replace(callers.known[name], origins=frozenset(origins))
    return headers


class TestCallersWhoseCompanyNamedItsPages:
    @pytest.mark.parametrize("kind", [CallerKind.USER, CallerKind.API_KEY])
    @pytest.mark.parametrize("origin", [SHOP, "null", "https://ours.example.evil.example", ""])
    async def test_are_refused_from_other_pages(
        self, client: httpx.AsyncClient, callers: Callers, kind: CallerKind, origin: str
    ) -> None:
        headers = naming(callers, "ann", OURS, kind=kind) | {"origin": origin}

        reply = await client.get(NOTE, headers=headers)

        assert (reply.status_code, reply.json()["code"]) == (403, "origin_not_allowed")
        # Nor does the page read that.
        assert "access-control-allow-origin" not in reply.headers
        assert "origin" in reply.headers["vary"].lower()

    async def test_have_done_nothing_when_they_are_refused(
        self, client: httpx.AsyncClient, named: dict[str, str]
    ) -> None:
        first = await client.post("/api/v1/note", json={"text": "x"}, headers=named)
        refused = await client.post(
            "/api/v1/note", json={"text": "x"}, headers=named | {"origin": SHOP}
        )
        second = await client.post("/api/v1/note", json={"text": "x"}, headers=named)

        assert (first.json()["run"], refused.status_code, second.json()["run"]) == (1, 403, 2)

    async def test_are_not_shown_replies_that_were_kept(
        self, client: httpx.AsyncClient, named: dict[str, str]
    ) -> None:
        once = named | {"idempotency-key": "a-key-of-mine"}
        await client.post("/api/v1/note", json={"text": "x"}, headers=once)

        replayed = await client.post(
            "/api/v1/note", json={"text": "x"}, headers=once | {"origin": SHOP}
        )

        assert (replayed.status_code, replayed.json()["code"]) == (403, "origin_not_allowed")

    @pytest.mark.parametrize(
        "origin", [OURS, "http://sample", "https://sample", "http://localhost:8543"]
    )
    async def test_are_let_in_from_those_pages_and_from_ours(
        self, client: httpx.AsyncClient, named: dict[str, str], origin: str
    ) -> None:
        assert (await client.get(NOTE, headers=named | {"origin": origin})).status_code == 200

    async def test_are_let_in_from_elsewhere_than_browsers(
        self, client: httpx.AsyncClient, named: dict[str, str]
    ) -> None:
        assert (await client.get(NOTE, headers=named)).status_code == 200

    async def test_reach_public_routes_from_any_page(
        self, client: httpx.AsyncClient, named: dict[str, str]
    ) -> None:
        reply = await client.post("/api/v1/note/public", headers=named | {"origin": SHOP})

        assert reply.json()["known"] is True
        assert reply.headers["access-control-allow-origin"] == SHOP

    async def test_are_told_of_the_pages_that_the_platform_allows(
        self, client: httpx.AsyncClient, callers: Callers
    ) -> None:
        headers = naming(callers, "ann", SHOP) | {"origin": SHOP}

        reply = await client.get(NOTE, headers=headers)

        assert reply.status_code == 200
        assert reply.headers["access-control-allow-origin"] == SHOP

    async def test_others_come_from_anywhere_as_before(
        self, client: httpx.AsyncClient, callers: Callers
    ) -> None:
        headers = naming(callers, "bob") | {"origin": "https://elsewhere.example"}

        assert (await client.get(NOTE, headers=headers)).status_code == 200


class TestOrigins:
    @pytest.mark.parametrize(
        ("url", "origin"),
        [
            ("https://App.Example.com/path?x#y", "https://app.example.com"),
            ("https://app.example.com:443", "https://app.example.com"),
            ("http://localhost:8543/", "http://localhost:8543"),
            ("http://[::1]:80", "http://[::1]"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("app.example.com", None),
            ("ftp://app.example.com", None),
            ("https://", None),
            ("https://app.example.com:port", None),
            ("https://[app", None),
            ("https://app.example.com:99999", None),
            ("", None),
        ],
    )
    def test_are_written_as_browsers_do(self, url: str, origin: str | None) -> None:
        assert origin_of(url) == origin

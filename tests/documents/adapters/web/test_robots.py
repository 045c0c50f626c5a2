"""robots.txt as sites write it, and when it cannot be had."""

import time

import pytest
from aiohttp import web

from libs.common.http.outbound import Outbound
from services.documents.adapters.web.fetcher import WebFetcher
from services.documents.adapters.web.robots import RememberedRobots, Robots
from services.documents.domain.web_addresses import read_address
from services.documents.domain.website_errors import PageNotFetched
from tests.documents.web import Site, serving


@pytest.fixture
def robots(outbound: Outbound) -> RememberedRobots:
    fetcher = WebFetcher(outbound=outbound, user_agent="Knowrithm/1.0", timeout_seconds=1)
    return RememberedRobots(fetcher=fetcher, agent="Knowrithm")


def test_rules_of_our_own_win_and_the_longest_match_counts() -> None:
    rules = Robots(
        "User-agent: *\nDisallow: /\n\nUser-agent: knowrithm\nDisallow: /a\nAllow: /a/b\n"
        "Disallow: /*.pdf$\nCrawl-delay: 2.5\nSitemap: https://shop.example/s.xml\n",
        "Knowrithm",
    )

    assert rules.allows("https://shop.example/")
    assert not rules.allows("https://shop.example/a/c")
    assert rules.allows("https://shop.example/a/b/c")
    assert not rules.allows("https://shop.example/x/terms.pdf")
    assert rules.delay_seconds == 2.5
    assert rules.sitemaps == ("https://shop.example/s.xml",)


@pytest.mark.parametrize("delay", ["-1", "nonsense", "1e999", ""])
def test_odd_delays(delay: str) -> None:
    assert 0 <= Robots(f"User-agent: *\nCrawl-delay: {delay}", "K").delay_seconds <= 30


def test_hostile_files_take_no_time() -> None:
    stars = "Disallow: /" + "*a" * 900
    rules = Robots("User-agent: *\n" + f"{stars}\n" * 50 + "Disallow: /" + "*" * 500 + "b$", "K")
    began = time.perf_counter()

    assert rules.allows("https://shop.example/" + "a" * 1900)

    assert time.perf_counter() - began < 2


async def test_is_asked_for_once(robots: RememberedRobots, site: Site) -> None:
    site.pages["/robots.txt"] = "User-agent: *\nDisallow: /private"
    for _ in range(3):
        rules = await robots.rules_of(read_address(site.to("/page")))
        assert not rules.allows(site.to("/private/x"))

    assert site.hits == ["/robots.txt"]


async def test_long_files_are_not_all_remembered(
    robots: RememberedRobots, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "User-agent: *\nDisallow: /private\n" + "# kettle\n" * 11_000
    async with serving(Site()) as second:
        for most, asked in ((250_000, [1, 1]), (150_000, [2, 1])):
            monkeypatch.setattr(f"{RememberedRobots.__module__}.MAX_KEPT_CHARS", most)
            fresh = RememberedRobots(fetcher=robots.fetcher, agent="Knowrithm")
            for one in (site, second):
                one.pages["/robots.txt"] = long
                one.hits.clear()
            for one in (site, second, second, site):
                rules = await fresh.rules_of(read_address(one.to("/page")))
                assert not rules.allows(one.to("/private"))

            assert [len(one.hits) for one in (site, second)] == asked


@pytest.mark.parametrize("status", [404, 403, 401, 400])
async def test_without_one_everything_is_allowed(
    robots: RememberedRobots, site: Site, status: int
) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status)

    site.pages["/robots.txt"] = answer
    assert (await robots.rules_of(read_address(site.url))).allows(site.to("/x"))


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_a_server_that_fails_is_left_alone(
    robots: RememberedRobots, site: Site, status: int
) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status)

    site.pages["/robots.txt"] = answer
    with pytest.raises(PageNotFetched):
        await robots.rules_of(read_address(site.url))

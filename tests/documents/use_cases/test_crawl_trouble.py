"""Crawls of sites that do harm, and crawls that are cut short."""

import asyncio
import gzip
from uuid import uuid4

import pytest
from aiohttp import web

from services.documents.domain.websites import (
    CrawlState,
    FoundBy,
    FoundPage,
    PageStatus,
    SiteStatus,
)
from services.documents.use_cases.start_crawl import CancelCrawl
from tests.documents.web import Crawler, Site, html, links, reasons, shop, unheard


class TestTrouble:
    async def test_huge_slow_and_failing_pages_fail_alone(
        self, crawler: Crawler, site: Site
    ) -> None:
        async def huge(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"content-type": "text/html"})
            await response.prepare(request)
            for _ in range(100):
                await response.write(b"<p>x</p>" * 20_000)
            return response

        async def bomb(_request: web.Request) -> web.Response:
            return web.Response(
                body=gzip.compress(b"<p>x</p>" * 4_000_000),
                headers={"content-type": "text/html", "content-encoding": "gzip"},
            )

        async def slow(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"content-type": "text/html"})
            await response.prepare(request)
            for _ in range(50):
                await response.write(b"<p>")
                await asyncio.sleep(0.1)
            return response

        async def broken(_request: web.Request) -> web.Response:
            return web.Response(status=500)

        shop(site)
        site.pages |= {
            "/": html("<p>Hi.</p>" + links("/huge", "/bomb", "/slow", "/broken", "/kettles")),
            "/huge": huge,
            "/bomb": bomb,
            "/slow": slow,
            "/broken": broken,
        }
        crawler.timeout_seconds = 0.8
        crawler.__post_init__()
        website = await crawler.add(site.to("/"))

        crawl = await crawler.run(website.id)

        found = await reasons(crawler, website.id)
        assert crawl.state == CrawlState.COMPLETED
        assert found["/huge"] == found["/bomb"] == "page_too_large"
        assert (found["/slow"], found["/broken"]) == ("timeout", "server_error")
        assert site.hits.count("/broken") == 3
        assert found["/kettles"] is None

    async def test_a_server_that_stops_answering_is_left_alone(
        self, crawler: Crawler, site: Site
    ) -> None:
        async def broken(_request: web.Request) -> web.Response:
            return web.Response(status=503)

        site.pages |= {f"/{n}": broken for n in range(40)}
        site.pages["/"] = html("<p>Hi.</p>" + links(*(f"/{n}" for n in range(40))))
        website = await crawler.add(site.to("/"))

        crawl = await crawler.run(website.id)

        assert (crawl.state, crawl.error_code) == (CrawlState.FAILED, "unreachable")
        assert len(site.fetched()) < 15
        assert (await crawler.website(website.id)).status == SiteStatus.FAILED

    async def test_says_why_nothing_was_found(self, crawler: Crawler, site: Site) -> None:
        site.pages["/robots.txt"] = "User-agent: *\nDisallow: /"
        site.pages["/"] = html("<p>Hi.</p>")
        website = await crawler.add(site.to("/"))

        crawl = await crawler.run(website.id)

        assert (crawl.state, crawl.error_code) == (CrawlState.FAILED, "robots")
        assert set(site.hits) == {"/robots.txt", "/sitemap.xml"}

    async def test_redirects_lead_nowhere_else(self, crawler: Crawler, site: Site) -> None:
        async def away(request: web.Request) -> web.Response:
            return web.Response(status=302, headers={"location": request.query["to"]})

        inside = ("http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://0.0.0.0/")
        site.pages["/"] = html(
            "<p>Hi.</p>" + links(*(f"/go?to={place}" for place in inside), "/loop")
        )
        site.pages |= {f"/go?to={place}": away for place in inside}

        async def loop(_request: web.Request) -> web.Response:
            return web.Response(status=302, headers={"location": "/loop"})

        site.pages["/loop"] = loop
        website = await crawler.add(site.to("/"))

        await crawler.run(website.id)

        found = await reasons(crawler, website.id)
        assert (
            sorted(str(reason) for path, reason in found.items() if path.startswith("/go"))
            == ["leads_elsewhere"] * 3
        )
        assert found["/loop"] == "too_many_redirects"
        assert site.hits.count("/loop") == 6

    async def test_a_crawl_of_an_agent_that_is_gone_ends(
        self, crawler: Crawler, site: Site
    ) -> None:
        website = await crawler.add(site.to("/"))
        crawler.agents.known.clear()

        crawl = await crawler.run(website.id)

        assert (crawl.state, crawl.error_code) == (CrawlState.FAILED, "agent_not_found")
        assert site.hits == []


class TestResuming:
    async def test_a_long_crawl_is_done_in_stretches(self, crawler: Crawler, site: Site) -> None:
        site.pages = {
            f"/{n}": html(f"<p>Number {n}.</p>" + links(f"/{2 * n}", f"/{2 * n + 1}"))
            for n in range(1, 60)
        }
        crawler.stretch_seconds = 0.05
        website = await crawler.add(site.to("/1"), max_depth=10)

        crawl = await crawler.run(website.id)

        assert (crawl.state, crawl.added) == (CrawlState.COMPLETED, 59)
        assert crawl.turn > 1
        fetched = site.fetched()
        assert set(site.pages) < set(fetched)
        assert len(fetched) == len(set(fetched))
        assert await crawler.jobs("documents.crawl") == crawl.turn + 1

    async def test_a_kill_anywhere_loses_and_doubles_nothing(
        self, crawler: Crawler, site: Site
    ) -> None:
        site.pages = {
            f"/{n}": html(f"<p>Number {n}.</p>" + links(f"/{2 * n}", f"/{2 * n + 1}"))
            for n in range(1, 40)
        }
        website = await crawler.add(site.to("/1"), max_depth=10)
        crawl = await crawler.start(website.id)
        # Killed again and again, at other moments; each time the job runs again as it was.
        for seconds in (0.001, 0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.05, 0.3):
            task = asyncio.create_task(crawler.crawl(crawl.id, turn=0, tell_progress=unheard))
            await asyncio.sleep(seconds)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        await crawler.crawl(crawl.id, turn=0, tell_progress=unheard)

        assert (await crawler.state(crawl.id)).state == CrawlState.COMPLETED
        documents = await crawler.documents()
        assert len(documents) == len({document.source_url for document in documents}) == 39
        assert await crawler.jobs("documents.index") == 39
        kept = {key[1] for key in crawler.blobs.kept}
        assert {f"documents/{document.blob_id}" for document in documents} <= kept

    async def test_a_worker_that_was_given_up_writes_nothing_more(
        self, crawler: Crawler, site: Site
    ) -> None:
        reached, go_on = asyncio.Event(), asyncio.Event()

        async def waiting(_request: web.Request) -> str:
            if not reached.is_set():
                reached.set()
                await go_on.wait()
            return html("<p>Here.</p>")

        site.pages["/"] = waiting
        website = await crawler.add(site.to("/"), max_depth=0)
        crawl = await crawler.start(website.id)
        paused = asyncio.create_task(crawler.crawl(crawl.id, turn=0, tell_progress=unheard))
        await reached.wait()

        await crawler.crawl(crawl.id, turn=0, tell_progress=unheard)
        go_on.set()
        await paused

        assert len(await crawler.documents()) == 1
        assert (await crawler.pages(website.id))["/"].status == PageStatus.CRAWLED
        assert (await crawler.state(crawl.id)).added == 1
        assert (await crawler.events()).count("website.crawled") == 1

    async def test_cancelling_stops_it_where_it_is(self, crawler: Crawler, site: Site) -> None:
        cancel = CancelCrawl(unit_of_work=crawler.tenant.unit_of_work)

        async def page(request: web.Request) -> str:
            if request.path == "/5":
                await cancel(website.id)
            n = int(request.path[1:])
            return html(f"<p>Number {n}.</p>" + links(f"/{n + 1}"))

        site.pages = {f"/{n}": page for n in range(20)}
        website = await crawler.add(site.to("/0"), max_depth=10)

        crawl = await crawler.run(website.id)

        assert crawl.state == CrawlState.CANCELLED
        assert len(await crawler.documents()) == 5
        assert (await crawler.website(website.id)).status == SiteStatus.ACTIVE
        # And the next crawl finds the rest.
        cancel = CancelCrawl(unit_of_work=crawler.tenant.unit_of_work)
        site.pages["/5"] = html("<p>Five.</p>" + links("/6"))
        assert (await crawler.run(website.id)).added == 6

    async def test_a_visit_that_inserts_pages_and_who_stops_it_do_not_wait_for_each_other(
        self, crawler: Crawler, site: Site
    ) -> None:
        website = await crawler.add(site.to("/"))
        crawl = await crawler.start(website.id)
        found = FoundPage(url=site.to("/a"), key="a", depth=1, found_by=FoundBy.LINK)
        async with crawler.tenant.unit_of_work() as visit:
            plan = await visit.crawls.begin(crawl.id, turn=0)
            assert plan is not None
            async with crawler.tenant.unit_of_work() as stop:
                # As all do that change a website: it is locked first, and then its crawl, which
                # the visit holds.
                assert await stop.websites.living(website.id, lock=True) is not None
                async with asyncio.timeout(10):
                    await visit.website_pages.add_found(website.id, [found], room=100)

        assert [page.url for page in (await crawler.pages(website.id)).values()] == [found.url]

    async def test_a_stale_job_is_left_alone(self, crawler: Crawler, site: Site) -> None:
        shop(site)
        website = await crawler.add(site.to("/"))
        crawl = await crawler.start(website.id)

        await crawler.crawl(crawl.id, turn=7, tell_progress=unheard)
        await crawler.crawl(uuid4(), turn=0, tell_progress=unheard)

        assert site.hits == []
        assert (await crawler.state(crawl.id)).state == CrawlState.QUEUED

    async def test_one_crawl_of_a_website_at_a_time(self, crawler: Crawler, site: Site) -> None:
        website = await crawler.add(site.to("/"))

        crawls = await asyncio.gather(*(crawler.start(website.id) for _ in range(8)))

        assert len({crawl.id for crawl in crawls}) == 1
        assert await crawler.jobs("documents.crawl") == 1


@pytest.mark.parametrize("pause", [0.15])
async def test_is_polite(crawler: Crawler, site: Site, pause: float) -> None:
    site.pages = {f"/{n}": html(f"<p>Number {n}.</p>" + links(f"/{n + 1}")) for n in range(4)}
    crawler.pause_seconds = pause
    crawler.__post_init__()
    one = await crawler.add(site.to("/0"))
    two = await crawler.add(site.to("/1"))
    began = asyncio.get_running_loop().time()

    await asyncio.gather(crawler.run(one.id), crawler.run(two.id))

    # All pages but robots.txt, which is asked for before the first turn.
    asked = len(site.hits) - site.hits.count("/robots.txt")
    assert asyncio.get_running_loop().time() - began >= pause * (asked - 1)

"""Crawls of real sites: what becomes a document, what does not, and what a second crawl does."""

import asyncio
import gzip
from typing import Any
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
from tests.documents.web import Crawler, Site, html, links, unheard


def shop(site: Site) -> None:
    """Give a site three pages, a sitemap and a menu."""
    site.pages |= {
        "/": html("<p>We sell kettles.</p>" + links("/kettles", "/about/"), title="Kettle shop"),
        "/kettles": html("<p>The warranty of a kettle is two years.</p>", title="Kettles"),
        "/about/": html("<p>We are three people in a garage.</p>", title="About"),
    }


async def reasons(crawler: Crawler, source_id: Any) -> dict[str, str | None]:
    return {path: page.reason for path, page in (await crawler.pages(source_id)).items()}


class TestCrawl:
    async def test_pages_become_documents_with_their_titles_and_addresses(
        self, crawler: Crawler, site: Site
    ) -> None:
        shop(site)
        website = await crawler.add(site.to("/"))

        crawl = await crawler.run(website.id)

        documents = await crawler.documents()
        assert crawl.state == CrawlState.COMPLETED
        assert (crawl.added, crawl.failed) == (3, 0)
        assert [document.source_url for document in documents] == [
            site.to("/"),
            site.to("/about/"),
            site.to("/kettles"),
        ]
        assert [document.filename for document in documents] == ["Kettle shop", "About", "Kettles"]
        text = await crawler.content(documents[2])
        assert "two years" in text
        assert "All rights reserved" not in text
        assert "Home" not in text
        assert await crawler.jobs("documents.index") == 3
        assert (await crawler.website(website.id)).status == SiteStatus.ACTIVE
        assert (await crawler.events()).count("document.uploaded") == 3
        assert (await crawler.events())[-1] == "website.crawled"

    async def test_pages_of_other_tenants_are_theirs(
        self, crawler: Crawler, site: Site, globex: Any
    ) -> None:
        shop(site)
        website = await crawler.add(site.to("/"))
        await crawler.run(website.id)

        async with globex.unit_of_work() as uow:
            assert await uow.websites.living(website.id) is None
            assert await uow.website_pages.of_source(website.id, offset=0, limit=10) == ([], 0)
            assert await uow.crawls.under_way(website.id) is None

    async def test_a_second_crawl_changes_only_what_has_changed(
        self, crawler: Crawler, site: Site
    ) -> None:
        shop(site)
        website = await crawler.add(site.to("/"))
        await crawler.run(website.id)
        before = await crawler.documents()
        site.pages["/kettles"] = html("<p>The warranty is now five years.</p>", title="Kettles")
        # What surrounds the content is not the content.
        site.pages["/about/"] = html(
            "<p>We are three people in a garage.</p>", title="About"
        ).replace("All rights reserved", "Served at 12:31:07")

        crawl = await crawler.run(website.id)

        assert (crawl.added, crawl.changed, crawl.unchanged) == (0, 1, 2)
        after = await crawler.documents()
        assert [document.id for document in after] == [document.id for document in before]
        assert [document.version for document in after] == [1, 1, 2]
        assert await crawler.jobs("documents.index") == 4
        assert "five years" in await crawler.content(after[2])

    async def test_a_server_that_knows_versions_need_not_send_pages_again(
        self, crawler: Crawler, site: Site
    ) -> None:
        async def page(request: web.Request) -> web.Response:
            if request.headers.get("if-none-match") == '"v1"':
                return web.Response(status=304)
            text = html("<p>Always the same.</p>")
            return web.Response(text=text, content_type="text/html", headers={"etag": '"v1"'})

        site.pages["/"] = page
        website = await crawler.add(site.to("/"), max_depth=0)
        await crawler.run(website.id)

        crawl = await crawler.run(website.id)

        assert crawl.unchanged == 1
        assert (await crawler.pages(website.id))["/"].http_status == 304
        # And once more, with what is remembered of the answer without a body.
        assert (await crawler.run(website.id)).unchanged == 1

    async def test_a_page_that_is_gone_twice_is_taken_out(
        self, crawler: Crawler, site: Site
    ) -> None:
        shop(site)
        website = await crawler.add(site.to("/"))
        await crawler.run(website.id)
        del site.pages["/kettles"]

        first = await crawler.run(website.id)
        assert (len(await crawler.documents()), first.removed) == (3, 0)
        second = await crawler.run(website.id)

        assert second.removed == 1
        assert [document.filename for document in await crawler.documents()] == [
            "Kettle shop",
            "About",
        ]
        assert await crawler.jobs("documents.purge_vectors") == 1
        # It can come back.
        shop(site)
        assert (await crawler.run(website.id)).added == 1

    async def test_what_is_gone_or_was_named_in_vain_makes_room(
        self, crawler: Crawler, site: Site
    ) -> None:
        shop(site)
        website = await crawler.add(site.to("/"))
        junk = FoundPage(url=site.to("/junk"), key="junk", depth=1, found_by=FoundBy.VISITOR)
        async with crawler.tenant.unit_of_work() as uow:
            await uow.website_pages.add_found(website.id, [junk], room=100)
        await crawler.run(website.id)
        site.pages["/"] = html("<p>We sell cups now.</p>" + links("/about/"))
        del site.pages["/kettles"]
        assert "not_found" in (await reasons(crawler, website.id)).values()

        for _ in range(3):
            await crawler.run(website.id)

        assert sorted(await crawler.pages(website.id)) == ["/", "/about"]
        assert len(await crawler.documents()) == 2

    async def test_a_document_that_somebody_deleted_stays_deleted(
        self, crawler: Crawler, site: Site
    ) -> None:
        shop(site)
        website = await crawler.add(site.to("/"))
        await crawler.run(website.id)
        unwanted = (await crawler.documents())[2]
        async with crawler.tenant.unit_of_work() as uow:
            document = await uow.documents.live(unwanted.id, lock=True)
            assert document is not None
            document.deleted_at = document.created_at
        site.pages["/kettles"] = html("<p>Changed meanwhile.</p>", title="Kettles")

        for _ in range(2):
            await crawler.run(website.id)

            assert len(await crawler.documents()) == 2
            assert (await reasons(crawler, website.id))["/kettles"] == "document_deleted"

    async def test_the_same_page_under_many_addresses_is_one(
        self, crawler: Crawler, site: Site
    ) -> None:
        async def moved(_request: web.Request) -> web.Response:
            return web.Response(status=301, headers={"location": "/kettles"})

        shop(site)
        site.pages["/"] = html(
            links(
                "/kettles?utm_source=mail",
                "/kettles#warranty",
                "/kettles/",
                "/old",
                "/print?page=kettles",
                "/amp/kettles",
                "/KETTLES",
            ),
            title="Kettle shop",
        )
        site.pages["/kettles/"] = site.pages["/kettles"]
        site.pages["/old"] = moved
        site.pages["/print?page=kettles"] = site.pages["/kettles"]
        site.pages["/amp/kettles"] = html(
            "<p>Kettles, for telephones.</p>", head='<link rel="canonical" href="/kettles">'
        )
        website = await crawler.add(site.to("/"))

        await crawler.run(website.id)

        assert [document.filename for document in await crawler.documents()] == [
            "Kettle shop",
            "Kettles",
        ]
        found = await reasons(crawler, website.id)
        assert found == {
            "/": None,
            "/kettles": None,
            "/old": "redirect",
            "/print?page=kettles": "duplicate",
            "/amp/kettles": "canonical",
            "/KETTLES": "not_found",
        }

    async def test_two_pages_that_each_call_the_other_the_real_one(
        self, crawler: Crawler, site: Site
    ) -> None:
        site.pages["/"] = html("<p>One.</p>" + links("/b"), head='<link rel="canonical" href="/b">')
        site.pages["/b"] = html("<p>Two.</p>", head='<link rel="canonical" href="/">')
        website = await crawler.add(site.to("/"))

        await crawler.run(website.id)

        assert [document.source_url for document in await crawler.documents()] == [site.to("/b")]

    async def test_keeps_to_robots_and_meta(self, crawler: Crawler, site: Site) -> None:
        shop(site)
        site.pages |= {
            "/robots.txt": "User-agent: *\nDisallow: /private\nAllow: /private/open$\n",
            "/": html(
                "<p>Hello.</p>"
                + links("/private/a", "/private/open", "/noindex", "/header")
                + '<p><a rel="nofollow" href="/unfollowed">x</a></p>'
            ),
            "/private/a": html("<p>Secret.</p>"),
            "/private/open": html("<p>Open.</p>", title="Open"),
            "/noindex": html(
                "<p>Not me.</p>" + links("/behind"),
                head='<meta name="robots" content="noindex, follow">',
            ),
            "/behind": html("<p>Behind.</p>", title="Behind"),
            "/unfollowed": html("<p>Unfollowed.</p>"),
        }

        async def header(_request: web.Request) -> web.Response:
            text = html("<p>Not me either.</p>" + links("/nowhere"))
            return web.Response(
                text=text, content_type="text/html", headers={"x-robots-tag": "noindex, nofollow"}
            )

        site.pages["/header"] = header
        website = await crawler.add(site.to("/"))

        await crawler.run(website.id)

        assert [document.filename for document in await crawler.documents()] == [
            "A page",
            "Behind",
            "Open",
        ]
        found = await reasons(crawler, website.id)
        assert found["/private/a"] == "robots"
        assert (found["/noindex"], found["/header"]) == ("noindex", "noindex")
        assert {"/private/a", "/unfollowed", "/nowhere"}.isdisjoint(site.hits)

    async def test_allowed_and_disallowed_paths_depth_and_cap(
        self, crawler: Crawler, site: Site
    ) -> None:
        site.pages = {
            f"/docs/{n}": html(
                f"<p>Number {n}.</p>" + links(f"/docs/{n + 1}", "/blog", "/docs/x/1")
            )
            for n in range(9)
        }
        site.pages["/blog"] = site.pages["/docs/x/1"] = html("<p>Elsewhere.</p>")
        website = await crawler.add(
            site.to("/docs/0"),
            allowed_paths=("/docs/",),
            disallowed_paths=("/docs/x*",),
            max_depth=4,
        )
        await crawler.run(website.id)
        assert site.fetched() == [f"/docs/{n}" for n in range(5)]

        small = await crawler.add(site.to("/docs/5"), allowed_paths=("/docs/",), max_pages=2)
        await crawler.run(small.id)

        known = await crawler.pages(small.id)
        assert [path for path, page in known.items() if page.document_id] == ["/docs/5", "/docs/6"]

    async def test_single_pages_and_lists(self, crawler: Crawler, site: Site) -> None:
        shop(site)
        website = await crawler.add(
            site.to("/kettles"), seed_urls=(site.to("/about/"),), max_depth=0
        )

        await crawler.run(website.id)

        assert site.fetched() == ["/kettles", "/about/"]

    async def test_sitemaps_with_their_index_packed_and_broken(
        self, crawler: Crawler, site: Site
    ) -> None:
        def listed(*places: str, kind: str = "urlset") -> str:
            inner = "url" if kind == "urlset" else "sitemap"
            entries = "".join(f"<{inner}><loc>{place}</loc></{inner}>" for place in places)
            space = "http://www.sitemaps.org/schemas/sitemap/0.9"
            return f'<?xml version="1.0"?><{kind} xmlns="{space}">{entries}</{kind}>'

        async def packed(_request: web.Request) -> web.Response:
            content = gzip.compress(listed(*(site.to(f"/p/{n}") for n in range(20))).encode())
            return web.Response(body=content, content_type="application/gzip")

        async def bomb(_request: web.Request) -> web.Response:
            return web.Response(body=gzip.compress(b"<" + b"a" * 90_000_000))

        site.pages |= {f"/p/{n}": html(f"<p>Page {n}.</p>", title=f"P {n}") for n in range(20)}
        site.pages |= {
            "/": html("<p>No links.</p>"),
            "/robots.txt": f"Sitemap: {site.to('/index.xml')}\nSitemap: {site.to('/bomb.xml.gz')}",
            "/index.xml": listed(
                site.to("/a.xml.gz"),
                site.to("/index.xml"),
                site.to("/evil.xml"),
                kind="sitemapindex",
            ),
            "/a.xml.gz": packed,
            "/bomb.xml.gz": bomb,
            "/evil.xml": '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
            "<urlset><url><loc>&e;</loc></url></urlset>",
        }
        website = await crawler.add(site.to("/"))

        crawl = await crawler.run(website.id)

        assert crawl.added == 21
        assert (await crawler.pages(website.id))["/p/7"].found_by == "sitemap"

    async def test_soft_404s_and_pages_without_text(self, crawler: Crawler, site: Site) -> None:
        words = " ".join(f"word{n}" for n in range(60))

        async def anything(request: web.Request) -> str:
            return html(f"<p>Sorry, {request.path} is not here. {words}</p>", title="Sorry")

        shop(site)
        site.pages["/"] = html(
            "<p>Hello.</p>" + links("/kettles", "/lost", "/app"), title="Kettle shop"
        )
        site.pages["/app"] = "<!doctype html><html><body><div id=root></div><script>x()</script>"
        site.pages["*"] = anything
        website = await crawler.add(site.to("/"))

        await crawler.run(website.id)

        found = await reasons(crawler, website.id)
        assert (found["/lost"], found["/app"]) == ("soft_not_found", "no_text")
        assert len(await crawler.documents()) == 2

    async def test_endless_sites_end(self, crawler: Crawler, site: Site) -> None:
        async def endless(request: web.Request) -> str:
            day = int(request.query.get("day", "0"))
            path = request.path.rstrip("/")
            return html(
                f"<p>Calendar of day {day} at {path}.</p>"
                + links(f"/calendar?day={day + 1}", f"/calendar?day={day - 1}", f"{path}/again/")
            )

        site.pages["*"] = endless
        website = await crawler.add(site.to("/"), max_pages=25, max_depth=10)

        crawl = await crawler.run(website.id)

        assert crawl.state == CrawlState.COMPLETED
        assert len(await crawler.documents()) <= 25
        assert len(site.hits) < 60
        assert len(await crawler.pages(website.id)) < 250
        assert not any(hit.count("again") > 3 for hit in site.hits)

    async def test_charsets_that_are_declared_wrongly_or_not_at_all(
        self, crawler: Crawler, site: Site
    ) -> None:
        page = html("<p>Größe: fünf Füße, 日本</p>", title="Maße")

        def sent(body: bytes, kind: str) -> Any:
            async def answer(_request: web.Request) -> web.Response:
                return web.Response(body=body, headers={"content-type": kind})

            return answer

        words = "Die Größe der Tür beträgt fünf Füße; für größere Räume gäbe es schönere. " * 5
        german = html(f"<p>{words}</p>", title="Maße eins")
        japanese = html("<p>日本語のページです。</p>", title="頁")
        site.pages |= {
            "/": html(links("/utf8", "/latin", "/meta", "/sjis", "/utf16")),
            "/utf8": sent(page.encode(), "text/html; charset=iso-8859-1"),
            "/latin": sent(german.encode("cp1252"), "text/html; charset=utf-8"),
            "/meta": sent(
                german.replace("eins", "zwei")
                .replace("<head>", '<head><meta charset="windows-1252">')
                .encode("cp1252"),
                "text/html",
            ),
            "/sjis": sent(japanese.encode("shift_jis"), "text/html; charset=Shift_JIS"),
            "/utf16": sent(
                ("\ufeff" + html("<p>Δοκιμή</p>", title="Δ")).encode("utf-16-le"), "text/html"
            ),
        }
        website = await crawler.add(site.to("/"))

        await crawler.run(website.id)

        texts = {
            (document.source_url or "").rpartition("/")[2]: await crawler.content(document)
            for document in await crawler.documents()
        }
        assert "fünf Füße, 日本" in texts["utf8"]
        assert "fünf Füße" in texts["meta"]
        assert "日本語のページ" in texts["sjis"]
        assert "Δοκιμή" in texts["utf16"]
        assert "fünf Füße" in texts["latin"]

    async def test_files_are_read_and_pictures_are_not(self, crawler: Crawler, site: Site) -> None:
        def sent(body: bytes, kind: str) -> Any:
            async def answer(_request: web.Request) -> web.Response:
                return web.Response(body=body, content_type=kind)

            return answer

        site.pages |= {
            "/": html(links("/terms.txt", "/feed", "/pic", "/program")),
            "/terms.txt": sent(b"Terms: pay within 30 days.", "text/plain"),
            "/feed": sent(b'<?xml version="1.0"?><rss><channel/></rss>', "application/rss+xml"),
            "/pic": sent(b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, "image/png"),
            "/program": sent(b"MZ\x90\x00\x01" * 20, "application/octet-stream"),
        }
        website = await crawler.add(site.to("/"))

        await crawler.run(website.id)

        documents = await crawler.documents()
        assert [document.filename for document in documents] == ["A page", "terms.txt"]
        found = await reasons(crawler, website.id)
        assert found["/feed"] == found["/pic"] == found["/program"] == "unsupported_type"


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

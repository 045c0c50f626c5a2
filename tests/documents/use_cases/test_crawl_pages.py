"""What a crawl reads of a site: which pages, how deep, in which charset, and which files."""

import gzip
from typing import Any

from aiohttp import web

from services.documents.domain.websites import (
    CrawlState,
)
from tests.documents.web import Crawler, Site, html, links, reasons, shop


class TestPages:
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

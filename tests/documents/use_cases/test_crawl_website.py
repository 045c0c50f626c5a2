"""Crawls of real sites: what becomes a document, and what a second crawl does."""

from typing import Any

from aiohttp import web

from services.documents.domain.websites import (
    CrawlState,
    FoundBy,
    FoundPage,
    SiteStatus,
)
from tests.documents.web import Crawler, Site, html, links, reasons, shop


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

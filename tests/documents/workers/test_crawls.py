"""Crawls through the queue: by schedule and by turns, to the end, and what is left of a website."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from libs.common.database import Database
from libs.common.jobs.runner import JobRunner
from services.documents.domain.documents import Labels, Status
from services.documents.domain.jobs import CrawlWebsite, FetchDocument, ForgetWebsite
from services.documents.domain.websites import SiteStatus
from services.documents.repositories.crawl_schedule import CrawlSchedule
from services.documents.use_cases.delete_website import DeleteWebsite, PurgeWebsite
from services.documents.use_cases.manage_websites import AddressCheck
from services.documents.use_cases.note_addresses import NoteAddresses
from services.documents.use_cases.start_crawl import StartDueCrawl
from services.documents.workers.crawls import ScheduleLoop
from tests.documents.cast import Tenant
from tests.documents.web import Crawler, Site, html, links, serving


@pytest.fixture
def runner(crawler: Crawler, database: Database, redis: Redis) -> JobRunner:
    """Does the jobs of crawls; those of other tests' tenants are not its."""

    async def crawl(job: CrawlWebsite, context: object) -> None:
        await crawler.crawl(job.crawl_id, turn=job.turn, tell_progress=unheard)

    async def fetch(job: FetchDocument, context: object) -> None:
        await crawler.fetch(job.document_id, version=job.version, attempt=1)

    async def forget(job: ForgetWebsite, context: object) -> None:
        purge = PurgeWebsite(unit_of_work=crawler.tenant.unit_of_work)
        await purge(job.source_id, crawl_id=job.crawl_id)

    return JobRunner(
        database,
        redis,
        "documents-web",
        {CrawlWebsite: crawl, FetchDocument: fetch, ForgetWebsite: forget},
        first_retry_seconds=0,
    )


async def unheard(share: float, stage: str) -> None:
    """Hear of progress, and do nothing."""


async def make_due(tenant: Tenant, source_id: UUID) -> None:
    async with tenant.unit_of_work() as uow:
        await uow.session.execute(
            text("UPDATE website_sources SET next_crawl_at = :at WHERE id = :id"),
            {"at": datetime.now(UTC) - timedelta(minutes=1), "id": source_id},
        )


class TestSchedule:
    async def test_due_websites_are_crawled_and_come_again(
        self, crawler: Crawler, site: Site, runner: JobRunner, database: Database
    ) -> None:
        site.pages["/"] = html("<p>We sell kettles.</p>")
        website = await crawler.add(site.to("/"), crawl_frequency_minutes=60, max_depth=0)
        rare = await crawler.add(site.to("/rare"), max_depth=0)
        start = StartDueCrawl(unit_of_work=crawler.tenant.unit_of_work)

        async def begin(tenant_id: UUID, source_id: UUID) -> bool:
            return tenant_id == crawler.tenant.id and await start(source_id)

        loop = ScheduleLoop(schedule=CrawlSchedule(database=database), start=begin)

        assert await loop.start_due() == 1
        assert await loop.start_due() == 0
        await runner.drain()

        after = await crawler.website(website.id)
        assert after.status == SiteStatus.ACTIVE
        assert after.next_crawl_at is not None
        assert after.next_crawl_at > datetime.now(UTC) + timedelta(minutes=50)
        assert site.fetched() == ["/"]
        assert (await crawler.website(rare.id)).last_crawled_at is None
        await make_due(crawler.tenant, website.id)
        assert await loop.start_due() == 1

    async def test_tenants_take_turns(
        self, crawler: Crawler, site: Site, globex: Tenant, database: Database
    ) -> None:
        mine = [await crawler.add(site.to(f"/{n}"), crawl_frequency_minutes=60) for n in range(5)]
        for website in mine:
            await make_due(crawler.tenant, website.id)
        crawler.agents.known.add((globex.id, globex.agent_id))
        other = Crawler(
            globex,
            crawler.blobs,
            crawler.agents,
            crawler.reader,
            crawler.redis,
            crawler.outbound,
        )
        theirs = await other.add(site.to("/"), crawl_frequency_minutes=60)

        due = await CrawlSchedule(database=database).due(limit=10_000)

        own = [pair for pair in due if pair[0] in (crawler.tenant.id, globex.id)]
        assert (globex.id, theirs.id) in own[:2]
        assert len(own) == 6


class TestDeleting:
    async def test_hides_at_once_and_purges_soon(
        self, crawler: Crawler, site: Site, runner: JobRunner
    ) -> None:
        site.pages["/"] = html("<p>We sell kettles.</p>" + links("/a", "/b"))
        site.pages |= {"/a": html("<p>One.</p>"), "/b": html("<p>Two.</p>")}
        website = await crawler.add(site.to("/"))
        await crawler.run(website.id)
        delete = DeleteWebsite(unit_of_work=crawler.tenant.unit_of_work)

        task = await delete(website.id)

        assert await crawler.documents() == []
        await runner.drain()
        assert task is not None
        assert (await crawler.state(task.id)).state == "completed"
        assert await crawler.jobs("documents.purge_vectors") == 3
        assert (await crawler.events()).count("document.deleted") == 3
        assert await delete(website.id) is None


class TestAddresses:
    async def test_become_documents_and_are_looked_at_again(
        self, crawler: Crawler, site: Site, runner: JobRunner
    ) -> None:
        site.pages["/terms"] = html("<p>Pay within 30 days.</p>", title="Terms")
        note = NoteAddresses(
            caller_id=None,
            check_address=AddressCheck(policy=crawler.outbound.policy),
        )
        urls = [site.to("/terms"), site.to("/lost")]
        addresses, refused = note.check([*urls, "http://10.0.0.1/"])
        assert len(refused) == 1
        async with crawler.tenant.unit_of_work() as uow:
            noted = await note(uow, addresses, crawler.tenant.agent_id, {}, Labels())
        await runner.drain()

        documents = {d.id: d for d in await crawler.documents()}
        terms, lost = (documents[document.id] for document, _ in noted)
        assert (terms.filename, terms.status) == ("Terms", Status.PENDING)
        assert "30 days" in await crawler.content(terms)
        assert await crawler.jobs("documents.index") == 1
        assert (lost.status, lost.reason_code) == (Status.FAILED, "not_found")

        # Sent again, the one that failed is tried anew.
        site.pages["/lost"] = html("<p>Found.</p>", title="Found")
        async with crawler.tenant.unit_of_work() as uow:
            again = await note(uow, addresses, crawler.tenant.agent_id, {}, Labels())
        assert [known for _, known in again] == [True, True]
        await runner.drain()
        lost = await crawler.tenant.get(lost.id)
        assert (lost.status, lost.filename, lost.version) == (Status.PENDING, "Found", 2)

    async def test_a_double_is_named_unless_it_is_for_some_groups_only(
        self, crawler: Crawler, site: Site, runner: JobRunner
    ) -> None:
        note = NoteAddresses(
            caller_id=None, check_address=AddressCheck(policy=crawler.outbound.policy)
        )
        noted: list[UUID] = []
        for path in ("/terms", "/open", "/closed"):
            site.pages[path] = html("<p>Pay within 30 days.</p>", title="Terms")
            addresses, _ = note.check([site.to(path)])
            async with crawler.tenant.unit_of_work() as uow:
                if path == "/closed":
                    first = await uow.documents.live(noted[0], lock=True)
                    assert first is not None
                    first.groups = [uuid4()]
                found = await note(uow, addresses, crawler.tenant.agent_id, {}, Labels())
            noted += [document.id for document, _ in found]
            await runner.drain()

        told = [(await crawler.tenant.get(id_)).processing_error for id_ in noted]
        begins = "The agent has a document with the same content already"
        assert told == [None, f"{begins}: {noted[0]}.", f"{begins}."]

    async def test_two_sites_are_crawled_at_once(
        self, crawler: Crawler, site: Site, runner: JobRunner
    ) -> None:
        async with serving(Site()) as second:
            for one in (site, second):
                one.pages["/"] = html(f"<p>At {one.url}.</p>")
                website = await crawler.add(one.to("/"), max_depth=0)
                await crawler.start(website.id)
            await runner.drain()

            assert len(await crawler.documents()) == 2

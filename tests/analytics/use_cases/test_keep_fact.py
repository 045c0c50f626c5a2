import random

from libs.common.database import Database
from libs.common.events.catalogue.agents import AgentDeleted
from libs.common.events.catalogue.auth import ApiKeyRevoked, UserCreated, UserDeleted
from libs.common.events.catalogue.conversations import ConversationDeleted
from libs.common.events.catalogue.documents import DocumentDeleted, DocumentUploaded
from libs.common.events.envelope import Event
from libs.common.ids import new_id
from services.analytics.repositories.reports import ReportRepository, Row
from services.analytics.use_cases.keep_fact import KEPT
from tests.analytics.conftest import Company
from tests.analytics.story import answer, calls, failure, opening, question, rating


async def totals(database: Database, company: Company) -> tuple[Row, Row]:
    async with database.session(company.id, read_only=True) as session:
        reports = ReportRepository(session, company.id)
        return await reports.totals(), await reports.answers()


class TestKeepFact:
    async def test_counts_each_event_once(self, database: Database, acme: Company) -> None:
        events = [*opening(acme), question(acme), answer(acme), failure(acme), calls()]
        envelopes = await acme.hears(*events)
        before = await totals(database, acme)

        await acme.receives(events, envelopes)

        counted, answers = before
        assert await totals(database, acme) == before
        assert (counted["users"], counted["agents"], counted["questions"]) == (1, 1, 1)
        assert (answers["answers"], answers["failed"]) == (1, 1)
        assert (answers["prompt_tokens"], answers["cost_micros"]) == (150, 30)

    async def test_does_not_depend_on_order(
        self, database: Database, acme: Company, globex: Company
    ) -> None:
        story: list[Event] = [*opening(acme), question(acme), answer(acme), question(acme)]
        shuffled = random.Random(7).sample(story, len(story))

        await acme.hears(*story)
        await globex.hears(*shuffled)

        assert await totals(database, acme) == await totals(database, globex)

    async def test_a_beginning_that_comes_late_brings_nothing_back(
        self, database: Database, acme: Company
    ) -> None:
        await acme.hears(
            ConversationDeleted(conversation_id=acme.conversation_id, agent_id=acme.agent_id),
            AgentDeleted(agent_id=acme.agent_id),
            *opening(acme),
        )

        counted, _ = await totals(database, acme)
        assert (counted["conversations"], counted["deleted_conversations"]) == (0, 1)
        assert (counted["agents"], counted["deleted_agents"]) == (0, 1)

    async def test_whoever_is_deleted_is_counted_no_more(
        self, database: Database, acme: Company
    ) -> None:
        early, late = new_id(), new_id()
        await acme.hears(
            UserCreated(user_id=early, role="user"),
            UserDeleted(user_id=early),
            UserDeleted(user_id=late),
            UserCreated(user_id=late, role="user"),
            *opening(acme),
        )

        counted, _ = await totals(database, acme)
        assert counted["users"] == 1

    async def test_bills_an_answer_once_whatever_event_ids_say(
        self, database: Database, acme: Company
    ) -> None:
        billed = answer(acme)

        await acme.hears(billed)
        await acme.hears(billed)

        _, answers = await totals(database, acme)
        assert (answers["answers"], answers["cost_micros"]) == (1, 25)

    async def test_forgets_what_is_deleted(self, database: Database, acme: Company) -> None:
        document_id, key_id = new_id(), new_id()
        await acme.hears(
            *opening(acme),
            DocumentUploaded(document_id=document_id, agent_id=acme.agent_id, size_bytes=10),
            DocumentDeleted(document_id=document_id, agent_id=acme.agent_id),
            ConversationDeleted(conversation_id=acme.conversation_id, agent_id=acme.agent_id),
            ApiKeyRevoked(key_id=key_id),
        )

        counted, _ = await totals(database, acme)
        async with database.session(acme.id) as session:
            documents = await ReportRepository(session, acme.id).documents_by_state()

        assert (counted["conversations"], counted["deleted_conversations"]) == (0, 1)
        assert [(row["state"], row["documents"]) for row in documents] == [("processed", 1)]
        assert counted["api_keys"] == 1

    async def test_averages_the_newest_rating_of_each_answer(
        self, database: Database, acme: Company, globex: Company
    ) -> None:
        first, second = new_id(), new_id()
        await acme.hears(
            rating(acme, first, 2, version=2), rating(acme, first, 5), rating(acme, second, 5)
        )

        _, answers = await totals(database, acme)
        assert (answers["rated"], answers["average_rating"]) == (2, 3.5)
        _, others = await totals(database, globex)
        assert (others["rated"], others["average_rating"]) == (0, 0.0)

    async def test_is_not_seen_by_another_tenant(
        self, database: Database, acme: Company, globex: Company
    ) -> None:
        await acme.hears(*opening(acme), question(acme), answer(acme))

        counted, answers = await totals(database, globex)

        assert sum(counted.values()) == 0
        assert answers["answers"] == 0

    def test_every_kept_event_has_a_topic(self) -> None:
        topics = {"auth", "agents", "documents", "conversations", "usage"}
        assert {kind.topic for kind in KEPT} == topics

# ruff: noqa: RUF001 - Cyrillic words are what some of this is about.
import pytest

from services.documents.domain.errors import AgentNotFound, VectorStoreUnavailable
from tests.documents.library import Library

SHOP = """# Returns
Returns are accepted for thirty days after delivery. Send the parcel to Delft.
"""
STAFF = """# Holidays
Every employee has thirty days of paid holiday. The office closes at noon on Fridays.
"""


class TestSearchPassages:
    async def test_another_tenants_agent_is_unknown(
        self, library: Library, other_library: Library
    ) -> None:
        await other_library.add_indexed(SHOP)

        with pytest.raises(AgentNotFound):
            await library.search()("returns", agent_id=other_library.tenant.agent_id, limit=5)

    async def test_best_first_without_a_judgement_when_there_is_no_reranker(
        self, library: Library
    ) -> None:
        await library.add_indexed(SHOP)
        await library.add_indexed(STAFF)

        outcome = await library.search()(
            "holiday of every employee", agent_id=library.tenant.agent_id, limit=1, quotes=1
        )

        assert [passage.number for passage in outcome.passages] == [1]
        assert outcome.relevant is None
        assert outcome.knowledge_available
        [quote] = outcome.quotes
        assert quote.text == "Every employee has thirty days of paid holiday."
        assert STAFF[quote.char_start : quote.char_end] == quote.text

    async def test_the_reranker_orders_judges_and_quotes(self, library: Library) -> None:
        await library.add_indexed(SHOP)
        staff = await library.add_indexed(STAFF, filename="staff.md")

        outcome = await library.search(reranked=True)(
            "When closes the office on Fridays?",
            agent_id=library.tenant.agent_id,
            limit=5,
            quotes=1,
        )

        assert outcome.relevant is True
        assert outcome.passages[0].document_id == staff.id
        assert outcome.passages[0].rerank_score == outcome.best_score
        [quote] = outcome.quotes
        assert quote.passage_number == 1
        assert STAFF[quote.char_start : quote.char_end] == quote.text
        assert quote.text == "The office closes at noon on Fridays."

    async def test_what_the_reranker_cannot_read_is_judged_by_its_words(
        self, library: Library
    ) -> None:
        await library.add_indexed("# Гарантия\nГарантия на дрели составляет пять лет.\n")
        agent_id = library.tenant.agent_id

        told = await library.search(reranked=True)(
            "Какой срок гарантии на дрели?", agent_id=agent_id, limit=5, quotes=1
        )
        assert (told.relevant, told.best_score) == (True, None)
        assert [quote.text for quote in told.quotes] == ["Гарантия на дрели составляет пять лет."]
        other = await library.search(reranked=True)(
            "Какова высота Эвереста?", agent_id=agent_id, limit=5
        )
        assert other.relevant is False
        # Perhaps the embedding model knows both languages.
        foreign = await library.search(reranked=True)(
            "How long is the warranty?", agent_id=agent_id, limit=5
        )
        assert foreign.relevant is None
        assert library.reranker.calls == []

    async def test_what_the_reranker_cannot_read_comes_behind_what_it_can(
        self, library: Library
    ) -> None:
        russian = await library.add_indexed("# Возврат\nReturns: возврат в течение месяца.\n")
        english = await library.add_indexed(SHOP)

        outcome = await library.search(reranked=True)(
            "Are returns accepted after delivery?", agent_id=library.tenant.agent_id, limit=5
        )

        assert [one.document_id for one in outcome.passages] == [english.id, russian.id]
        assert outcome.relevant is True
        assert library.reranker.calls == [1]

    async def test_nothing_fits(self, library: Library) -> None:
        await library.add_indexed(SHOP)

        outcome = await library.search(reranked=True)(
            "quantum chromodynamics", agent_id=library.tenant.agent_id, limit=5, quotes=3
        )

        assert outcome.relevant is False
        assert outcome.quotes == ()

    async def test_no_documents(self, library: Library) -> None:
        outcome = await library.search(reranked=True)(
            "anything", agent_id=library.tenant.agent_id, limit=5
        )

        assert (outcome.passages, outcome.relevant) == ((), False)

    async def test_goes_on_without_its_reranker(self, library: Library) -> None:
        await library.add_indexed(SHOP)
        library.reranker.down = True

        outcome = await library.search(reranked=True)(
            "returns", agent_id=library.tenant.agent_id, limit=5, quotes=1
        )

        assert len(outcome.passages) == 1
        assert outcome.relevant is None
        assert outcome.warnings == ("rerank_unavailable",)

    async def test_says_that_the_store_is_out_of_reach(self, library: Library) -> None:
        library.vectors.down = True

        with pytest.raises(VectorStoreUnavailable):
            await library.search()("returns", agent_id=library.tenant.agent_id, limit=5)

    async def test_embeds_a_query_once(self, library: Library) -> None:
        search = library.search()

        for _ in range(3):
            await search("returns", agent_id=library.tenant.agent_id, limit=5)
        assert library.embedder.calls == [1]

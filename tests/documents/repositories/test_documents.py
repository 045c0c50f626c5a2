from services.documents.domain.documents import Status
from services.documents.repositories.documents import DocumentFilter
from tests.documents.cast import NOON, Tenant, make_document

EVERYTHING = DocumentFilter()


class TestPage:
    async def test_shows_own_documents_only(self, acme: Tenant, globex: Tenant) -> None:
        own = make_document(acme.agent_id)
        await acme.add(own)
        await globex.add(make_document(globex.agent_id))

        async with acme.unit_of_work(read_only=True) as uow:
            documents, total = await uow.documents.page(EVERYTHING, offset=0, limit=10)

        assert ([own.id], 1) == ([document.id for document in documents], total)

    async def test_newest_first_in_stretches(self, acme: Tenant) -> None:
        made = [make_document(acme.agent_id) for _ in range(5)]
        await acme.add(*made)

        async with acme.unit_of_work() as uow:
            first, total = await uow.documents.page(EVERYTHING, offset=0, limit=2)
            last, _ = await uow.documents.page(EVERYTHING, offset=4, limit=2)

        newest_first = sorted((document.id for document in made), reverse=True)
        assert total == 5
        assert newest_first[:2] == [document.id for document in first]
        assert newest_first[4:] == [document.id for document in last]

    async def test_narrows(self, acme: Tenant) -> None:
        failed = make_document(
            acme.agent_id, status=Status.FAILED, processing_error="The file is empty."
        )
        pdf = make_document(acme.agent_id, filename="100%_sure.pdf", document_type="pdf")
        gone = make_document(acme.agent_id, deleted_at=NOON)
        await acme.add(failed, pdf, gone)

        async def ids(wanted: DocumentFilter) -> list[object]:
            async with acme.unit_of_work() as uow:
                documents, total = await uow.documents.page(wanted, offset=0, limit=10)
            assert len(documents) == total
            return [document.id for document in documents]

        assert [failed.id] == await ids(DocumentFilter(status=Status.FAILED))
        assert [pdf.id] == await ids(DocumentFilter(document_type="pdf"))
        assert [pdf.id] == await ids(DocumentFilter(search="0%_S"))
        assert await ids(DocumentFilter(search="%sure%")) == []
        assert [gone.id] == await ids(DocumentFilter(deleted=True))


class TestAddIfNew:
    async def test_takes_the_same_content_once_for_each_agent(
        self, acme: Tenant, globex: Tenant
    ) -> None:
        first = make_document(acme.agent_id)
        again = make_document(acme.agent_id, content_hash=first.content_hash)
        other_agent = make_document(globex.agent_id, content_hash=first.content_hash)

        async with acme.unit_of_work() as uow:
            assert await uow.documents.add_if_new(first)
            assert not await uow.documents.add_if_new(again)
            assert await uow.documents.add_if_new(other_agent)

    async def test_takes_it_again_after_deletion(self, acme: Tenant) -> None:
        first = make_document(acme.agent_id, deleted_at=NOON)
        await acme.add(first)

        async with acme.unit_of_work() as uow:
            again = make_document(acme.agent_id, content_hash=first.content_hash)
            assert await uow.documents.add_if_new(again)

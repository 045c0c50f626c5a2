from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import cast
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from libs.common.database import DatabaseUnavailable
from libs.common.outbound import OutboundPolicy
from services.documents.domain.documents import Status
from services.documents.domain.errors import (
    AgentNotFound,
    AgentRequired,
    EmptyDocument,
    NothingUploaded,
    UnsupportedType,
    UploadTooLarge,
)
from services.documents.domain.readers import NO_GROUPS
from services.documents.domain.website_errors import AddressNotAllowed
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork, OpenUnitOfWork
from services.documents.use_cases.manage_websites import AddressCheck
from services.documents.use_cases.note_addresses import NoteAddresses
from services.documents.use_cases.upload_documents import HELD_BYTES, UploadDocuments
from tests.documents.cast import Form, KnownAgents, MemoryBlobs, Tenant

MAX_BYTES = 3 * HELD_BYTES


def sniff(head: bytes, filename: str) -> str | None:
    return None if head.startswith(b"MZ") else "txt"


@pytest.fixture
def upload(acme: Tenant, agents: KnownAgents, blobs: MemoryBlobs) -> UploadDocuments:
    return UploadDocuments(
        tenant_id=acme.id,
        caller_id=uuid4(),
        reader=NO_GROUPS,
        unit_of_work=acme.unit_of_work,
        blobs=blobs,
        agents=agents,
        addresses=NoteAddresses(
            caller_id=None,
            check_address=AddressCheck(policy=OutboundPolicy(allow_private=False)),
        ),
        sniff=sniff,
        max_bytes=MAX_BYTES,
    )


async def counts(tenant: Tenant) -> tuple[int, int, int]:
    """Return how many documents, jobs and events the tenant has."""
    async with tenant.unit_of_work() as uow:
        row = await uow.session.execute(
            text(
                "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM jobs),"
                " (SELECT count(*) FROM outbox)"
            )
        )
        documents, jobs, events = row.one()
    return documents, jobs, events


class TestUploadDocuments:
    async def test_another_tenants_agent_is_unknown(
        self, upload: UploadDocuments, acme: Tenant, globex: Tenant, blobs: MemoryBlobs
    ) -> None:
        large = b"x" * (HELD_BYTES + 1)

        with pytest.raises(AgentNotFound):
            await upload(Form([("a.txt", b"text"), ("b.txt", large)], globex.agent_id))

        assert await counts(acme) == (0, 0, 0)
        assert blobs.kept == {}

    @pytest.mark.parametrize("size", [5, HELD_BYTES + 5])
    async def test_keeps_the_file_and_queues_its_indexing(
        self, upload: UploadDocuments, acme: Tenant, blobs: MemoryBlobs, size: int
    ) -> None:
        content = b"x" * size

        outcome = await upload(Form([("../a/hand\x00book.txt", content)], acme.agent_id))

        [accepted] = outcome.accepted
        stored = await acme.get(accepted.document.id)
        assert (Status.PENDING, "handbook.txt", size) == (
            stored.status,
            stored.filename,
            stored.size_bytes,
        )
        assert str(stored.task_id)[0] == "d"
        assert [content] == list(blobs.kept.values())
        assert await counts(acme) == (1, 1, 1)

    async def test_many_small_files_do_not_pile_up_in_memory(
        self,
        upload: UploadDocuments,
        globex: Tenant,
        blobs: MemoryBlobs,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("services.documents.use_cases.upload_documents.HELD_TOTAL_BYTES", 250)
        files = [(f"{number}.txt", bytes([48 + number]) * 100) for number in range(5)]
        stored = []

        async def put(tenant_id: UUID, key: str, chunks: AsyncIterator[bytes]) -> None:
            stored.append(b"".join([chunk async for chunk in chunks]))

        monkeypatch.setattr(blobs, "put", put)

        with pytest.raises(AgentNotFound):
            await upload(Form(files, globex.agent_id))

        # Two were held until the agent was known not to be there.
        assert stored == [content for _, content in files[2:]]

    async def test_keeps_the_file_when_the_commit_may_have_happened(
        self,
        upload: UploadDocuments,
        acme: Tenant,
        blobs: MemoryBlobs,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        large = b"x" * (HELD_BYTES + 1)

        @asynccontextmanager
        async def lost_at_commit() -> AsyncIterator[DocumentsUnitOfWork]:
            async with acme.unit_of_work() as uow:
                yield uow
            raise DatabaseUnavailable

        torn = replace(upload, unit_of_work=cast("OpenUnitOfWork", lost_at_commit))

        with pytest.raises(DatabaseUnavailable):
            await torn(Form([("a.txt", large)], acme.agent_id))

        assert await counts(acme) == (1, 1, 1)
        assert list(blobs.kept.values()) == [large]

    async def test_one_bad_file_does_not_spoil_the_others(
        self, upload: UploadDocuments, acme: Tenant, blobs: MemoryBlobs
    ) -> None:
        form = Form(
            [
                ("empty.txt", b" \n"),
                ("good.txt", b"good"),
                ("program.pdf", b"MZ\x90"),
                ("huge.txt", b"x" * (MAX_BYTES + 1)),
            ],
            acme.agent_id,
            addresses=["http://10.0.0.1/secret"],
        )

        outcome = await upload(form)

        assert [item.document.filename for item in outcome.accepted] == ["good.txt"]
        assert [EmptyDocument, UnsupportedType, UploadTooLarge, AddressNotAllowed] == [
            type(item.error) for item in outcome.rejected
        ]
        assert len(blobs.kept) == 1

    async def test_recognises_the_same_content(
        self, upload: UploadDocuments, acme: Tenant, blobs: MemoryBlobs
    ) -> None:
        large = b"x" * (HELD_BYTES + 1)
        first = await upload(Form([("a.txt", b"text"), ("b.txt", large)], acme.agent_id))

        again = await upload(Form([("c.txt", large), ("d.txt", b"text")], acme.agent_id))

        assert [item.duplicate for item in again.accepted] == [True, True]
        assert [item.document.id for item in reversed(first.accepted)] == [
            item.document.id for item in again.accepted
        ]
        assert len(blobs.kept) == 2
        assert await counts(acme) == (2, 2, 2)

    async def test_tries_a_failed_document_again(
        self, upload: UploadDocuments, acme: Tenant, blobs: MemoryBlobs
    ) -> None:
        [first] = (await upload(Form([("a.txt", b"text")], acme.agent_id))).accepted
        async with acme.unit_of_work() as uow:
            document = await uow.documents.get(first.document.id)
            assert document is not None
            document.status, document.processing_error = Status.FAILED, "The file is missing."

        [again] = (await upload(Form([("a.txt", b"text")], acme.agent_id))).accepted

        stored = await acme.get(first.document.id)
        assert first.document.id == again.document.id
        assert (stored.status, stored.version) == (Status.PENDING, 2)
        assert (acme.id, f"documents/{stored.blob_id}") in blobs.kept
        assert await counts(acme) == (1, 2, 1)

    async def test_the_same_file_twice_in_one_form_is_one_document(
        self, upload: UploadDocuments, acme: Tenant, blobs: MemoryBlobs
    ) -> None:
        outcome = await upload(Form([("a.txt", b"text"), ("b.txt", b"text")], acme.agent_id))

        assert len({item.document.id for item in outcome.accepted}) == 1
        assert len(blobs.kept) == 1

    async def test_says_what_is_missing(self, upload: UploadDocuments, acme: Tenant) -> None:
        with pytest.raises(NothingUploaded):
            await upload(Form([], acme.agent_id))
        with pytest.raises(AgentRequired):
            await upload(Form([("a.txt", b"text")], None))

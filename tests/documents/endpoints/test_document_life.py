"""A document after its upload: tried again, given back, followed."""

import asyncio
import json
from typing import Any
from uuid import UUID

from tests.documents.endpoints.conftest import Company
from tests.documents.endpoints.test_documents import HANDBOOK


async def shown(company: Company, document_id: str) -> dict[str, Any]:
    reply = await company.request("GET", f"/document/{document_id}")
    document: dict[str, Any] = reply.json()["document"]
    return document


async def fail(company: Company, document_id: str) -> None:
    use = company.wiring.use_cases(company.tenant_id)
    await use.fail_document(
        UUID(document_id), version=1, code="corrupt_document", message="It is damaged."
    )


def events_of(text: str) -> list[dict[str, Any]]:
    return [
        json.loads(line.removeprefix("data: "))
        for line in text.splitlines()
        if line.startswith("data: ")
    ]


class TestRetry:
    async def test_a_failed_document_is_indexed_again(self, company: Company) -> None:
        [document] = (await company.upload(("handbook.md", HANDBOOK.encode()))).json()["documents"]
        await fail(company, document["id"])
        assert (await shown(company, document["id"]))["status"] == "failed"

        reply = await company.request("POST", f"/document/{document['id']}/retry")

        assert reply.status_code == 202
        assert reply.json()["document"]["status"] == "pending"
        assert reply.json()["task_id"] != document["id"]
        await company.index(document["id"], version=2)
        assert (await shown(company, document["id"]))["status"] == "processed"

    async def test_only_a_failed_one(self, company: Company) -> None:
        document = await company.add_indexed(HANDBOOK)

        reply = await company.request("POST", f"/document/{document['id']}/retry")

        assert (reply.status_code, reply.json()["code"]) == (409, "document_not_failed")
        await company.request("DELETE", f"/document/{document['id']}")
        reply = await company.request("POST", f"/document/{document['id']}/retry")
        assert reply.status_code == 404


class TestDownload:
    async def test_gives_the_file_back_as_an_attachment(self, company: Company) -> None:
        content = "Paketé 1, Rotterdam.\n".encode() * 9000
        [document] = (await company.upload(("né, 1.txt", content))).json()["documents"]

        reply = await company.request("GET", f"/document/{document['id']}/download")

        assert reply.status_code == 200
        assert reply.content == content
        assert reply.headers["content-type"] == "application/octet-stream"
        disposition = reply.headers["content-disposition"]
        assert disposition == "attachment; filename*=UTF-8''n%C3%A9%2C%201.txt"
        assert int(reply.headers["content-length"]) == len(content)

    async def test_tells_that_the_bytes_are_gone(self, company: Company) -> None:
        document = await company.add_indexed(HANDBOOK)
        async for blob in company.wiring.blobs.list_keys(company.tenant_id):
            await company.wiring.blobs.delete(company.tenant_id, [blob.key])

        reply = await company.request("GET", f"/document/{document['id']}/download")

        assert (reply.status_code, reply.json()["code"]) == (503, "file_missing")

    async def test_a_deleted_one_is_not_given(self, company: Company) -> None:
        document = await company.add_indexed(HANDBOOK)
        await company.request("DELETE", f"/document/{document['id']}")

        reply = await company.request("GET", f"/document/{document['id']}/download")

        assert reply.status_code == 404


class TestEvents:
    async def test_tell_each_change_until_the_document_is_processed(self, company: Company) -> None:
        [document] = (await company.upload(("handbook.md", HANDBOOK.encode()))).json()["documents"]
        following = asyncio.create_task(
            company.request("GET", f"/document/{document['id']}/events")
        )
        # The first look is at what waits.
        await asyncio.sleep(1.0)
        await company.index(document["id"])

        reply = await following

        assert reply.headers["content-type"].startswith("text/event-stream")
        events = events_of(reply.text)
        assert [event["status"] for event in events] == ["pending", "processed"]
        assert (events[0]["jobs_ahead"], events[-1]["jobs_ahead"]) == (0, None)
        assert events[-1]["progress"] == 1.0
        assert events[-1]["chunk_count"] >= 1

    async def test_tell_why_it_has_failed(self, company: Company) -> None:
        [document] = (await company.upload(("handbook.md", HANDBOOK.encode()))).json()["documents"]
        await fail(company, document["id"])

        reply = await company.request("GET", f"/document/{document['id']}/events")

        [event] = events_of(reply.text)
        assert (event["status"], event["processing_error_code"]) == ("failed", "corrupt_document")
        assert event["processing_error"]

    async def test_end_when_it_is_deleted(self, company: Company) -> None:
        [document] = (await company.upload(("handbook.md", HANDBOOK.encode()))).json()["documents"]
        following = asyncio.create_task(
            company.request("GET", f"/document/{document['id']}/events")
        )
        await asyncio.sleep(1.0)
        await company.request("DELETE", f"/document/{document['id']}")

        reply = await following

        assert [event["status"] for event in events_of(reply.text)] == ["pending"]

from typing import Any
from uuid import uuid4

import httpx
import pytest

from libs.common.http.access import Anonymous, CallerWith, InternalCaller, access_of
from services.documents.main import ROUTERS
from tests.documents.cast import WordEmbedder
from tests.documents.endpoints.conftest import MAX_UPLOAD_BYTES, Company

HANDBOOK = """# Returns
Returns are accepted for thirty days after delivery.

# Shipping
Parcels are sent from Rotterdam every morning.
"""
UNKNOWN = "0193e0a1-c2d3-7e5f-8a9b-0c1d2e3f4a5b"

ROUTES_OF_ONE_DOCUMENT = [
    ("GET", "/document/{id}", None),
    ("DELETE", "/document/{id}", None),
    ("PATCH", "/document/{id}/restore", None),
    ("POST", "/document/{id}/retry", None),
    ("GET", "/document/{id}/download", None),
    ("GET", "/document/{id}/events", None),
    ("DELETE", "/document/{id}/chunk", None),
    ("PATCH", "/document/{id}/chunk/restore-all", None),
    ("DELETE", "/document/bulk-delete", {"document_ids": ["{id}"]}),
]


def filled(body: dict[str, Any] | None, id_: str) -> dict[str, Any] | None:
    return {"document_ids": [id_]} if body else None


class TestStrangers:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "/document/upload"),
            ("GET", "/document"),
            ("GET", "/document/deleted"),
            ("GET", f"/document/agent/{UNKNOWN}"),
            ("GET", "/document/chunk/deleted"),
            ("DELETE", f"/document/chunk/{UNKNOWN}"),
            ("PATCH", f"/document/chunk/{UNKNOWN}/restore"),
            ("POST", "/search/document"),
            *(
                (method, path.replace("{id}", UNKNOWN))
                for method, path, _ in ROUTES_OF_ONE_DOCUMENT
            ),
        ],
    )
    async def test_without_credentials_nothing(
        self, client: httpx.AsyncClient, method: str, path: str
    ) -> None:
        reply = await client.request(method, f"/api/v1{path}")

        assert reply.status_code == 401
        assert reply.json()["error"] == reply.json()["message"]

    @pytest.mark.parametrize(("method", "path", "body"), ROUTES_OF_ONE_DOCUMENT)
    async def test_another_companys_document_is_like_none(
        self,
        company: Company,
        other_company: Company,
        method: str,
        path: str,
        body: dict[str, Any] | None,
    ) -> None:
        theirs = await other_company.add_indexed(HANDBOOK)

        replies = [
            await company.request(method, path.replace("{id}", id_), json=filled(body, id_))
            for id_ in (theirs["id"], UNKNOWN)
        ]

        assert [reply.status_code for reply in replies] == [404, 404]
        foreign, unknown = (reply.json() for reply in replies)
        for reply in (foreign, unknown):
            del reply["request_id"]
            reply["details"] = {}
        assert foreign == unknown
        assert (await other_company.request("GET", f"/document/{theirs['id']}")).is_success

    async def test_lists_show_own_documents_only(
        self, company: Company, other_company: Company
    ) -> None:
        theirs = await other_company.add_indexed(HANDBOOK)

        assert (await company.request("GET", "/document")).json()["documents"] == []
        of_agent = f"/document/agent/{theirs['agent_id']}"
        assert (await company.request("GET", of_agent)).status_code == 404
        search = {"query": "Rotterdam", "agent_id": theirs["agent_id"]}
        reply = await company.request("POST", "/search/document", json=search)
        assert reply.status_code == 404

    def test_every_route_says_who_may_come_in(self) -> None:
        for router in ROUTERS:
            for route in router.routes:
                access = access_of(route.dependant)  # type: ignore[attr-defined]  # an API route
                assert isinstance(access, CallerWith | Anonymous | InternalCaller)


class TestUpload:
    async def test_is_acknowledged_so_that_clients_wait(self, company: Company) -> None:
        reply = await company.upload(("handbook.md", HANDBOOK.encode()), team="support")

        body = reply.json()
        assert reply.status_code == 202
        assert (body["status"], body["success"]) == ("accepted", True)
        assert body["task_ids"] == [body["task_id"]]
        assert body["status_url"] == f"/api/v1/tasks/{body['task_id']}/status"
        assert "errors" not in body
        [document] = body["documents"]
        assert document["status"] == "pending"
        assert document["original_filename"] == document["filename"] == "handbook.md"
        assert document["metadata"] == {"team": "support"}

    async def test_partial_failure(self, company: Company) -> None:
        reply = await company.upload(
            ("handbook.md", HANDBOOK.encode()),
            ("empty.md", b""),
            ("huge.md", b"x" * (MAX_UPLOAD_BYTES + 1)),
            urls="ftp://example.com/",
        )

        body = reply.json()
        assert reply.status_code == 207
        assert (body["documents_processed"], body["documents_failed"]) == (1, 3)
        assert [error["code"] for error in body["errors"]] == [
            "empty_document",
            "upload_too_large",
            "url_not_allowed",
        ]
        assert "task_id" not in body

    @pytest.mark.parametrize(
        ("filename", "content", "status", "code"),
        [
            ("empty.txt", b"", 400, "empty_document"),
            ("huge.txt", b"x" * (MAX_UPLOAD_BYTES + 1), 413, "upload_too_large"),
            ("program.pdf", b"MZ\x90\x00\x03" + bytes(100), 415, "unsupported_type"),
        ],
    )
    async def test_a_single_bad_file_is_an_error(
        self, company: Company, filename: str, content: bytes, status: int, code: str
    ) -> None:
        reply = await company.upload((filename, content))

        assert (reply.status_code, reply.json()["code"]) == (status, code)
        assert (await company.request("GET", "/document")).json()["documents"] == []

    async def test_content_decides_not_the_name(self, company: Company) -> None:
        reply = await company.upload(("picture.png", b"%PDF-1.7\n" + b"1 0 obj\n" * 10))

        assert reply.json()["documents"][0]["document_type"] == "pdf"

    async def test_an_unknown_agent(self, company: Company) -> None:
        for agent_id in (str(uuid4()), "no-uuid"):
            reply = await company.upload(("a.md", b"text"), agent_id=agent_id)
            assert (reply.status_code, reply.json()["code"]) == (404, "agent_not_found")

    async def test_no_file_no_agent_no_form(self, company: Company) -> None:
        for more in (
            {"data": {"agent_id": str(company.agent_id)}, "files": []},
            {"files": [("file", ("a.md", b"text"))]},
            {"content": b"text", "headers": {"content-type": "text/plain"}},
            {"content": b"", "headers": {"content-type": "multipart/form-data; boundary=x"}},
        ):
            reply = await company.request("POST", "/document/upload", **more)
            assert reply.status_code == 400, reply.text

    async def test_an_address_alone_will_do(self, company: Company) -> None:
        body = {"agent_id": str(company.agent_id), "url": "https://example.com/"}

        reply = await company.request("POST", "/document/upload", json=body)

        assert (reply.status_code, reply.json()["status"]) == (202, "accepted")

    async def test_the_same_file_again(self, company: Company) -> None:
        document = await company.add_indexed(HANDBOOK)

        reply = await company.upload(("copy.md", HANDBOOK.encode()))

        body = reply.json()
        assert reply.status_code == 200
        assert body["documents"][0]["id"] == document["id"]
        assert body["documents"][0]["duplicate"] is True
        assert "task_id" not in body


class TestLists:
    async def test_pages_and_filters(self, company: Company) -> None:
        for name in ("a.md", "b.md", "c.md"):
            await company.add_indexed(f"{HANDBOOK}\nThis is {name}.", filename=name)

        page = (await company.request("GET", "/document?per_page=2")).json()
        assert [document["filename"] for document in page["documents"]] == ["c.md", "b.md"]
        assert page["pagination"] == {
            "page": 1,
            "per_page": 2,
            "total": 3,
            "pages": 2,
            "has_next": True,
            "has_prev": False,
        }
        found = (await company.request("GET", "/document?search=A.M&status=processed")).json()
        assert [document["filename"] for document in found["documents"]] == ["a.md"]
        assert (await company.request("GET", "/document?status=failed")).json()["documents"] == []
        of_agent = await company.request("GET", f"/document/agent/{company.agent_id}")
        assert of_agent.json()["pagination"]["total"] == 3

    @pytest.mark.parametrize("query", ["page=0", "per_page=101", "status=nonsense"])
    async def test_refuses_nonsense(self, company: Company, query: str) -> None:
        reply = await company.request("GET", f"/document?{query}")

        assert reply.status_code in (400, 422)
        assert reply.json()["message"]


class TestLifeCycle:
    async def test_deleted_hidden_restored(self, company: Company) -> None:
        document = await company.add_indexed(HANDBOOK)
        search = {"query": "parcels from Rotterdam", "agent_id": str(company.agent_id)}

        deleted = (await company.request("DELETE", f"/document/{document['id']}")).json()
        assert deleted["deleted_chunks_count"] >= 1
        assert (await company.request("GET", "/document")).json()["documents"] == []
        gone = (await company.request("GET", "/document/deleted")).json()
        assert [one["id"] for one in gone["deleted_documents"]] == [document["id"]]
        found = await company.request("POST", "/search/document", json=search)
        assert found.json()["results"] == []

        restored = await company.request("PATCH", f"/document/{document['id']}/restore")
        assert restored.status_code == 200
        assert (
            await company.request("PATCH", f"/document/{document['id']}/restore")
        ).status_code == 409
        await company.index(document["id"], version=2)
        found = await company.request("POST", "/search/document", json=search)
        assert found.json()["total_results"] >= 1

    async def test_bulk_delete_is_all_or_nothing(self, company: Company) -> None:
        first = await company.add_indexed(HANDBOOK)
        second = await company.add_indexed(HANDBOOK + "More.", filename="more.md")

        async def bulk_delete(*ids: str) -> httpx.Response:
            body = {"document_ids": list(ids)}
            return await company.request("DELETE", "/document/bulk-delete", json=body)

        assert (await bulk_delete(first["id"], UNKNOWN)).status_code == 404
        reply = await bulk_delete(first["id"], second["id"])
        assert reply.json()["deleted_documents_count"] == 2
        assert (await company.request("GET", "/document")).json()["documents"] == []

    async def test_single_chunks(self, company: Company) -> None:
        document = await company.add_indexed(HANDBOOK)
        path = f"/document/{document['id']}"
        [*chunks] = (await company.request("GET", path)).json()["chunks"]
        chunk = chunks[0]

        deleted = (await company.request("DELETE", f"/document/chunk/{chunk['id']}")).json()
        assert deleted["chunk_index"] == chunk["chunk_index"]
        listed = (await company.request("GET", "/document/chunk/deleted")).json()
        assert [one["id"] for one in listed["deleted_chunks"]] == [chunk["id"]]
        again = await company.request("DELETE", f"/document/chunk/{chunk['id']}")
        assert again.status_code == 404
        restore = f"/document/chunk/{chunk['id']}/restore"
        assert (await company.request("PATCH", restore)).status_code == 200
        assert (await company.request("PATCH", restore)).status_code == 409

        all_gone = (await company.request("DELETE", f"{path}/chunk")).json()
        assert all_gone["deleted_chunks_count"] == len(chunks)
        back = (await company.request("PATCH", f"{path}/chunk/restore-all")).json()
        assert back["restored_chunks_count"] == len(chunks)

        await company.request("DELETE", f"/document/chunk/{chunk['id']}")
        await company.request("DELETE", path)
        assert (await company.request("PATCH", restore)).status_code == 400


class TestSearch:
    async def test_finds_what_answers(self, company: Company) -> None:
        document = await company.add_indexed(HANDBOOK)

        body = {"query": "parcels from Rotterdam", "agent_id": str(company.agent_id), "limit": 1}
        reply = (await company.request("POST", "/search/document", json=body)).json()

        assert reply["total_results"] == 1
        [result] = reply["results"]
        assert result["document_id"] == document["id"]
        assert "Rotterdam" in result["content"]
        assert result["metadata"]["document_name"] == "handbook.md"
        body["include_content"] = False
        reply = (await company.request("POST", "/search/document", json=body)).json()
        assert reply["results"][0]["content"] is None

    async def test_models_out_of_reach(self, company: Company, embedder: WordEmbedder) -> None:
        embedder.down = True
        body = {"query": "parcels", "agent_id": str(company.agent_id)}

        reply = await company.request("POST", "/search/document", json=body)

        assert (reply.status_code, reply.json()["code"]) == (503, "embedding_unavailable")

    @pytest.mark.parametrize("query", ["", "   ", "x" * 200_000])
    async def test_refuses_nonsense(self, company: Company, query: str) -> None:
        body = {"query": query, "agent_id": str(company.agent_id)}

        reply = await company.request("POST", "/search/document", json=body)

        assert reply.status_code in (400, 413, 422)

"""A document that gets another file: shown as before until the new version is there."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.documents.endpoints.conftest import Company

OLD = "# Returns\n\nParcels return to Rotterdam within thirty days."
NEW = "# Returns\n\nParcels return to Lisbon within sixty days."
# What `LineParser` takes for a file with a password.
LOCKED = "%locked"


async def found(company: Company, query: str = "parcels return within days") -> list[str]:
    reply = await company.request(
        "POST",
        "/search/document",
        json={"query": query, "agent_id": str(company.agent_id), "limit": 5},
    )
    return [result["content"] for result in reply.json()["results"]]


async def uploaded(company: Company, text: str, name: str = "handbook.md", **fields: str) -> Any:
    reply = await company.upload((name, text.encode()), **fields)
    assert reply.status_code == 202, reply.text
    [document] = reply.json()["documents"]
    return document


async def shown(company: Company, document_id: str) -> dict[str, Any]:
    document: dict[str, Any] = (await company.request("GET", f"/document/{document_id}")).json()
    return document["document"]  # type: ignore[no-any-return]  # JSON


async def vectors_of(company: Company, document_id: str) -> int:
    return await company.wiring.vectors.count(company.tenant_id, UUID(document_id))


class TestStrangers:
    async def test_without_credentials_nothing(
        self, client: httpx.AsyncClient, company: Company
    ) -> None:
        document = await company.add_indexed(OLD)
        path = f"/api/v1/document/{document['id']}"

        for reply in (
            await client.put(path, files={"file": ("a.md", NEW.encode())}),
            await client.get(f"{path}/versions"),
            await client.get(f"{path}/download?version=1"),
        ):
            assert reply.status_code == 401

    async def test_another_companys_document_is_like_none(
        self, company: Company, other_company: Company
    ) -> None:
        document = await company.add_indexed(OLD)

        for id_ in (document["id"], str(uuid4())):
            for reply in (
                await other_company.request(
                    "PUT", f"/document/{id_}", files={"file": ("a.md", NEW.encode())}
                ),
                await other_company.upload(("a.md", NEW.encode()), document_id=id_),
                await other_company.request("GET", f"/document/{id_}/versions"),
                await other_company.request("GET", f"/document/{id_}/download?version=1"),
            ):
                assert (reply.status_code, reply.json()["code"]) == (404, "document_not_found")
        assert (await shown(company, document["id"]))["version"] == 1

    async def test_names_are_the_agents_own(self, company: Company, other_company: Company) -> None:
        document = await company.add_indexed(OLD)

        other = await uploaded(other_company, NEW)

        assert other["id"] != document["id"]
        assert other["replaced"] is False


class TestReplacing:
    async def test_the_old_one_is_found_until_the_new_one_is(self, company: Company) -> None:
        document = await company.add_indexed(OLD)

        again = await uploaded(company, NEW)

        assert (again["id"], again["replaced"], again["duplicate"]) == (
            document["id"],
            True,
            False,
        )
        assert (again["version"], again["live_version"], again["status"]) == (2, 1, "pending")
        assert again["task_id"] != document["task_id"]
        assert "Rotterdam" in " ".join(await found(company))
        await company.index(document["id"], version=2)
        texts = " ".join(await found(company))
        assert "Lisbon" in texts
        assert "Rotterdam" not in texts
        assert (await shown(company, document["id"]))["live_version"] == 2

    async def test_what_was_replaced_leaves_the_vector_store(self, company: Company) -> None:
        document = await company.add_indexed(OLD)
        before = await vectors_of(company, document["id"])
        await uploaded(company, NEW)
        await company.index(document["id"], version=2)
        assert await vectors_of(company, document["id"]) == 2 * before

        use = company.wiring.use_cases(company.tenant_id)
        await use.purge_vectors(UUID(document["id"]), version=2)

        assert await vectors_of(company, document["id"]) == before
        assert "Lisbon" in " ".join(await found(company))

    async def test_a_late_purge_spares_what_is_shown(self, company: Company) -> None:
        document = await company.add_indexed(OLD)
        await uploaded(company, NEW)
        await company.index(document["id"], version=2)
        await uploaded(company, NEW + " Or sooner.")
        use = company.wiring.use_cases(company.tenant_id)

        await use.purge_vectors(UUID(document["id"]), version=2)

        assert "Lisbon" in " ".join(await found(company))

    async def test_a_version_that_was_overtaken_changes_nothing(self, company: Company) -> None:
        document = await company.add_indexed(OLD)
        await uploaded(company, NEW)
        await uploaded(company, NEW + " Or sooner.")

        await company.index(document["id"], version=2)

        assert "Rotterdam" in " ".join(await found(company))
        await company.index(document["id"], version=3)
        assert "Or sooner" in " ".join(await found(company))

    async def test_one_that_fails_leaves_the_old_one_shown(self, company: Company) -> None:
        document = await company.add_indexed(OLD)
        await uploaded(company, LOCKED)

        await company.index(document["id"], version=2)

        after = await shown(company, document["id"])
        assert (after["status"], after["version"], after["live_version"]) == ("failed", 2, 1)
        assert "Rotterdam" in " ".join(await found(company))
        # Trying again keeps it shown as well, and another file ends the trouble.
        assert (await company.request("POST", f"/document/{document['id']}/retry")).is_success
        assert "Rotterdam" in " ".join(await found(company))
        await company.index(document["id"], version=3)
        again = await uploaded(company, NEW)
        await company.index(document["id"], version=again["version"])
        assert "Lisbon" in " ".join(await found(company))

    async def test_deleting_hides_all_versions(self, company: Company) -> None:
        document = await company.add_indexed(OLD)
        await uploaded(company, LOCKED)
        await company.index(document["id"], version=2)
        await company.request("DELETE", f"/document/{document['id']}")

        assert await found(company) == []
        restored = await company.request("PATCH", f"/document/{document['id']}/restore")
        assert restored.json()["document"]["live_version"] is None

    async def test_the_same_file_is_no_new_version(self, company: Company) -> None:
        document = await company.add_indexed(OLD)

        reply = await company.upload(("handbook.md", OLD.encode()))
        [same] = reply.json()["documents"]

        assert reply.status_code == 200
        assert (same["id"], same["version"], same["duplicate"]) == (document["id"], 1, True)

    async def test_both_are_kept_on_request(self, company: Company) -> None:
        document = await company.add_indexed(OLD)

        other = await uploaded(company, NEW, replace="false")

        assert other["id"] != document["id"]
        # Which of the two a third one is meant for would be a guess.
        assert (await uploaded(company, NEW + "!"))["replaced"] is False

    async def test_files_of_one_name_in_one_upload_are_several(self, company: Company) -> None:
        document = await company.add_indexed(OLD)

        reply = await company.upload(("handbook.md", b"One."), ("handbook.md", b"Two."))

        ids = {shown["id"] for shown in reply.json()["documents"]}
        assert len(ids | {document["id"]}) == 3


class TestByItsId:
    async def test_the_name_may_change(self, company: Company) -> None:
        document = await company.add_indexed(OLD)

        reply = await company.request(
            "PUT", f"/document/{document['id']}", files={"file": ("rules.md", NEW.encode())}
        )

        assert reply.status_code == 202
        [again] = reply.json()["documents"]
        assert (again["id"], again["filename"]) == (document["id"], "rules.md")
        await company.index(document["id"], version=2)
        assert (await shown(company, document["id"]))["filename"] == "rules.md"
        # From now on the document is known by its new name.
        assert (await uploaded(company, OLD, name="rules.md"))["id"] == document["id"]
        assert (await uploaded(company, OLD + "!", name="handbook.md"))["id"] != document["id"]

    async def test_one_file_only(self, company: Company) -> None:
        document = await company.add_indexed(OLD)

        reply = await company.upload(
            ("a.md", b"One."), ("b.md", b"Two."), document_id=document["id"]
        )

        assert (reply.status_code, reply.json()["code"]) == (400, "one_file_only")

    async def test_a_file_that_is_another_document_is_refused(self, company: Company) -> None:
        document = await company.add_indexed(OLD)
        await company.add_indexed(NEW, filename="other.md")

        reply = await company.request(
            "PUT", f"/document/{document['id']}", files={"file": ("a.md", NEW.encode())}
        )

        assert (reply.status_code, reply.json()["code"]) == (409, "document_duplicate")
        assert (await shown(company, document["id"]))["version"] == 1

    async def test_a_bad_file_is_refused(self, company: Company) -> None:
        document = await company.add_indexed(OLD)

        reply = await company.request(
            "PUT", f"/document/{document['id']}", files={"file": ("a.exe", b"MZ\x90\0" * 30)}
        )

        assert reply.status_code == 415

    @pytest.mark.parametrize("wanted", ["nonsense", "00000000-0000-0000-0000-000000000000"])
    async def test_no_such_document(self, company: Company, wanted: str) -> None:
        reply = await company.upload(("a.md", b"One."), document_id=wanted)

        assert (reply.status_code, reply.json()["code"]) == (404, "document_not_found")


class TestHistory:
    async def test_lists_files_and_gives_them_back(self, company: Company) -> None:
        document = await company.add_indexed(OLD)
        await uploaded(company, LOCKED)
        await company.index(document["id"], version=2)
        await company.request("POST", f"/document/{document['id']}/retry")
        await uploaded(company, NEW)

        reply = await company.request("GET", f"/document/{document['id']}/versions")

        versions = reply.json()["versions"]
        assert [(v["first_version"], v["version"]) for v in versions] == [(4, 4), (2, 3), (1, 1)]
        assert [v["is_live"] for v in versions] == [False, False, True]
        assert [v["is_current"] for v in versions] == [True, False, False]
        assert versions[2]["replaced_at"] == versions[1]["created_at"]
        for version, text in ((1, OLD), (2, LOCKED), (3, LOCKED), (4, NEW)):
            reply = await company.request(
                "GET", f"/document/{document['id']}/download?version={version}"
            )
            assert reply.text == text
        reply = await company.request("GET", f"/document/{document['id']}/download?version=5")
        assert (reply.status_code, reply.json()["code"]) == (404, "document_version_not_found")


class TestTerms:
    async def test_anybody_may_know_what_can_be_uploaded(self, client: httpx.AsyncClient) -> None:
        reply = await client.get("/api/v1/chunks/upload")

        assert reply.status_code == 200
        assert reply.json()["max_file_bytes"] == 2_000_000
        assert {"pdf", "rtf", "eml"} <= set(reply.json()["document_types"])

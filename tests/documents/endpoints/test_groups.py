"""Groups inside a company, at every door: what is not for a caller is not there for them."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.common.security import Scope
from tests.documents.endpoints.conftest import Callers, Company

SECRET = "Bonuses are paid in March to all directors."
OPEN = "Lunch is served at noon in the canteen."


class Colleagues:
    """Users of one company, by their names."""

    def __init__(self, company: Company, callers: Callers) -> None:
        self.company = company
        self._callers = callers

    def add(self, name: str, *groups: UUID, reads_all: bool = False) -> Company:
        """Return the company as seen by a colleague who is in these groups."""
        one = self._callers.known[self.company.name]
        scopes = one.scopes | {Scope.DOCUMENTS_ALL} if reads_all else one.scopes
        self._callers.known[name] = replace(
            one, id=uuid4(), groups=frozenset(groups), scopes=scopes
        )
        return replace(self.company, headers={"authorization": f"Bearer {name}"})


@pytest.fixture
def colleagues(company: Company, callers: Callers) -> Colleagues:
    """The people of the company."""
    return Colleagues(company, callers)


async def add(seen_by: Company, text: str, filename: str, **fields: str) -> dict[str, Any]:
    reply = await seen_by.upload((filename, text.encode()), **fields)
    assert reply.status_code == 202, reply.text
    [document] = reply.json()["documents"]
    await seen_by.index(document["id"])
    return dict(document)


async def searched(seen_by: Company, query: str, **more: Any) -> list[str]:
    body = {"query": query, "agent_id": str(seen_by.agent_id), **more}
    reply = await seen_by.request("POST", "/search/document", json=body)
    assert reply.status_code == 200, reply.text
    return [result["content"] for result in reply.json()["results"]]


class TestGroups:
    async def test_strangers_and_other_companies_change_nothing(
        self, company: Company, other_company: Company
    ) -> None:
        document = await company.add_indexed(OPEN)
        path = f"/api/v1/document/{document['id']}"

        reply = await company.client.patch(path, json={"tags": ["mine"]})
        assert reply.status_code == 401
        reply = await other_company.request(
            "PATCH", f"/document/{document['id']}", json={"groups": [], "tags": ["mine"]}
        )
        assert reply.status_code == 404
        reply = await company.request("GET", f"/document/{document['id']}")
        assert reply.json()["document"]["tags"] == []

    async def test_every_door_is_closed_to_who_is_in_none_of_the_groups(
        self, colleagues: Colleagues
    ) -> None:
        board = uuid4()
        member, outsider = colleagues.add("member", board), colleagues.add("outsider", uuid4())
        secret = await add(member, SECRET, "bonuses.md", groups=str(board))
        await add(member, OPEN, "lunch.md")
        path = f"/document/{secret['id']}"

        assert SECRET in await searched(member, "bonuses directors")
        assert await searched(outsider, "bonuses directors") == [OPEN]
        assert await searched(outsider, "bonuses", document_types=["md"]) == [OPEN]

        unknown = f"/document/{uuid4()}"
        for method, tail in (
            ("GET", ""),
            ("GET", "/download"),
            ("GET", "/events"),
            ("GET", "/versions"),
            ("PATCH", ""),
            ("PATCH", "/restore"),
            ("POST", "/retry"),
            ("DELETE", "/chunk"),
            ("PATCH", "/chunk/restore-all"),
            ("DELETE", ""),
        ):
            body = {"json": {"tags": ["x"]}} if (method, tail) == ("PATCH", "") else {}
            closed = await outsider.request(method, path + tail, **body)
            absent = await outsider.request(method, unknown + tail, **body)
            assert (closed.status_code, closed.json()["code"]) == (404, absent.json()["code"])
        reply = await outsider.request(
            "DELETE", "/document/bulk-delete", json={"document_ids": [secret["id"]]}
        )
        assert reply.status_code == 404

        shown = (await member.request("GET", path)).json()
        assert shown["document"]["groups"] == [str(board)]
        [chunk] = shown["chunks"]
        for method, tail in (("DELETE", ""), ("PATCH", "/restore")):
            reply = await outsider.request(method, f"/document/chunk/{chunk['id']}{tail}")
            assert reply.status_code == 404
        reply = await member.request("GET", f"{path}/download")
        assert (reply.status_code, reply.text) == (200, SECRET)

    async def test_lists_leave_out_what_is_not_for_the_caller(self, colleagues: Colleagues) -> None:
        board = uuid4()
        member, outsider = colleagues.add("member", board), colleagues.add("outsider")
        secret = await add(member, SECRET, "bonuses.md", groups=str(board))
        await add(member, OPEN, "lunch.md")
        lists = ("/document", f"/document/agent/{member.agent_id}")

        for path in lists:
            page = (await outsider.request("GET", path)).json()
            assert [one["filename"] for one in page["documents"]] == ["lunch.md"]
            assert page["pagination"]["total"] == 1
            assert (await member.request("GET", path)).json()["pagination"]["total"] == 2

        [chunk] = (await member.request("GET", f"/document/{secret['id']}")).json()["chunks"]
        await member.request("DELETE", f"/document/chunk/{chunk['id']}")
        assert (await outsider.request("GET", "/document/chunk/deleted")).json()["chunks"] == []
        assert len((await member.request("GET", "/document/chunk/deleted")).json()["chunks"]) == 1
        await member.request("DELETE", f"/document/{secret['id']}")
        assert (await outsider.request("GET", "/document/deleted")).json()["documents"] == []
        assert len((await member.request("GET", "/document/deleted")).json()["documents"]) == 1

    async def test_who_may_read_all_does(self, colleagues: Colleagues) -> None:
        board = uuid4()
        member = colleagues.add("member", board)
        admin = colleagues.add("admin", reads_all=True)
        secret = await add(member, SECRET, "bonuses.md", groups=str(board))

        assert await searched(admin, "bonuses") == [SECRET]
        reply = await admin.request("PATCH", f"/document/{secret['id']}", json={"groups": []})
        assert (reply.status_code, reply.json()["groups"]) == (200, [])
        # Opening takes the time of a job, where closing holds at once.
        await admin.wiring.use_cases(admin.tenant_id).set_groups(UUID(secret["id"]))
        assert await searched(colleagues.add("outsider"), "bonuses") == [SECRET]

    async def test_a_change_holds_at_once_and_reaches_the_index(
        self, colleagues: Colleagues
    ) -> None:
        board = uuid4()
        member, outsider = colleagues.add("member", board), colleagues.add("outsider")
        document = await add(member, SECRET, "bonuses.md")
        assert await searched(outsider, "bonuses") == [SECRET]

        reply = await member.request(
            "PATCH", f"/document/{document['id']}", json={"groups": [str(board)]}
        )
        assert reply.status_code == 200
        # The index says otherwise yet; the row has the last word.
        assert await searched(outsider, "bonuses") == []
        assert await searched(member, "bonuses") == [SECRET]

        await member.wiring.use_cases(member.tenant_id).set_groups(UUID(document["id"]))
        assert await searched(outsider, "bonuses") == []
        assert await searched(member, "bonuses") == [SECRET]

    async def test_one_gives_to_groups_of_ones_own(self, colleagues: Colleagues) -> None:
        member = colleagues.add("member", uuid4())
        strange = str(uuid4())
        document = await add(member, OPEN, "lunch.md")

        reply = await member.request(
            "PATCH", f"/document/{document['id']}", json={"groups": [strange]}
        )
        assert (reply.status_code, reply.json()["code"]) == (400, "not_your_group")
        admin = colleagues.add("admin", reads_all=True)
        reply = await admin.request(
            "PATCH", f"/document/{document['id']}", json={"groups": [strange]}
        )
        assert (reply.status_code, reply.json()["code"]) == (400, "not_your_group")
        reply = await member.upload(("a.md", b"Another text."), groups=strange)
        assert (reply.status_code, reply.json()["code"]) == (400, "not_your_group")
        reply = await member.upload(("a.md", b"Another text."), groups="board")
        assert (reply.status_code, reply.json()["code"]) == (400, "malformed_labels")

    async def test_the_same_bytes_tell_no_more_than_that_they_are_there(
        self, colleagues: Colleagues
    ) -> None:
        board = uuid4()
        secret = await add(colleagues.add("member", board), SECRET, "bonuses.md", groups=str(board))

        reply = await colleagues.add("outsider").upload(("found.md", SECRET.encode()))

        assert (reply.status_code, reply.json()["code"]) == (409, "document_duplicate")
        assert secret["id"] not in reply.text

    async def test_restoring_a_double_does_not_name_what_the_caller_may_not_read(
        self, colleagues: Colleagues
    ) -> None:
        board = uuid4()
        member, outsider = colleagues.add("member", board), colleagues.add("outsider")
        first = await add(outsider, SECRET, "bonuses.md")
        await outsider.request("DELETE", f"/document/{first['id']}")
        secret = await add(member, SECRET, "bonuses.md", groups=str(board))

        reply = await outsider.request("PATCH", f"/document/{first['id']}/restore")

        assert (reply.status_code, reply.json()["code"]) == (409, "document_duplicate")
        assert secret["id"] not in reply.text
        reply = await member.request("PATCH", f"/document/{first['id']}/restore")
        assert secret["id"] in reply.text

    async def test_an_upload_that_is_refused_keeps_nothing_of_its_files(
        self, colleagues: Colleagues
    ) -> None:
        board = uuid4()
        address = "https://shop.example/bonuses"
        member, outsider = colleagues.add("member", board), colleagues.add("outsider")
        reply = await member.upload(urls=address, groups=str(board))
        assert reply.status_code == 202
        large = ("large.md", b"Kettles boil. " * 100_000)

        reply = await outsider.upload(large, urls=address)

        assert (reply.status_code, reply.json()["code"]) == (409, "document_duplicate")
        listed = (await outsider.request("GET", "/document")).json()
        assert listed["documents"] == []
        reply = await outsider.upload(large)
        assert reply.status_code == 202
        [document] = reply.json()["documents"]
        reply = await outsider.request("GET", f"/document/{document['id']}/download")
        assert (reply.status_code, len(reply.content)) == (200, len(large[1]))

    async def test_sending_a_document_once_more_with_groups_keeps_it_to_them(
        self, colleagues: Colleagues
    ) -> None:
        board = str(uuid4())
        member, outsider = colleagues.add("member", UUID(board)), colleagues.add("outsider")
        address = "https://shop.example/bonuses"
        await add(member, SECRET, "bonuses.md")
        await member.upload(urls=address)

        reply = await member.upload(("bonuses.md", SECRET.encode()), urls=address, groups=board)

        documents = reply.json()["documents"]
        assert [(one["duplicate"], one["groups"]) for one in documents] == [(True, [board])] * 2
        assert await searched(outsider, "bonuses directors") == []
        assert (await outsider.request("GET", "/document")).json()["documents"] == []


class TestTags:
    async def test_are_set_at_upload_changed_and_listed_by(self, company: Company) -> None:
        reply = await company.upload(("a.md", OPEN.encode()), tags="food, noon")
        [document] = reply.json()["documents"]

        async def tagged(tag: str) -> int:
            page = (await company.request("GET", "/document", params={"tag": tag})).json()
            return int(page["pagination"]["total"])

        assert (await tagged("food"), await tagged("noon"), await tagged("no")) == (1, 1, 0)
        reply = await company.request(
            "PATCH", f"/document/{document['id']}", json={"tags": ["dinner", "dinner"]}
        )
        assert reply.json()["tags"] == ["dinner"]
        assert (await tagged("food"), await tagged("dinner")) == (0, 1)

    @pytest.mark.parametrize("tags", [["x" * 51], [""], ["a\nb"], [str(n) for n in range(21)]])
    async def test_bad_ones_are_refused(self, company: Company, tags: list[str]) -> None:
        document = await company.add_indexed(OPEN)

        reply = await company.request("PATCH", f"/document/{document['id']}", json={"tags": tags})

        assert (reply.status_code, reply.json()["code"]) == (400, "malformed_labels")

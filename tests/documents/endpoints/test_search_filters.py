"""Searching in some of an agent's documents."""

from typing import Any
from uuid import uuid4

from tests.documents.endpoints.conftest import Company

BEFORE, AFTER = "2001-01-01T00:00:00Z", "2101-01-01T00:00:00Z"


async def found(company: Company, **filters: Any) -> list[str]:
    body = {"query": "returns", "agent_id": str(company.agent_id), **filters}
    reply = await company.request("POST", "/search/document", json=body)
    assert reply.status_code == 200, reply.text
    return sorted(result["metadata"]["filename"] for result in reply.json()["results"])


async def test_each_filter_narrows(company: Company) -> None:
    ids = {}
    for name, tags in (("a.md", "shop,law"), ("b.md", "shop"), ("c.md", "")):
        reply = await company.upload((name, f"Returns as told in {name}.".encode()), tags=tags)
        [document] = reply.json()["documents"]
        await company.index(document["id"])
        ids[name] = document["id"]

    assert await found(company) == ["a.md", "b.md", "c.md"]
    assert await found(company, document_ids=[ids["a.md"], ids["c.md"]]) == ["a.md", "c.md"]
    assert await found(company, document_ids=[ids["c.md"]], tags=["shop"]) == []
    assert await found(company, document_ids=[]) == []
    assert await found(company, tags=["shop"]) == ["a.md", "b.md"]
    assert await found(company, tags=["shop", "law"]) == ["a.md"]
    assert await found(company, document_types=["md"]) == ["a.md", "b.md", "c.md"]
    assert await found(company, document_types=["pdf", "docx"]) == []
    assert await found(company, uploaded_after=BEFORE, uploaded_before=AFTER) != []
    assert await found(company, uploaded_after=AFTER) == []
    assert await found(company, uploaded_before=BEFORE) == []


async def test_results_say_where_they_are_and_why(company: Company) -> None:
    lines = [f"Returns rule {number} is about the goods of kind {number}." for number in range(60)]
    await company.add_indexed("# Returns\n" + "\n".join(lines) + "\n")
    body = {"query": "returns", "agent_id": str(company.agent_id), "limit": 50}

    async def results(**more: Any) -> list[dict[str, Any]]:
        reply = await company.request("POST", "/search/document", json=body | more)
        return list(reply.json()["results"])

    apart = await results()
    assert len(apart) > 1
    for result in apart:
        assert result["heading_path"] == ["Returns"]
        assert result["page"] is None
        spans = [result["content"][one["start"] : one["end"]] for one in result["highlights"]]
        assert set(spans) == {"Returns"}
    [together] = await results(merge_neighbours=True)
    assert len(together["metadata"]["chunk_ids"]) == len(apart)
    assert together["content"].count("rule") == 60
    assert len(await results(max_tokens=10)) == 1


async def test_another_companys_document_is_like_none(
    company: Company, other_company: Company
) -> None:
    ours = await company.add_indexed("# Returns\nReturns of ours.\n")
    theirs = await other_company.add_indexed("# Returns\nReturns of theirs.\n")
    body = {"query": "returns", "agent_id": str(company.agent_id)}

    for other in (theirs["id"], str(uuid4())):
        named = {"document_ids": [ours["id"], other]}
        reply = await company.request("POST", "/search/document", json=body | named)
        assert reply.status_code == 404
        assert reply.json()["code"] == "document_not_found"


async def test_another_companys_tags_find_nothing(company: Company, other_company: Company) -> None:
    await other_company.upload(("a.md", b"Returns of another company."), tags="theirs")

    assert await found(company, tags=["theirs"]) == []


async def test_bad_filters_are_told(company: Company) -> None:
    for filters in (
        {"uploaded_after": "yesterday"},
        {"uploaded_after": "2026-01-01T00:00:00"},
        {"tags": "shop"},
        {"document_ids": ["one"]},
    ):
        body = {"query": "returns", "agent_id": str(company.agent_id), **filters}
        reply = await company.request("POST", "/search/document", json=body)
        assert reply.status_code in {400, 422}
        assert reply.json()["error"]

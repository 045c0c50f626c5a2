"""Values of the right type that cannot be stored are refused, and never break a request."""

import pytest

from tests.documents.endpoints.conftest import Company


class TestBadValues:
    @pytest.mark.parametrize(
        "path", ["/document?search=%00", "/document?document_type=%00", "/document?page=1000000"]
    )
    async def test_filters(self, company: Company, path: str) -> None:
        reply = await company.request("GET", path)

        assert reply.status_code in {200, 400}, reply.text

    @pytest.mark.parametrize("name", ["note", "no\x00te"])
    async def test_fields_of_a_form(self, company: Company, name: str) -> None:
        reply = await company.upload(("a.txt", b"Some words to keep."), **{name: "NUL \x00"})

        assert reply.status_code in {202, 400}, reply.text

    async def test_queries(self, company: Company) -> None:
        for query in ("NUL \\u0000", "half \\ud800", "[" * 9_000):
            body = b'{"query": "%s", "agent_id": "%s"}' % (
                query.encode(),
                str(company.agent_id).encode(),
            )

            reply = await company.request(
                "POST",
                "/search/document",
                content=body,
                headers={"content-type": "application/json"},
            )

            assert reply.status_code in {200, 400}, reply.text

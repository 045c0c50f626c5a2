from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from libs.common.security import ServiceTokens
from tests.conftest import ServiceEnvironment
from tests.documents.cast import WordEmbedder
from tests.documents.endpoints.conftest import Company

HANDBOOK = """# Returns
Returns are accepted for thirty days after delivery. Keep the box.

# Shipping
Parcels are sent from Rotterdam every morning.
"""


@pytest.fixture
def service_headers(service_environment: ServiceEnvironment) -> dict[str, str]:
    """What conversations sends."""
    keys = service_environment("conversations")
    tokens = ServiceTokens(
        "conversations", private_pem=keys["SERVICE_KEY"], jwks_json=keys["SERVICE_JWKS"]
    )
    return {"authorization": f"Bearer {tokens.token_for('documents')}"}


async def search(
    client: httpx.AsyncClient, company: Company, headers: dict[str, str], **more: Any
) -> httpx.Response:
    body = {"agent_id": str(company.agent_id), "query": "parcels from Rotterdam", **more}
    headers = {**headers, "x-tenant-id": str(company.tenant_id)}
    return await client.post("/internal/search", json=body, headers=headers)


class TestSearch:
    async def test_services_only(self, client: httpx.AsyncClient, company: Company) -> None:
        assert (await search(client, company, {})).status_code == 401
        assert (await search(client, company, company.headers)).status_code == 401

    async def test_not_any_service(
        self, app: FastAPI, client: httpx.AsyncClient, company: Company
    ) -> None:
        token = app.state.resources.service_tokens.token_for("documents")
        reply = await search(client, company, {"authorization": f"Bearer {token}"})
        assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")

    async def test_another_tenants_agent_is_unknown(
        self,
        client: httpx.AsyncClient,
        company: Company,
        other_company: Company,
        service_headers: dict[str, str],
    ) -> None:
        for agent_id in (other_company.agent_id, uuid4()):
            reply = await search(client, company, service_headers, agent_id=str(agent_id))
            assert (reply.status_code, reply.json()["code"]) == (404, "agent_not_found")

    async def test_gives_passages_with_places_and_quotes(
        self, client: httpx.AsyncClient, company: Company, service_headers: dict[str, str]
    ) -> None:
        document = await company.add_indexed(HANDBOOK)

        body = (await search(client, company, service_headers, limit=1, quotes=1)).json()

        [passage] = body["passages"]
        assert passage["number"] == 1
        assert passage["document_id"] == document["id"]
        assert passage["document_name"] == "handbook.md"
        assert HANDBOOK[passage["char_start"] : passage["char_end"]] == passage["text"]
        [quote] = body["quotes"]
        assert quote["passage_number"] == 1
        assert quote["text"] == "Parcels are sent from Rotterdam every morning."
        assert HANDBOOK[quote["char_start"] : quote["char_end"]] == quote["text"]
        assert body["relevant"] is None
        assert body["knowledge_available"] is True

    async def test_finds_what_is_for_the_groups_of_who_asks(
        self, client: httpx.AsyncClient, company: Company, service_headers: dict[str, str]
    ) -> None:
        document = await company.add_indexed(HANDBOOK)
        staff = uuid4()
        async with company.wiring.use_cases(company.tenant_id).unit_of_work() as uow:
            row = await uow.documents.get(UUID(document["id"]))
            assert row is not None
            row.groups = [staff]

        for groups, found in (([], 0), ([str(uuid4())], 0), ([str(staff), str(uuid4())], 1)):
            reply = await search(client, company, service_headers, limit=1, groups=groups)
            assert len(reply.json()["passages"]) == found
        # A service of the release before names no groups.
        assert (await search(client, company, service_headers)).json()["passages"] == []

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b'{"agent_id": "x", "query": "y"}', "validation_error"),
            (b"{", "malformed_json"),
            (b"", "malformed_json"),
        ],
    )
    async def test_says_what_is_wrong_with_a_body(
        self,
        client: httpx.AsyncClient,
        company: Company,
        service_headers: dict[str, str],
        content: bytes,
        code: str,
    ) -> None:
        headers = {**service_headers, "x-tenant-id": str(company.tenant_id)}
        reply = await client.post("/internal/search", content=content, headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (400, code)

    async def test_out_of_reach_is_an_answer(
        self,
        client: httpx.AsyncClient,
        company: Company,
        service_headers: dict[str, str],
        embedder: WordEmbedder,
    ) -> None:
        embedder.down = True

        reply = await search(client, company, service_headers)

        assert reply.status_code == 200
        body = reply.json()
        assert (body["knowledge_available"], body["passages"]) == (False, [])
        assert body["warnings"] == ["embedding_unavailable"]

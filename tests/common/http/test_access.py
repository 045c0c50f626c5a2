"""Who may call a route; strangers first."""

from uuid import uuid4

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from libs.common.http import (
    Anonymous,
    CallerWith,
    InternalCaller,
    access_of,
    declared_routes,
    rate_limited,
)
from libs.common.security import CallerKind, Scope, ServiceTokens
from tests.common.http.conftest import Callers

NOTE = "/api/v1/note/019a0000-0000-7000-8000-000000000000"


class TestCallerWith:
    async def test_refuses_strangers(self, client: httpx.AsyncClient) -> None:
        response = await client.get(NOTE)

        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert response.json()["code"] == "unauthenticated"

    async def test_refuses_bad_credentials_in_the_same_words(
        self, client: httpx.AsyncClient
    ) -> None:
        stranger = (await client.get(NOTE)).json()
        forger = (await client.get(NOTE, headers={"authorization": "Bearer forged"})).json()

        assert {**stranger, "request_id": ""} == {**forger, "request_id": ""}

    async def test_refuses_callers_without_the_scope(
        self, client: httpx.AsyncClient, callers: Callers
    ) -> None:
        response = await client.get(NOTE, headers=callers.add("ann", Scope.DOCUMENTS_READ))

        assert response.status_code == 403
        assert response.json()["details"] == {"required_scope": "agents:read"}

    async def test_leads_need_an_invitation(
        self, client: httpx.AsyncClient, callers: Callers
    ) -> None:
        scopes = (Scope.AGENTS_READ, Scope.AGENTS_WRITE)
        lead = callers.add("lena", *scopes, kind=CallerKind.LEAD)

        assert (await client.get(NOTE, headers=lead)).status_code == 403
        added = await client.post("/api/v1/note", json={"text": "hi"}, headers=lead)
        assert added.status_code == 201

    async def test_admits_with_the_tenant_of_the_credential(
        self, client: httpx.AsyncClient, callers: Callers
    ) -> None:
        headers = callers.add("ann", Scope.AGENTS_READ)

        response = await client.get(NOTE, headers=headers | {"x-tenant-id": str(uuid4())})

        assert response.json()["tenant"] == str(callers.known["ann"].tenant_id)


class TestAnonymous:
    @pytest.mark.parametrize(
        ("headers", "known"),
        [({}, False), ({"authorization": "Bearer forged"}, False)],
        ids=["stranger", "forger"],
    )
    async def test_everybody_comes_in(
        self, client: httpx.AsyncClient, headers: dict[str, str], *, known: bool
    ) -> None:
        response = await client.post("/api/v1/note/public", headers=headers)

        assert response.json()["known"] is known

    async def test_the_known_are_known(self, client: httpx.AsyncClient, callers: Callers) -> None:
        response = await client.post("/api/v1/note/public", headers=callers.add("ann"))

        assert response.json()["known"] is True


class TestInternalCaller:
    async def test_refuses_everybody_but_services(
        self, client: httpx.AsyncClient, callers: Callers, agents_tokens: ServiceTokens
    ) -> None:
        tenant = {"x-tenant-id": str(uuid4())}
        user = callers.add("ann", *Scope)
        for_another = {"authorization": f"Bearer {agents_tokens.token_for('documents')}"}

        for headers in ({}, user, for_another):
            response = await client.get("/internal/whoami", headers=headers | tenant)
            assert response.status_code == 401

    async def test_a_service_names_its_tenant(
        self, client: httpx.AsyncClient, agents_tokens: ServiceTokens
    ) -> None:
        tenant = str(uuid4())
        token = {"authorization": f"Bearer {agents_tokens.token_for('sample')}"}

        without = await client.get("/internal/whoami", headers=token)
        nonsense = await client.get("/internal/whoami", headers=token | {"x-tenant-id": "acme"})
        told = await client.get("/internal/whoami", headers=token | {"x-tenant-id": tenant})

        assert [without.status_code, nonsense.status_code] == [400, 400]
        assert told.json() == {"service": "agents", "tenant": tenant}

    async def test_only_those_that_a_route_names_may_call_it(
        self, client: httpx.AsyncClient, agents_tokens: ServiceTokens
    ) -> None:
        headers = {
            "authorization": f"Bearer {agents_tokens.token_for('sample')}",
            "x-tenant-id": str(uuid4()),
        }

        response = await client.get("/internal/secret", headers=headers)

        assert response.status_code == 403


class TestAccessOf:
    def test_every_route_of_an_app_declares_its_access(self, app: FastAPI) -> None:
        routes = declared_routes(app)
        declared = {route.path: route.access for route in routes}

        assert declared["/api/v1/note/{note_id}"] == CallerWith(
            Scope.AGENTS_READ, frozenset({CallerKind.USER, CallerKind.API_KEY})
        )
        assert declared["/api/v1/note/public"] == Anonymous()
        assert declared["/internal/whoami"] == InternalCaller(tenant_needed=True, services=None)
        assert None not in declared.values()
        assert [route.path for route in routes if route.rate_classes == ("upload",)] == [
            "/api/v1/note/upload"
        ]

    def test_a_route_without_a_declaration_is_found_out(self) -> None:
        router = APIRouter()

        @router.get("/open")
        async def unguarded() -> None: ...

        (route,) = router.routes
        assert isinstance(route, APIRoute)
        assert access_of(route.dependant) is None


async def test_the_description_says_what_routes_need(app: FastAPI) -> None:
    paths = app.openapi()["paths"]

    needed = paths["/api/v1/note/{note_id}"]["get"]
    assert needed["security"] == [{"bearer": []}, {"apiKey": [], "apiSecret": []}]
    assert needed["x-required-scope"] == "agents:read"
    assert {"400", "401", "403", "429"} <= set(needed["responses"])
    assert "422" not in needed["responses"]
    assert paths["/api/v1/note/public"]["post"]["security"] == []
    assert "/internal/whoami" not in paths


def test_an_unknown_rate_class_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        rate_limited("no such class")

"""What conversations asks of auth for leads."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from libs.common.security import CallerKind, ServiceTokens
from tests.auth.conftest import AuthService, Mailbox, Person
from tests.conftest import ServiceEnvironment

Call = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def call(auth: AuthService, service_environment: ServiceEnvironment) -> Call:
    """Calls auth as a service."""

    async def send(
        method: str, path: str, tenant_id: UUID, body: Any = None, *, service: str = "conversations"
    ) -> httpx.Response:
        keys = service_environment(service)
        tokens = ServiceTokens(
            service,
            private_pem=keys["SERVICE_KEY"],
            jwks_json=keys["SERVICE_JWKS"],
        )
        headers = {
            "authorization": f"Bearer {tokens.token_for('auth')}",
            "x-tenant-id": str(tenant_id),
        }
        return await auth.client.request(method, path, json=body, headers=headers)

    return send


def path_of(session_id: UUID) -> str:
    return f"/internal/lead-sessions/{session_id}"


class TestSessions:
    async def test_are_opened_for_conversations_alone(
        self, auth: AuthService, acme: Person, call: Call
    ) -> None:
        body = {"lead_id": str(uuid4())}
        stranger = await auth.client.put(path_of(uuid4()), json=body)
        user = await auth.client.put(path_of(uuid4()), json=body, headers=acme.bearer)
        agents = await call("PUT", path_of(uuid4()), acme.tenant_id, body, service="agents")

        assert (stranger.status_code, user.status_code, agents.status_code) == (401, 401, 403)

    async def test_a_token_is_a_leads_and_nothing_more(
        self, auth: AuthService, acme: Person, globex: Person, call: Call
    ) -> None:
        session_id, lead_id = uuid4(), uuid4()
        reply = await call("PUT", path_of(session_id), acme.tenant_id, {"lead_id": str(lead_id)})
        assert reply.status_code == 200, reply.text
        token = {"authorization": f"Bearer {reply.json()['access_token']}"}

        caller = await auth.resources.caller_verifier.verify(token)
        me = await auth.client.get("/api/v1/auth/user/me", headers=token)
        seen = await call("GET", f"/internal/sessions/{session_id}", acme.tenant_id)
        foreign = await call("GET", f"/internal/sessions/{session_id}", globex.tenant_id)

        assert caller is not None
        assert (caller.kind, caller.id, caller.session_id) == (
            CallerKind.LEAD,
            lead_id,
            session_id,
        )
        assert {scope.resource for scope in caller.scopes} == {"conversations"}
        assert me.status_code == 403
        assert seen.json()["active"] is True
        assert foreign.json()["active"] is False

    async def test_a_session_is_one_leads_for_good_and_ends_with_it(
        self, auth: AuthService, acme: Person, call: Call
    ) -> None:
        session_id, lead_id = uuid4(), uuid4()
        body = {"lead_id": str(lead_id)}
        first = await call("PUT", path_of(session_id), acme.tenant_id, body)
        again = await call("PUT", path_of(session_id), acme.tenant_id, body)
        stolen = await call("PUT", path_of(session_id), acme.tenant_id, {"lead_id": str(uuid4())})
        ended = await call("DELETE", f"/internal/leads/{lead_id}/sessions", acme.tenant_id)
        over = await call("PUT", path_of(session_id), acme.tenant_id, body)
        seen = await call("GET", f"/internal/sessions/{session_id}", acme.tenant_id)

        assert (first.status_code, again.status_code, stolen.status_code) == (200, 200, 409)
        assert (ended.status_code, over.status_code) == (204, 409)
        assert seen.json()["active"] is False

    async def test_a_company_that_does_not_exist_gets_none(
        self, auth: AuthService, call: Call
    ) -> None:
        reply = await call("PUT", path_of(uuid4()), uuid4(), {"lead_id": str(uuid4())})

        assert reply.status_code == 409


class TestMails:
    async def test_sends_a_link_now(
        self, auth: AuthService, acme: Person, call: Call, mailbox: Mailbox
    ) -> None:
        recipient = f"{uuid4().hex}@lead.example.com"
        body = {
            "recipient": recipient,
            "agent_name": "Ada\nBcc: everybody@example.com",
            "address": "https://shop.example.com/#knowrithm-chat=ll_x",
        }
        reply = await call("POST", "/internal/mails/lead-link", acme.tenant_id, body)

        assert reply.status_code == 204, reply.text
        (mail,) = mailbox.to(recipient)
        assert "https://shop.example.com/#knowrithm-chat=ll_x" in mail.get_content()
        assert '"Ada Bcc: everybody@example.com"' in mail.get_content()
        assert mail["Bcc"] is None

    async def test_says_that_an_address_is_none(self, acme: Person, call: Call) -> None:
        body = {"recipient": "nobody", "agent_name": "Ada", "address": "https://x"}
        reply = await call("POST", "/internal/mails/lead-link", acme.tenant_id, body)

        assert reply.status_code == 422

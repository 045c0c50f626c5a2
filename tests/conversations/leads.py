"""Leads as the widget registers them, and what they reach."""

from collections.abc import Mapping
from typing import Any

import httpx

from tests.conversations.cast import Company

Json = dict[str, Any]


def person(company: Company, **changes: Any) -> Json:
    """Return a registration as the widget sends it."""
    return {
        "agent_id": str(company.agent_id),
        "first_name": "Ada",
        "last_name": "Visitor",
        "email": "ada@visitor.example.com",
        "phone": "",
        **changes,
    }


async def register(
    client: httpx.AsyncClient,
    company: Company,
    *,
    headers: Mapping[str, str] | None = None,
    **changes: Any,
) -> Json:
    """Register, and return the reply."""
    reply = await client.post(
        "/api/v1/lead/register", json=person(company, **changes), headers=headers
    )
    assert reply.status_code == 201, reply.text
    answer: Json = reply.json()
    return answer


def bearer(registered: Json) -> dict[str, str]:
    return {"authorization": f"Bearer {registered['access_token']}"}


async def opened(client: httpx.AsyncClient, company: Company, registered: Json) -> str:
    """Open a conversation as a registered lead."""
    body = {"agent_id": str(company.agent_id), "title": "Website Chat"}
    reply = await client.post("/api/v1/conversation", json=body, headers=bearer(registered))
    assert reply.status_code == 201, reply.text
    return str(reply.json()["conversation"]["id"])


async def reaches(client: httpx.AsyncClient, conversation_id: str, who: Json) -> bool:
    """Say whether a visit reads a conversation, and not the empty one in its place."""
    reply = await client.get(
        f"/api/v1/conversation/{conversation_id}/messages", headers=bearer(who)
    )
    return reply.status_code == 200 and reply.json()["conversation_id"] == conversation_id

"""A conversation of a company's, and what its people do in it."""

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from libs.common.resources import Resources
from tests.conversations.cast import Company
from tests.conversations.endpoints.test_chat import finished
from tests.conversations.peers import ModelScript, until
from tests.conversations.workers.test_answering import ask

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Dialogue:
    """A conversation, as its company's API key sees it."""

    client: httpx.AsyncClient
    resources: Resources
    company: Company
    conversation_id: str

    async def ask(self) -> Json:
        """Ask a question; returns the acknowledgement."""
        return await ask(self.client, self.conversation_id, self.company)

    async def finished(self, ack: Json) -> Json:
        """Return the task of what was asked for, once it has ended."""
        return await finished(self.client, ack)

    async def answer(self) -> Json:
        """Ask, and return the task once it has ended."""
        return await self.finished(await self.ask())

    async def messages(self) -> list[Json]:
        """Return what the conversation shows, oldest first."""
        url = f"/api/v1/conversation/{self.conversation_id}/messages"
        reply = await self.client.get(url, headers=self.company.key)
        found: list[Json] = reply.json()["messages"]
        return found

    async def act(
        self,
        message_id: str,
        name: str,
        *,
        who: Company | None = None,
        method: str = "POST",
        body: object = None,
    ) -> httpx.Response:
        """Do something to a message."""
        url = f"/api/v1/message/{message_id}/{name}".rstrip("/")
        headers = (who or self.company).key
        return await self.client.request(method, url, headers=headers, json=body)

    async def events(self, name: str) -> list[Json]:
        """Return the payloads of the company's events of one name."""
        return await outbox(self.resources, self.company, name)


async def outbox(resources: Resources, who: Company, name: str) -> list[Json]:
    """Return the payloads of a company's events of one name."""
    async with resources.database.lean(who.id) as connection:
        rows = await connection.fetch(
            "SELECT payload FROM outbox WHERE tenant_id = $1 AND name = $2 ORDER BY id",
            who.id,
            name,
        )
    return [orjson.loads(row["payload"]) for row in rows]


async def killed_in_the_middle(
    worker: asyncio.subprocess.Process, model: ModelScript, *, requests: int
) -> None:
    """Kill a worker that has begun to write what the model says to that many requests."""
    await until(lambda: len(model.requests) == requests, seconds=20)
    await asyncio.sleep(0.3)
    worker.kill()
    await worker.wait()

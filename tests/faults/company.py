"""What one company does while processes die: documents, conversations, questions."""

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from tests.faults.api import PATIENCE_SECONDS, Broken, Gateway, Reply
from tests.faults.blows import calm_seconds
from tests.faults.history import Asked, History, Outcome, StoredDocument, Uploaded

ROOMS: Final = ("attic", "cellar", "garage", "kitchen", "library", "workshop", "greenhouse")
FILLER: Final = (
    "The key hangs beside the door and goes back there in the evening. Whoever leaves last turns"
    " off the lights, closes both windows and writes the time into the book on the shelf. Visitors"
    " are let in by somebody who works here, and nobody lends the code to anybody else at all."
)
DROP_CHANCE: Final = 0.3
FORM: Final = "/api/v1/document/upload"


@dataclass
class Company:
    """A company, its agent, and all that it did."""

    name: str
    chance: random.Random
    gateway: Gateway
    agent_id: str = ""
    history: History = field(default_factory=History)
    _numbers: int = 0

    async def settle(self) -> None:
        """Register, make an API key and an agent, and give it a first document."""
        email, password = "", "correct horse battery"

        async def register() -> Reply:
            # One that was not acknowledged may be there all the same.
            nonlocal email
            email = f"ada@{self._new_word()}.example.com"
            body = {"email": email, "password": password, "company_name": self._new_word()}
            body |= {"first_name": "Ada", "last_name": "Admin"}
            return await self.gateway.send("POST", "/api/v1/auth/register", json=body)

        await self.gateway.insist(register)
        login = await self._post("/api/v1/auth/login", {"email": email, "password": password})
        self.gateway.headers = {"Authorization": f"Bearer {login['access_token']}"}
        key = await self._post("/api/v1/auth/api-keys", {"name": "k", "scopes": ["read", "write"]})
        self.gateway.headers = {"X-API-Key": key["api_key"], "X-API-Secret": key["api_secret"]}
        made = await self._post("/api/v1/agent", {"name": "Porter", "status": "active"})
        self.agent_id = made["agent"]["id"]
        await self.upload(self.chance)
        await self.until_indexed()

    async def work(self) -> None:
        """Upload documents and hold conversations, all at the same time."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self.chance.randint(2, 4)):
                tasks.create_task(self._upload_later(random.Random(self.chance.random())))
            for _ in range(self.chance.randint(2, 3)):
                tasks.create_task(self._converse(random.Random(self.chance.random())))

    async def _upload_later(self, chance: random.Random) -> None:
        await asyncio.sleep(chance.uniform(0, 3))
        await self.upload(chance)

    async def upload(self, chance: random.Random) -> None:
        """Upload a new document, as often as it takes; the same content is taken once."""
        word = self._new_word()
        sections = [f"{word}-{number}" for number in range(chance.randint(1, 5))]
        text = "\n\n".join(
            f"# Room {marker}\n\nThe code of the {chance.choice(ROOMS)} is {marker}. "
            + _filler(chance)
            for marker in sections
        )
        filename = f"{word}.md"

        async def send() -> Reply:
            form = aiohttp.FormData()
            form.add_field("agent_id", self.agent_id)
            form.add_field("file", text.encode(), filename=filename, content_type="text/markdown")
            return await self.gateway.send("POST", FORM, data=form)

        reply = await self.gateway.insist(send)
        document_id = reply["documents"][0]["id"]
        self.history.uploads.append(Uploaded(filename, tuple(sections), document_id))

    async def _converse(self, chance: random.Random) -> None:
        await asyncio.sleep(chance.uniform(0, 1))
        made = await self._post("/api/v1/conversation", {"agent_id": self.agent_id})
        conversation_id = made["conversation"]["id"]
        for _ in range(chance.randint(1, 3)):
            asked = await self._ask(conversation_id, chance)
            events = self.history.streamed.setdefault(str(asked.message_id), [])
            async with asyncio.timeout(PATIENCE_SECONDS * 2):
                await self._read_answer(asked, events, chance)

    async def _ask(self, conversation_id: str, chance: random.Random) -> Asked:
        async def send() -> Reply:
            # A question that was not acknowledged may be there: the next try is another question.
            text = f"What is the code of the {chance.choice(ROOMS)}? ({self._new_word()})"
            path = f"/api/v1/conversation/{conversation_id}/chat"
            reply = await self.gateway.send("POST", path, json={"message": text})
            ids = (reply.body["message_id"], reply.body["task_id"]) if reply.ok else (None, None)
            self.history.questions.append(Asked(conversation_id, text, *ids))
            return reply

        await self.gateway.insist(send)
        return self.history.questions_of(conversation_id)[-1]

    async def _read_answer(self, asked: Asked, events: list[Any], chance: random.Random) -> None:
        """Follow the stream to the answer's end, going on where it broke off."""
        path = f"/api/v1/conversation/{asked.conversation_id}/messages/stream"
        last_event_id = None
        while True:
            # Now and then it is the client who hangs up.
            patience = chance.randint(1, 12) if chance.random() < DROP_CHANCE else 1_000_000
            stream = self.gateway.follow(path, last_event_id=last_event_id)
            async for event in stream:
                if event is None:
                    raise Broken(f"the stream says that {asked.message_id} has ended; it has not")
                events.append(event)
                last_event_id = event.id or last_event_id
                about = event.data.get("message_id") == asked.message_id
                if about and event.name == "chat_response":
                    await _close(stream)
                    return
                patience -= 1
                if patience <= 0:
                    break
            await _close(stream)
            await asyncio.sleep(0.1)

    async def until_indexed(self) -> None:
        """Wait until no document is in the works.

        Raises:
            Broken: One is for more than a minute.
        """
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            waiting = [
                document["filename"]
                for document in await self._documents()
                if document["status"] in {"pending", "processing"}
            ]
            if not waiting:
                return
            # Deaths of other seeds' processes start the minute anew.
            if time.monotonic() > give_up_at and calm_seconds() > PATIENCE_SECONDS:
                raise Broken(f"still not indexed after {PATIENCE_SECONDS:.0f} s: {waiting}")
            await asyncio.sleep(0.3)

    async def look(self) -> Outcome:
        """Read everything back, once the ledger has caught up."""
        outcome = Outcome()
        for shown in await self._documents():
            stored = await self._stored_document(shown)
            outcome.documents.setdefault(shown["filename"], []).append(stored)
        conversations = await self.gateway.get("/api/v1/conversation?per_page=100")
        for conversation in conversations["conversations"]:
            messages = await self._finished_messages(conversation["id"])
            outcome.messages[conversation["id"]] = messages
        for asked in self.history.accepted:
            task = await self.gateway.get(f"/api/v1/tasks/{asked.task_id}/status")
            outcome.tasks[str(asked.task_id)] = task
        answers = sum(
            message["role"] == "assistant"
            for messages in outcome.messages.values()
            for message in messages
        )
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            export = {"type": "usage", "format": "json"}
            outcome.ledger = (await self._post("/api/v1/analytic/export", export))["usage_logs"]
            if len(outcome.ledger) >= answers or (
                time.monotonic() > give_up_at and calm_seconds() > PATIENCE_SECONDS
            ):
                return outcome
            await asyncio.sleep(0.3)

    async def _finished_messages(self, conversation_id: str) -> list[dict[str, Any]]:
        """Return a conversation once every question has its answer, or a minute is over."""
        path = f"/api/v1/conversation/{conversation_id}/messages?per_page=100"
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            messages: list[dict[str, Any]] = (await self.gateway.get(path))["messages"]
            answered = sum(message["role"] == "assistant" for message in messages) * 2
            if answered >= len(messages) or (
                time.monotonic() > give_up_at and calm_seconds() > PATIENCE_SECONDS
            ):
                return messages
            await asyncio.sleep(0.3)

    async def _documents(self) -> list[dict[str, Any]]:
        found = await self.gateway.get("/api/v1/document?per_page=100")
        documents: list[dict[str, Any]] = found["documents"]
        return documents

    async def _stored_document(self, shown: Mapping[str, Any]) -> StoredDocument:
        detail = await self.gateway.get(f"/api/v1/document/{shown['id']}?per_page=100")
        chunks = detail["chunks"]
        word = str(shown["filename"]).removesuffix(".md")
        query = {"agent_id": self.agent_id, "query": f"What is code {word}-0?", "limit": 50}
        results = (await self._post("/api/v1/search/document", query))["results"]
        found = [one["chunk_id"] for one in results if one["document_id"] == shown["id"]]
        return StoredDocument(dict(detail["document"]), chunks, found)

    async def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        return await self.gateway.insist(lambda: self.gateway.send("POST", path, json=body))

    def _new_word(self) -> str:
        self._numbers += 1
        return f"{self.name}w{self._numbers}"


def _filler(chance: random.Random) -> str:
    # Search shows one of several passages that say the same.
    return re.sub(r"\b\w{4,}\b", lambda word: f"{word[0]}{chance.randrange(100)}", FILLER)


async def _close(stream: AsyncIterator[Any]) -> None:
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()

"""What a chat turn over documents must cost at least: the program that the platform is held to.

One process does in the straightest way what a question needs: check the token, embed the question,
set the tenant and find its passages under row-level security, ask the model, pass its events on,
and store the question. No gateway, limits, events, citations, history, recovery or second process.
The ratio of the platform's cost to this one's says what those cost, on whatever machine it runs.
"""

import argparse
import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

import aiohttp
import asyncpg
import numpy as np
import orjson
import uvicorn
from jose import jwt
from pgvector.asyncpg import register_vector

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_CONNECTIONS: Final = 4
_STORE_SECONDS: Final = 0.05
ALGORITHM: Final = "HS256"

SCHEMA: Final = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE passages (
    tenant_id uuid NOT NULL, agent_id uuid NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY,
    body text NOT NULL, embedding vector(384) NOT NULL, PRIMARY KEY (tenant_id, id)
);
CREATE TABLE messages (
    tenant_id uuid NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY, body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (tenant_id, id)
);
ALTER TABLE passages ENABLE ROW LEVEL SECURITY;
ALTER TABLE messages ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON passages USING (tenant_id = current_setting('app.tenant', true)::uuid);
CREATE POLICY own ON messages USING (tenant_id = current_setting('app.tenant', true)::uuid);
CREATE FUNCTION find_passages(tenant uuid, agent uuid, question vector)
RETURNS TABLE (body text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.tenant', tenant::text, true);
    RETURN QUERY SELECT p.body FROM passages p
        WHERE p.tenant_id = tenant AND p.agent_id = agent
        ORDER BY p.embedding <=> question LIMIT 5;
END $$;
CREATE FUNCTION store_messages(tenant uuid, bodies text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.tenant', tenant::text, true);
    INSERT INTO messages (tenant_id, body) SELECT tenant, unnest(bodies);
END $$;
"""


class Limit:
    """The program, as an ASGI application."""

    def __init__(self, *, dsn: str, models: str, secret: str) -> None:
        self._dsn = dsn
        self._models = models
        self._secret = secret
        self._free: asyncio.Queue[asyncpg.Connection[asyncpg.Record]] = asyncio.Queue()
        self._verified: dict[bytes, dict[str, Any]] = {}
        self._unstored: dict[UUID, list[str]] = {}
        self._storing: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve `POST /chat`."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._chat(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        for _ in range(_CONNECTIONS):
            connection = await asyncpg.connect(self._dsn)
            await register_vector(connection)
            self._free.put_nowait(connection)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._http.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _chat(self, scope: Scope, receive: Receive, send: Send) -> None:
        claims = self._claims(dict(scope["headers"])[b"authorization"])
        question = orjson.loads((await receive())["body"])["message"]
        tenant, agent = UUID(claims["tenant"]), UUID(claims["agent"])
        passages = await self._call(
            "SELECT find_passages($1, $2, $3) AS body",
            tenant,
            agent,
            await self._embedding(question),
        )
        context = "\n\n".join(row["body"] for row in passages)
        messages = [
            {"role": "system", "content": f"Answer from these passages.\n\n{context}"},
            {"role": "user", "content": question},
        ]
        asked = orjson.dumps({"model": "stub", "stream": True, "messages": messages})
        self._store(tenant, question)
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"text/event-stream")],
            }
        )
        async with self._http.post(f"{self._models}/chat/completions", data=asked) as reply:
            async for piece in reply.content.iter_any():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def _claims(self, header: bytes) -> dict[str, Any]:
        known = self._verified.get(header)
        if known is None or known["exp"] < time.time():
            known = jwt.decode(header[7:].decode(), self._secret, algorithms=[ALGORITHM])
            self._verified[header] = known
        return known

    async def _embedding(self, question: str) -> "np.ndarray[Any, np.dtype[np.float32]]":
        asked = orjson.dumps({"model": "stub", "input": question, "encoding_format": "base64"})
        async with self._http.post(f"{self._models}/embeddings", data=asked) as reply:
            answer = orjson.loads(await reply.read())
        return np.frombuffer(base64.b64decode(answer["data"][0]["embedding"]), "<f4")

    async def _call(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        connection = await self._free.get()
        try:
            rows: list[asyncpg.Record] = await connection.fetch(statement, *arguments)
        finally:
            self._free.put_nowait(connection)
        return rows

    def _store(self, tenant: UUID, question: str) -> None:
        self._unstored.setdefault(tenant, []).append(question)
        if self._storing is None:
            self._storing = asyncio.create_task(self._store_together())

    async def _store_together(self) -> None:
        await asyncio.sleep(_STORE_SECONDS)
        self._storing = None
        unstored, self._unstored = self._unstored, {}
        for tenant, questions in unstored.items():
            await self._call("SELECT store_messages($1, $2)", tenant, questions)


def main() -> None:
    """Serve on the loopback interface until told to stop."""
    parser = argparse.ArgumentParser()
    for name in ("dsn", "models", "secret"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    limit = Limit(dsn=given.dsn, models=given.models, secret=given.secret)
    with suppress(KeyboardInterrupt):
        uvicorn.run(
            limit,
            host="127.0.0.1",
            port=given.port,
            log_level="warning",
            access_log=False,
            loop="uvloop",
            http="httptools",
            backlog=4_096,
        )


if __name__ == "__main__":
    main()

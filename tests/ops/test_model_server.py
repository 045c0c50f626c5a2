"""The model server, with the real models."""

import asyncio
import base64
import hashlib
import struct
import threading
from pathlib import Path

import httpx
import pytest

from ops.errors import OpsError
from ops.model_server.app import EMBEDDING_MODEL, RERANK_MODEL, ModelServer
from ops.model_server.encoders import Embedder, Reranker
from ops.model_server.fetch import fetch_chat_model
from ops.model_server.files import RETRIEVAL, chat_file, missing_files
from ops.model_server.pool import BULK, URGENT, InferencePool, QueueFull

KEY = "a-key"
WARRANTY = "Batteries carry a warranty of three years or 800 full charges."
LEAVE = "Everyone has 27 working days of annual leave."
QUESTION = "How long is the warranty on the battery?"


@pytest.fixture(scope="module")
def server(models_dir: Path) -> ModelServer:
    return ModelServer(
        embedder=Embedder(models_dir),
        reranker=Reranker(models_dir),
        pool=InferencePool(threads=2, capacity=100),
        api_key=KEY,
    )


@pytest.fixture
def client(server: ModelServer) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=server.application()),
        base_url="http://models",
        headers={"Authorization": f"Bearer {KEY}"},
    )


def dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


class TestEmbeddings:
    async def test_a_stranger_gets_nothing(self, client: httpx.AsyncClient) -> None:
        reply = await client.post(
            "/v1/embeddings", json={"input": "x"}, headers={"Authorization": "Bearer other"}
        )
        assert reply.status_code == 401

    async def test_likeness_follows_meaning(self, client: httpx.AsyncClient) -> None:
        reply = await client.post(
            "/v1/embeddings", json={"input": [QUESTION, WARRANTY, LEAVE], "model": EMBEDDING_MODEL}
        )
        body = reply.json()
        question, warranty, leave = (entry["embedding"] for entry in body["data"])
        assert len(question) == 384
        assert dot(question, question) == pytest.approx(1, abs=1e-4)
        assert dot(question, warranty) > dot(question, leave) + 0.1
        assert body["usage"]["prompt_tokens"] > 20

    async def test_base64_holds_the_same_numbers(self, client: httpx.AsyncClient) -> None:
        plain = await client.post("/v1/embeddings", json={"input": LEAVE})
        packed = await client.post(
            "/v1/embeddings", json={"input": LEAVE, "encoding_format": "base64"}
        )
        raw = base64.b64decode(packed.json()["data"][0]["embedding"])
        numbers = list(struct.unpack(f"<{len(raw) // 4}f", raw))
        assert numbers == pytest.approx(plain.json()["data"][0]["embedding"])

    async def test_neighbours_in_a_request_change_nothing(self, client: httpx.AsyncClient) -> None:
        alone = await client.post("/v1/embeddings", json={"input": LEAVE})
        among = await client.post("/v1/embeddings", json={"input": ["a" * 3000, LEAVE, "b"]})
        assert alone.json()["data"][0]["embedding"] == among.json()["data"][1]["embedding"]

    @pytest.mark.parametrize(
        "body", [{"input": []}, {"input": ""}, {}, {"input": "x", "dimensions": 768}]
    )
    async def test_says_what_is_wrong(
        self, client: httpx.AsyncClient, body: dict[str, object]
    ) -> None:
        reply = await client.post("/v1/embeddings", json=body)
        assert reply.status_code == 400
        assert reply.json()["error"]["message"]


class TestRerank:
    async def test_the_answer_comes_first(self, client: httpx.AsyncClient) -> None:
        reply = await client.post(
            "/v1/rerank",
            json={"model": RERANK_MODEL, "query": QUESTION, "documents": [LEAVE, WARRANTY]},
        )
        first, second = reply.json()["results"]
        assert (first["index"], second["index"]) == (1, 0)
        assert first["relevance_score"] > 0.9
        assert second["relevance_score"] < 0.12

    async def test_top_n(self, client: httpx.AsyncClient) -> None:
        body = {"query": QUESTION, "documents": [LEAVE, WARRANTY], "top_n": 1}
        reply = await client.post("/v1/rerank", json=body)
        assert [result["index"] for result in reply.json()["results"]] == [1]


class TestPool:
    async def test_a_full_queue_refuses_and_urgent_work_goes_first(self) -> None:
        pool = InferencePool(threads=1, capacity=3)
        gate = threading.Event()
        order: list[str] = []
        blocker = asyncio.create_task(pool.run([gate.wait], priority=BULK))
        await asyncio.sleep(0.05)
        jobs = [lambda: order.append("bulk")] * 2
        bulk = asyncio.create_task(pool.run(jobs, priority=BULK))
        await asyncio.sleep(0)
        urgent = asyncio.create_task(pool.run([lambda: order.append("urgent")], priority=URGENT))
        await asyncio.sleep(0)
        with pytest.raises(QueueFull):
            await pool.run([lambda: None], priority=URGENT)

        gate.set()
        await asyncio.gather(blocker, bulk, urgent)

        assert order == ["urgent", "bulk", "bulk"]


class TestFiles:
    def test_each_is_what_its_checksum_says(self, models_dir: Path) -> None:
        assert missing_files(models_dir) == []
        for file in RETRIEVAL:
            content = (models_dir / file.name).read_bytes()
            assert hashlib.sha256(content).hexdigest() == file.sha256

    def test_another_file_is_not_taken_for_the_chat_model(self, tmp_path: Path) -> None:
        given = tmp_path / "model.gguf"
        given.write_bytes(b"GGUF, but another")
        with pytest.raises(OpsError, match="is not the file it should be"):
            fetch_chat_model(tmp_path / "models", given=given)
        assert chat_file(tmp_path / "models") is None

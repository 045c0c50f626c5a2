"""Embeddings and rerank, against a small server that answers as it is told."""

import base64
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from libs.common.http.outbound import Outbound
from libs.common.outbound import OutboundPolicy
from services.documents.adapters import model_calls
from services.documents.adapters.embeddings import Embedders, HttpEmbedder, prefixes_of
from services.documents.adapters.rerank import HttpReranker
from services.documents.domain.errors import (
    EmbeddingRejected,
    EmbeddingUnavailable,
    RerankUnavailable,
)
from services.documents.domain.ports import EmbeddingChoice, EmbeddingSpace

Answer = Callable[[dict[str, object]], web.Response]
SPACE = EmbeddingSpace(model="bge-small-en-v1.5", dimension=4)


class ModelServer:
    """Answers the next requests with `answers`, and from then on with `usual`."""

    def __init__(self) -> None:
        self.answers: list[web.Response] = []
        self.usual: Answer = lambda _body: web.Response(status=500)
        self.bodies: list[dict[str, object]] = []
        self.keys: list[str | None] = []

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.bodies.append(body)
        self.keys.append(request.headers.get("authorization"))
        return self.answers.pop(0) if self.answers else self.usual(body)


@pytest.fixture
def model() -> ModelServer:
    return ModelServer()


@pytest.fixture
async def base_url(model: ModelServer) -> AsyncIterator[str]:
    application = web.Application(client_max_size=10**8)
    application.router.add_post("/v1/{route}", model.handle)
    async with TestServer(application) as server:
        yield str(server.make_url("/v1"))


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_calls, "FIRST_WAIT_SECONDS", 0.001)


@pytest.fixture
def embedder(base_url: str, http: aiohttp.ClientSession) -> HttpEmbedder:
    return HttpEmbedder(SPACE, base_url=base_url, api_key="sk-1", http=http)


@pytest.fixture
def reranker(base_url: str, http: aiohttp.ClientSession) -> HttpReranker:
    return HttpReranker(url=f"{base_url}/rerank", model="m", api_key=None, http=http)


@pytest.fixture
async def guarded() -> AsyncIterator[Outbound]:
    """The process' sessions, in production."""
    async with Outbound.open(OutboundPolicy(allow_private=False)) as outbound:
        yield outbound


def choice(key: str, *, base_url: str = "http://x/v1") -> EmbeddingChoice:
    return EmbeddingChoice(provider="x", model="m", dimension=4, base_url=base_url, api_key=key)


def embeddings(
    body: dict[str, object], *, dimension: int = 4, form: str = "base64"
) -> web.Response:
    """Give each text a vector that begins with its length; the order is the wrong way round."""
    texts = body["input"]
    assert isinstance(texts, list)
    data = []
    for index, text in reversed(list(enumerate(texts))):
        vector = np.array([len(text), *range(1, dimension)], dtype=np.float32)
        value = base64.b64encode(vector.tobytes()).decode() if form == "base64" else vector.tolist()
        data.append({"index": index, "embedding": value})
    return web.json_response({"data": data})


class TestHttpEmbedder:
    @pytest.mark.parametrize("form", ["base64", "float"])
    async def test_gives_unit_vectors_in_order(
        self, embedder: HttpEmbedder, model: ModelServer, form: str
    ) -> None:
        model.usual = lambda body: embeddings(body, form=form)

        vectors = await embedder.embed(["a", "abc"], kind="passage")

        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1])
        assert vectors[0] == pytest.approx(np.array([1, 1, 2, 3]) / np.sqrt(15), abs=1e-6)
        assert vectors[1] == pytest.approx(np.array([3, 1, 2, 3]) / np.sqrt(23), abs=1e-6)
        assert model.bodies[0]["encoding_format"] == "base64"
        assert model.keys == ["Bearer sk-1"]

    async def test_asks_in_batches(self, embedder: HttpEmbedder, model: ModelServer) -> None:
        model.usual = embeddings

        vectors = await embedder.embed(["x"] * 300, kind="passage")

        assert vectors.shape == (300, 4)
        assert [len(body["input"]) for body in model.bodies] == [128, 128, 44]  # type: ignore[arg-type]  # JSON, typed as objects

    async def test_a_query_is_marked_as_the_model_wants(
        self, embedder: HttpEmbedder, model: ModelServer
    ) -> None:
        model.usual = embeddings

        await embedder.embed(["refunds"], kind="query")
        await embedder.embed(["refunds"], kind="passage")

        assert [body["input"] for body in model.bodies] == [
            ["Represent this sentence for searching relevant passages: refunds"],
            ["refunds"],
        ]

    async def test_no_texts_need_no_model(self, embedder: HttpEmbedder, model: ModelServer) -> None:
        assert (await embedder.embed([], kind="passage")).shape == (0, 4)
        assert model.bodies == []

    @pytest.mark.parametrize("status", [429, 500, 503])
    async def test_tries_again_when_the_model_is_busy(
        self, embedder: HttpEmbedder, model: ModelServer, status: int
    ) -> None:
        model.answers = [web.Response(status=status, headers={"retry-after": "0.01"})] * 1
        model.usual = embeddings

        assert (await embedder.embed(["x"], kind="passage")).shape == (1, 4)
        assert len(model.bodies) == 2

    async def test_gives_up_after_a_few_attempts(
        self, embedder: HttpEmbedder, model: ModelServer
    ) -> None:
        with pytest.raises(EmbeddingUnavailable):
            await embedder.embed(["x"], kind="passage")

        assert len(model.bodies) == model_calls.ATTEMPTS

    async def test_leaves_a_dead_model_alone(
        self, embedder: HttpEmbedder, model: ModelServer
    ) -> None:
        for _ in range(4):
            with pytest.raises(EmbeddingUnavailable):
                await embedder.embed(["x"], kind="passage")

        assert len(model.bodies) == 5  # the breaker's threshold

    async def test_a_refusal_is_not_repeated(
        self, embedder: HttpEmbedder, model: ModelServer
    ) -> None:
        model.usual = lambda _body: web.json_response({"error": "bad key"}, status=401)

        with pytest.raises(EmbeddingRejected) as caught:
            await embedder.embed(["x"], kind="passage")

        assert "sk-1" not in str(caught.value.details)
        assert len(model.bodies) == 1

    async def test_another_dimension_is_refused(
        self, embedder: HttpEmbedder, model: ModelServer
    ) -> None:
        model.usual = lambda body: embeddings(body, dimension=3)

        with pytest.raises(EmbeddingRejected, match="dimension 4 is configured"):
            await embedder.embed(["x"], kind="passage")

    @pytest.mark.parametrize(
        "answer", [{}, [], {"data": [{}]}, {"data": [{"index": 0, "embedding": "?"}]}, {"data": []}]
    )
    async def test_another_shape_is_refused(
        self, embedder: HttpEmbedder, model: ModelServer, answer: object
    ) -> None:
        model.usual = lambda _body: web.json_response(answer)

        with pytest.raises(EmbeddingRejected):
            await embedder.embed(["x"], kind="passage")

    async def test_an_answer_without_an_end_is_refused(
        self, embedder: HttpEmbedder, model: ModelServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(model_calls, "MAX_ANSWER_BYTES", 1000)
        # Small on the wire, large when it is unpacked.
        packed = web.Response(body=b" " * 100_000)
        packed.enable_compression(web.ContentCoding.gzip)
        model.answers.append(packed)

        with pytest.raises(EmbeddingRejected):
            await embedder.embed(["text"], kind="query")

        assert len(model.bodies) == 1

    async def test_nobody_there(self, http: aiohttp.ClientSession) -> None:
        embedder = HttpEmbedder(SPACE, base_url="http://127.0.0.1:9/v1", api_key=None, http=http)

        with pytest.raises(EmbeddingUnavailable):
            await embedder.embed(["x"], kind="query")


class TestEmbedders:
    async def test_one_for_each_choice(self, guarded: Outbound) -> None:
        embedders = Embedders(platform=choice("ours"), outbound=guarded)

        assert embedders(None) is embedders(None)
        assert embedders(choice("a")) is embedders(choice("a"))
        assert embedders(choice("a")) is not embedders(choice("b"))
        assert embedders(None).space == EmbeddingSpace(model="m", dimension=4)

    async def test_keeps_tenants_out_of_the_operators_network(
        self, base_url: str, model: ModelServer, guarded: Outbound
    ) -> None:
        model.usual = embeddings
        own = choice("key", base_url=base_url)
        embedders = Embedders(platform=own, outbound=guarded)

        assert (await embedders(None).embed(["x"], kind="query")).shape == (1, 4)
        with pytest.raises(EmbeddingRejected) as refused:
            # The very same endpoint, named by a tenant.
            await embedders(replace(own)).embed(["x"], kind="query")

        assert "network" in str(refused.value.details["reason"])
        assert len(model.bodies) == 1


class TestPrefixes:
    def test_most_models_want_none(self) -> None:
        assert prefixes_of("text-embedding-3-small") == {"query": "", "passage": ""}
        assert prefixes_of("intfloat/multilingual-e5-small")["passage"] == "passage: "


class TestHttpReranker:
    async def test_gives_scores_in_the_order_of_the_texts(
        self, reranker: HttpReranker, model: ModelServer
    ) -> None:
        model.usual = lambda _body: web.json_response(
            {
                "results": [
                    {"index": 1, "relevance_score": 0.9},
                    {"index": 0, "relevance_score": 0.1},
                ]
            }
        )

        assert await reranker.rerank("refund", ["a", "b"]) == [0.1, 0.9]
        assert model.bodies == [{"model": "m", "query": "refund", "documents": ["a", "b"]}]
        assert model.keys == [None]

    async def test_no_texts_need_no_model(self, reranker: HttpReranker, model: ModelServer) -> None:
        assert await reranker.rerank("refund", []) == []
        assert model.bodies == []

    @pytest.mark.parametrize(
        "answer",
        [
            {},
            {"results": []},
            {"results": [{"index": 5, "relevance_score": 1}]},
            {"results": [{"index": -1, "relevance_score": 1}]},
        ],
    )
    async def test_an_answer_without_the_scores_is_none(
        self, reranker: HttpReranker, model: ModelServer, answer: object
    ) -> None:
        model.usual = lambda _body: web.json_response(answer)

        with pytest.raises(RerankUnavailable):
            await reranker.rerank("refund", ["a"])

    async def test_out_of_reach(self, reranker: HttpReranker, model: ModelServer) -> None:
        with pytest.raises(RerankUnavailable):
            await reranker.rerank("refund", ["a"])

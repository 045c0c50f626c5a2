"""Embeddings from any endpoint of OpenAI's shape: the local model server, OpenAI, vLLM, others."""

import base64
import binascii
import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, Literal, cast

import aiohttp
import numpy as np

from libs.common.http.outbound import Outbound
from services.documents.adapters.model_calls import ModelEndpoint, ModelOutOfReach, ModelRefused
from services.documents.domain.errors import EmbeddingRejected, EmbeddingUnavailable
from services.documents.domain.ports import Embedder, EmbeddingChoice, EmbeddingSpace, Vectors

BATCH_SIZE: Final = 128
# Somebody waits for a query; a batch of passages may take its time on a small machine.
QUERY_DEADLINE_SECONDS: Final = 10.0
PASSAGE_DEADLINE_SECONDS: Final = 180.0
MAX_EMBEDDERS: Final = 256

Kind = Literal["query", "passage"]

# What a model's own card asks to put before a text. First match wins; most models want nothing.
PREFIXES: Final[tuple[tuple[re.Pattern[str], dict[Kind, str]], ...]] = (
    (
        re.compile(r"bge-(small|base|large)-en"),
        {"query": "Represent this sentence for searching relevant passages: ", "passage": ""},
    ),
    (re.compile(r"\be5-|-e5-"), {"query": "query: ", "passage": "passage: "}),
    (
        re.compile(r"nomic-embed"),
        {"query": "search_query: ", "passage": "search_document: "},
    ),
)


class HttpEmbedder:
    """Fulfils `Embedder` through `POST …/embeddings`.

    Args:
        space: Model and dimension; answers of another dimension are refused.
        base_url: Ends in `/v1`.
        api_key: None for an endpoint that asks for none.
        http: The process' session.
    """

    def __init__(
        self,
        space: EmbeddingSpace,
        *,
        base_url: str,
        api_key: str | None,
        http: aiohttp.ClientSession,
    ) -> None:
        self._space = space
        self._endpoint = ModelEndpoint(
            f"{base_url.rstrip('/')}/embeddings", api_key=api_key, http=http, name="embeddings"
        )
        self._prefixes = prefixes_of(space.model)

    @property
    def space(self) -> EmbeddingSpace:
        """The space that the vectors belong to."""
        return self._space

    async def embed(self, texts: Sequence[str], *, kind: Kind) -> Vectors:
        """Return an array of shape (n, dimension), unit length, in the order of `texts`.

        Raises:
            EmbeddingUnavailable: The model does not answer; trying later may help.
            EmbeddingRejected: The model refuses (key, model name, dimension).
        """
        vectors = np.empty((len(texts), self._space.dimension), dtype=np.float32)
        for start in range(0, len(texts), BATCH_SIZE):
            batch = [self._prefixes[kind] + text for text in texts[start : start + BATCH_SIZE]]
            vectors[start : start + len(batch)] = await self._batch(batch, kind=kind)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.all(np.isfinite(norms)):
            raise EmbeddingRejected("The embedding model returned numbers that are not finite.")
        # A model may give zeros for a text it knows nothing of; it is then like nothing else.
        vectors /= np.where(norms == 0, 1, norms)
        return vectors

    async def _batch(self, texts: list[str], *, kind: Kind) -> Vectors:
        body: dict[str, object] = {
            "model": self._space.model,
            "input": texts,
            "encoding_format": "base64",
        }
        if self._space.model.startswith("text-embedding-3"):
            body["dimensions"] = self._space.dimension
        deadline = QUERY_DEADLINE_SECONDS if kind == "query" else PASSAGE_DEADLINE_SECONDS
        try:
            answer = await self._endpoint.post(body, deadline_seconds=deadline)
        except ModelOutOfReach as error:
            raise EmbeddingUnavailable(retry_after_seconds=2) from error
        except ModelRefused as error:
            raise EmbeddingRejected(details={"reason": str(error)}) from error
        return self._vectors(answer, count=len(texts))

    def _vectors(self, answer: object, *, count: int) -> Vectors:
        try:
            data = cast(dict[str, list[dict[str, object]]], answer)["data"]
            rows = [_vector(item["embedding"]) for item in sorted(data, key=_index)]
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise EmbeddingRejected("The embedding model's answer has another shape.") from error
        if len(rows) != count or any(row.shape != (self._space.dimension,) for row in rows):
            found = {int(row.shape[0]) for row in rows}
            raise EmbeddingRejected(
                f"The embedding model gave {len(rows)} vectors of dimension "
                f"{', '.join(map(str, found))} for {count} texts; dimension "
                f"{self._space.dimension} is configured."
            )
        return np.stack(rows)


class Embedders:
    """Fulfils `EmbedderFactory`: an embedder for each model in use, made once.

    Args:
        platform: The platform's own model, for agents that choose none.
        second: The platform's too: the one that it may move to.
        outbound: Keeps tenants' models out of the operator's network.
    """

    def __init__(
        self,
        *,
        platform: EmbeddingChoice,
        outbound: Outbound,
        second: EmbeddingChoice | None = None,
    ) -> None:
        self._platform = platform
        self._second = second
        self._outbound = outbound
        self._made: OrderedDict[tuple[object, ...], HttpEmbedder] = OrderedDict()

    def __call__(self, choice: EmbeddingChoice | None) -> Embedder:
        """Return an embedder; cheap to call again for the same choice."""
        wanted = choice or self._platform
        # By identity: what a tenant has typed may look the same.
        is_platforms = wanted is self._platform or wanted is self._second
        # The key belongs to the identity: a changed key must not meet the old one's breaker. So
        # does whose choice it is: a tenant that names our own private endpoint is still kept out.
        identity = (is_platforms, wanted.base_url, wanted.model, wanted.dimension, wanted.api_key)
        made = self._made.get(identity)
        if made is None:
            made = HttpEmbedder(
                EmbeddingSpace(model=wanted.model, dimension=wanted.dimension),
                base_url=wanted.base_url,
                api_key=wanted.api_key,
                http=self._outbound.session_for(wanted.base_url, trusted=is_platforms),
            )
            self._made[identity] = made
            if len(self._made) > MAX_EMBEDDERS:
                self._made.popitem(last=False)
        else:
            self._made.move_to_end(identity)
        return made


def prefixes_of(model: str) -> dict[Kind, str]:
    """Return what the model wants before a query and before a passage."""
    for pattern, prefixes in PREFIXES:
        if pattern.search(model.lower()):
            return prefixes
    return {"query": "", "passage": ""}


def _vector(value: object) -> Vectors:
    if isinstance(value, str):
        return np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4")
    # Some servers overlook `encoding_format`.
    return np.asarray(value, dtype=np.float32).reshape(-1)


def _index(item: dict[str, object]) -> int:
    return int(cast(int, item["index"]))

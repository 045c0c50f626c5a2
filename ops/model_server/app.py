"""The HTTP side: OpenAI's shape for embeddings, the usual shape for reranking."""

import base64
import functools
import hmac
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Final, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, StringConstraints, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ops.model_server.encoders import DIMENSION, QUERY_INSTRUCTION, Embedder, Reranker
from ops.model_server.pool import BULK, URGENT, InferencePool, QueueFull

EMBEDDING_MODEL: Final = "bge-small-en-v1.5"
RERANK_MODEL: Final = "ms-marco-minilm-l12"
STARTED: Final = int(time.time())
# More than a question or two is somebody indexing.
URGENT_TEXTS: Final = 4
RETRY_AFTER_SECONDS: Final = 2

Text = Annotated[str, StringConstraints(max_length=200_000)]
B = TypeVar("B", bound=BaseModel)
R = TypeVar("R")


class EmbeddingsIn(BaseModel):
    """A request for embeddings."""

    model: str = EMBEDDING_MODEL
    input: (
        Annotated[str, StringConstraints(min_length=1, max_length=200_000)]
        | Annotated[list[Text], Field(min_length=1, max_length=2048)]
    )
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    input_type: Literal["query", "document"] | None = None


class RerankIn(BaseModel):
    """A request for relevance scores."""

    model: str = RERANK_MODEL
    query: Text
    documents: Annotated[list[Text], Field(min_length=1, max_length=256)]
    top_n: Annotated[int, Field(ge=1)] | None = None


class Refused(Exception):
    """What the caller did wrong, as OpenAI's clients expect to read it."""

    def __init__(self, message: str, *, status: int = 400, kind: str = "invalid_request_error"):
        super().__init__(message)
        self.status = status
        self.kind = kind


class ModelServer:
    """The routes and what they need."""

    def __init__(
        self, *, embedder: Embedder, reranker: Reranker, pool: InferencePool, api_key: str | None
    ) -> None:
        self._embedder = embedder
        self._reranker = reranker
        self._pool = pool
        self._api_key = api_key

    def application(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                Route("/v1/embeddings", self.embeddings, methods=["POST"]),
                Route("/v1/rerank", self.rerank, methods=["POST"]),
                Route("/v1/models", self.models),
                *(
                    Route(path, self.health)
                    for path in ("/health", "/health/live", "/health/ready")
                ),
            ],
            exception_handlers={Refused: _refuse, QueueFull: _busy},
        )

    async def embeddings(self, request: Request) -> Response:
        """Return a vector for each input."""
        body = await self._read(request, EmbeddingsIn)
        if body.dimensions not in {None, DIMENSION}:
            raise Refused(f"{EMBEDDING_MODEL} makes vectors of {DIMENSION} numbers only.")
        texts = [body.input] if isinstance(body.input, str) else body.input
        instruction = QUERY_INSTRUCTION if body.input_type == "query" else ""
        jobs = [functools.partial(self._embedder.embed, instruction + text) for text in texts]
        results = await self._run(jobs, urgent=len(jobs) <= URGENT_TEXTS)
        used = sum(tokens for _, tokens in results)
        return JSONResponse(
            {
                "object": "list",
                "model": EMBEDDING_MODEL,
                "data": [
                    {
                        "object": "embedding",
                        "index": index,
                        "embedding": _encoded(vector, body.encoding_format),
                    }
                    for index, (vector, _) in enumerate(results)
                ],
                "usage": {"prompt_tokens": used, "total_tokens": used},
            }
        )

    async def rerank(self, request: Request) -> Response:
        """Return the documents' relevance to the query, best first."""
        body = await self._read(request, RerankIn)
        jobs = [
            functools.partial(self._reranker.score, body.query, document)
            for document in body.documents
        ]
        results = await self._run(jobs, urgent=True)
        ranked = sorted(
            (
                {"index": index, "relevance_score": score}
                for index, (score, _) in enumerate(results)
            ),
            key=lambda entry: entry["relevance_score"],
            reverse=True,
        )
        used = sum(tokens for _, tokens in results)
        return JSONResponse(
            {
                "model": RERANK_MODEL,
                "results": ranked[: body.top_n],
                "usage": {"total_tokens": used},
            }
        )

    async def models(self, request: Request) -> Response:
        """List both models."""
        self._authorize(request)
        return JSONResponse(
            {
                "object": "list",
                "data": [
                    {"id": name, "object": "model", "created": STARTED, "owned_by": "knowrithm"}
                    for name in (EMBEDDING_MODEL, RERANK_MODEL)
                ],
            }
        )

    async def health(self, _request: Request) -> Response:
        """Say that the models are loaded, and how much waits for them."""
        return JSONResponse({"status": "healthy", "waiting": self._pool.waiting})

    async def _run(self, jobs: Sequence[Callable[[], R]], *, urgent: bool) -> list[R]:
        return await self._pool.run(jobs, priority=URGENT if urgent else BULK)

    async def _read(self, request: Request, kind: type[B]) -> B:
        self._authorize(request)
        try:
            return kind.model_validate_json(await request.body())
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "body"
            raise Refused(f"{where}: {first['msg']}") from None

    def _authorize(self, request: Request) -> None:
        if self._api_key is None:
            return
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._api_key.encode()):
            raise Refused("The API key is wrong.", status=401, kind="authentication_error")


def _encoded(vector: NDArray[np.float32], encoding: str) -> list[float] | str:
    if encoding == "base64":
        return base64.b64encode(vector.tobytes()).decode()
    numbers: list[float] = vector.tolist()
    return numbers


def _refuse(_request: Request, error: Exception) -> Response:
    refused = error if isinstance(error, Refused) else Refused(str(error))
    return JSONResponse(
        {"error": {"message": str(refused), "type": refused.kind, "code": None}},
        status_code=refused.status,
    )


def _busy(_request: Request, _error: Exception) -> Response:
    return JSONResponse(
        {"error": {"message": "The model server is busy.", "type": "overloaded", "code": None}},
        status_code=503,
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )

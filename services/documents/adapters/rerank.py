"""A cross-encoder behind HTTP, in the shape that Cohere, Jina, vLLM and our model server share."""

from collections.abc import Sequence
from typing import Final, cast

import aiohttp

from services.documents.adapters.model_calls import ModelEndpoint, ModelOutOfReach, ModelRefused
from services.documents.domain.errors import RerankUnavailable

# Ten passages take a small machine 0.3 s of CPU; a queue of questions some more. A search asks
# twice, and who waits for its answer gives it 15 s in all: better unranked than not at all.
DEADLINE_SECONDS: Final = 6.0


class HttpReranker:
    """Fulfils `Reranker` through one POST.

    Args:
        url: Of the rerank route itself.
        model: Its name there.
        api_key: None for an endpoint that asks for none.
        http: The process' session.
    """

    def __init__(
        self, *, url: str, model: str, api_key: str | None, http: aiohttp.ClientSession
    ) -> None:
        self._model = model
        self._endpoint = ModelEndpoint(url, api_key=api_key, http=http, name="rerank")

    async def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        """Return a score from 0 to 1 for each text, in the order of `texts`.

        Raises:
            RerankUnavailable: The model does not answer, or not as it should.
        """
        if not texts:
            return []
        body = {"model": self._model, "query": query, "documents": list(texts)}
        try:
            answer = await self._endpoint.post(body, deadline_seconds=DEADLINE_SECONDS)
        except (ModelOutOfReach, ModelRefused) as error:
            raise RerankUnavailable(details={"reason": str(error)}) from error
        scores: list[float | None] = [None] * len(texts)
        try:
            for result in cast(dict[str, list[dict[str, float]]], answer)["results"]:
                index = int(result["index"])
                if index < 0:
                    raise IndexError(index)
                scores[index] = min(1.0, max(0.0, float(result["relevance_score"])))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise RerankUnavailable(details={"reason": "malformed answer"}) from error
        if None in scores:
            raise RerankUnavailable(details={"reason": "scores are missing"})
        return cast(list[float], scores)

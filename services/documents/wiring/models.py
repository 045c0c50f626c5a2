"""The platform's embedding models, from the environment."""

from services.documents.domain.moves import TwoModels
from services.documents.domain.ports import EmbeddingChoice
from services.documents.settings import Settings


def platform_embedding(settings: Settings) -> EmbeddingChoice:
    """Return the platform's own model, for agents that choose none."""
    key = settings.embedding_api_key
    return EmbeddingChoice(
        provider="platform",
        model=settings.embedding_model,
        dimension=settings.embedding_dimension,
        base_url=settings.embedding_base_url,
        api_key=key.get_secret_value() if key else None,
    )


def two_models(settings: Settings) -> TwoModels | None:
    """Return the platform's two models, while it has two."""
    if settings.next_embedding_model is None:
        return None
    first = platform_embedding(settings)
    key = settings.next_embedding_api_key
    base_url, api_key = settings.next_embedding_base_url, key.get_secret_value() if key else None
    if base_url is None:
        base_url, api_key = first.base_url, api_key or first.api_key
    second = EmbeddingChoice(
        provider="platform",
        model=settings.next_embedding_model,
        dimension=settings.next_embedding_dimension,
        base_url=base_url,
        api_key=api_key,
    )
    return TwoModels(first=first, second=second)

"""The providers and models that every tenant may choose from, as the first migration seeds them.

Frozen: what is added later comes with a migration of its own. Ids are derived from names, so that
they are the same in every installation. Prices are US dollars per million tokens (input, output),
as published by the providers; a tenant can correct its own view of them.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

_NAMESPACE: Final = UUID("6f0b3c1e-4d55-4f5e-9a63-0c5f7c1d2b10")


@dataclass(frozen=True, kw_only=True)
class SeedModel:
    """A model as the catalogue first knows it."""

    name: str
    display_name: str
    kind: str
    context: int | None = None
    dimension: int | None = None
    prices: tuple[float | None, float | None] = (None, None)


@dataclass(frozen=True, kw_only=True)
class SeedProvider:
    """A provider as the catalogue first knows it; the base URL is OpenAI-compatible."""

    name: str
    label: str
    description: str
    kind: str
    models: tuple[SeedModel, ...]
    base_url: str | None = None
    requires_key: bool = True

    @property
    def id(self) -> UUID:
        """The same in every installation."""
        return uuid5(_NAMESPACE, self.name)

    def model_id(self, model: SeedModel) -> UUID:
        """The same in every installation."""
        return uuid5(self.id, f"{model.kind}:{model.name}")


def _chat(name: str, display_name: str, context: int, *prices: float) -> SeedModel:
    return SeedModel(
        name=name,
        display_name=display_name,
        kind="llm",
        context=context,
        prices=(prices[0], prices[1]) if prices else (None, None),
    )


def _embedding(
    name: str, display_name: str, dimension: int, context: int, *prices: float
) -> SeedModel:
    return SeedModel(
        name=name,
        display_name=display_name,
        kind="embedding",
        context=context,
        dimension=dimension,
        prices=(prices[0], None) if prices else (None, None),
    )


PROVIDERS: Final[tuple[SeedProvider, ...]] = (
    SeedProvider(
        name="knowrithm-local",
        label="Knowrithm (local)",
        description="The platform's own models; no key needed. Without a chat model the agent"
        " answers with quotes from its documents.",
        kind="both",
        requires_key=False,
        models=(
            _chat("extractive", "The platform's chat model, or quotes", 4096),
            _embedding("bge-small-en-v1.5", "BGE small, English", 384, 512),
        ),
    ),
    SeedProvider(
        name="openai",
        label="OpenAI",
        description="GPT models and embeddings.",
        kind="both",
        base_url="https://api.openai.com/v1",
        models=(
            _chat("gpt-3.5-turbo", "GPT-3.5 Turbo", 16_385, 0.5, 1.5),
            _chat("gpt-3.5-turbo-16k", "GPT-3.5 Turbo 16k", 16_385, 3, 4),
            _chat("gpt-4-turbo", "GPT-4 Turbo", 128_000, 10, 30),
            _chat("gpt-4o", "GPT-4o", 128_000, 2.5, 10),
            _chat("gpt-4o-mini", "GPT-4o mini", 128_000, 0.15, 0.6),
            _chat("gpt-4.1", "GPT-4.1", 1_047_576, 2, 8),
            _chat("gpt-4.1-mini", "GPT-4.1 mini", 1_047_576, 0.4, 1.6),
            _chat("gpt-4.1-nano", "GPT-4.1 nano", 1_047_576, 0.1, 0.4),
            _chat("o3", "o3", 200_000, 2, 8),
            _chat("o4-mini", "o4-mini", 200_000, 1.1, 4.4),
            _chat("gpt-5", "GPT-5", 400_000, 1.25, 10),
            _chat("gpt-5-mini", "GPT-5 mini", 400_000, 0.25, 2),
            _chat("gpt-5-nano", "GPT-5 nano", 400_000, 0.05, 0.4),
            _embedding("text-embedding-ada-002", "Embedding Ada 002", 1536, 8191, 0.1),
            _embedding("text-embedding-3-small", "Embedding 3 small", 1536, 8191, 0.02),
            _embedding("text-embedding-3-large", "Embedding 3 large", 3072, 8191, 0.13),
        ),
    ),
    SeedProvider(
        name="gemini",
        label="Google Gemini",
        description="Gemini models through Google's OpenAI-compatible endpoint.",
        kind="both",
        base_url="https://generativelanguage.googleapis.com/v1beta/openai",
        models=(
            _chat("gemini-2.5-pro", "Gemini 2.5 Pro", 1_048_576, 1.25, 10),
            _chat("gemini-2.5-flash", "Gemini 2.5 Flash", 1_048_576, 0.3, 2.5),
            _chat("gemini-2.5-flash-lite", "Gemini 2.5 Flash-Lite", 1_048_576, 0.1, 0.4),
            _chat("gemini-2.0-flash", "Gemini 2.0 Flash", 1_048_576, 0.1, 0.4),
            _embedding("gemini-embedding-001", "Gemini Embedding", 3072, 2048, 0.15),
            _embedding("text-embedding-004", "Text Embedding 004", 768, 2048),
        ),
    ),
    SeedProvider(
        name="anthropic",
        label="Anthropic",
        description="Claude models through Anthropic's OpenAI-compatible endpoint.",
        kind="llm",
        base_url="https://api.anthropic.com/v1",
        models=(
            _chat("claude-opus-4-1", "Claude Opus 4.1", 200_000, 15, 75),
            _chat("claude-sonnet-4-5", "Claude Sonnet 4.5", 200_000, 3, 15),
            _chat("claude-sonnet-4-0", "Claude Sonnet 4", 200_000, 3, 15),
            _chat("claude-haiku-4-5", "Claude Haiku 4.5", 200_000, 1, 5),
            _chat("claude-3-5-haiku-latest", "Claude Haiku 3.5", 200_000, 0.8, 4),
        ),
    ),
    SeedProvider(
        name="mistral",
        label="Mistral",
        description="Mistral's models and embeddings.",
        kind="both",
        base_url="https://api.mistral.ai/v1",
        models=(
            _chat("mistral-large-latest", "Mistral Large", 131_072, 2, 6),
            _chat("mistral-medium-latest", "Mistral Medium", 131_072, 0.4, 2),
            _chat("mistral-small-latest", "Mistral Small", 131_072, 0.1, 0.3),
            _chat("ministral-8b-latest", "Ministral 8B", 131_072, 0.1, 0.1),
            _embedding("mistral-embed", "Mistral Embed", 1024, 8192, 0.1),
        ),
    ),
    SeedProvider(
        name="groq",
        label="Groq",
        description="Open models at high speed.",
        kind="llm",
        base_url="https://api.groq.com/openai/v1",
        models=(
            _chat("llama-3.3-70b-versatile", "Llama 3.3 70B", 131_072, 0.59, 0.79),
            _chat("llama-3.1-8b-instant", "Llama 3.1 8B", 131_072, 0.05, 0.08),
            _chat("openai/gpt-oss-120b", "GPT-OSS 120B", 131_072, 0.15, 0.75),
            _chat("openai/gpt-oss-20b", "GPT-OSS 20B", 131_072, 0.1, 0.5),
        ),
    ),
    SeedProvider(
        name="cohere",
        label="Cohere",
        description="Command models and embeddings through Cohere's compatibility endpoint.",
        kind="both",
        base_url="https://api.cohere.ai/compatibility/v1",
        models=(
            _chat("command-a-03-2025", "Command A", 256_000, 2.5, 10),
            _chat("command-r-plus-08-2024", "Command R+", 128_000, 2.5, 10),
            _chat("command-r-08-2024", "Command R", 128_000, 0.15, 0.6),
            _embedding("embed-v4.0", "Embed 4", 1536, 128_000, 0.12),
            _embedding("embed-english-v3.0", "Embed English 3", 1024, 512, 0.1),
            _embedding("embed-multilingual-v3.0", "Embed Multilingual 3", 1024, 512, 0.1),
        ),
    ),
    SeedProvider(
        name="azure-openai",
        label="Azure OpenAI",
        description="Your own Azure resource; give its base URL, as in"
        " https://RESOURCE.openai.azure.com/openai/v1.",
        kind="both",
        models=(
            _chat("gpt-4o", "GPT-4o", 128_000, 2.5, 10),
            _chat("gpt-4o-mini", "GPT-4o mini", 128_000, 0.15, 0.6),
            _chat("gpt-4.1", "GPT-4.1", 1_047_576, 2, 8),
            _embedding("text-embedding-ada-002", "Embedding Ada 002", 1536, 8191, 0.1),
            _embedding("text-embedding-3-small", "Embedding 3 small", 1536, 8191, 0.02),
            _embedding("text-embedding-3-large", "Embedding 3 large", 3072, 8191, 0.13),
        ),
    ),
    SeedProvider(
        name="ollama",
        label="Ollama",
        description="Your own Ollama; give its base URL, as in http://localhost:11434/v1.",
        kind="both",
        requires_key=False,
        models=(
            _chat("llama3.2", "Llama 3.2", 131_072),
            _chat("llama3.1", "Llama 3.1", 131_072),
            _chat("qwen3", "Qwen 3", 40_960),
            _chat("gemma3", "Gemma 3", 131_072),
            _chat("mistral", "Mistral 7B", 32_768),
            _embedding("nomic-embed-text", "Nomic Embed", 768, 8192),
            _embedding("mxbai-embed-large", "mxbai Embed Large", 1024, 512),
        ),
    ),
    SeedProvider(
        name="vllm",
        label="vLLM or another OpenAI-compatible server",
        description="Your own server; give its base URL, and add its models by name.",
        kind="both",
        requires_key=False,
        models=(
            _chat("Qwen/Qwen3-8B", "Qwen 3 8B", 40_960),
            _chat("meta-llama/Llama-3.1-8B-Instruct", "Llama 3.1 8B Instruct", 131_072),
            _chat("openai/gpt-oss-20b", "GPT-OSS 20B", 131_072),
            _embedding("BAAI/bge-m3", "BGE M3", 1024, 8192),
        ),
    ),
    SeedProvider(
        name="huggingface",
        label="Hugging Face",
        description="Embedding models by name. Without a base URL of your own (Text Embeddings"
        " Inference) the platform's embeddings are used.",
        kind="embedding",
        requires_key=False,
        models=(
            _embedding("sentence-transformers/all-MiniLM-L6-v2", "MiniLM L6 v2", 384, 256),
            _embedding("sentence-transformers/all-mpnet-base-v2", "MPNet base v2", 768, 384),
            _embedding("BAAI/bge-small-en-v1.5", "BGE small, English", 384, 512),
            _embedding("BAAI/bge-base-en-v1.5", "BGE base, English", 768, 512),
            _embedding("BAAI/bge-large-en-v1.5", "BGE large, English", 1024, 512),
            _embedding("intfloat/multilingual-e5-large", "Multilingual E5 large", 1024, 512),
        ),
    ),
)

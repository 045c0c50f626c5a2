"""What documents reads from its environment."""

from typing import ClassVar, Literal, Self

from pydantic import Field, SecretStr, model_validator

from libs.common.outbound import OutboundPolicy
from libs.common.settings import CommaSeparated, ModelCallingSettings


class Settings(ModelCallingSettings):
    """The settings of documents, besides those of all services."""

    service: ClassVar[str] = "documents"

    object_store_url: str = Field(description="file:///folder, s3://, gs:// or az://bucket/prefix.")
    max_upload_bytes: int = Field(default=52_428_800, ge=1, description="For one file.")

    qdrant_url: str | None = Field(
        default=None, description="Where vectors are kept; without it, in this service's database."
    )
    qdrant_api_key: SecretStr | None = None

    embedding_base_url: str = Field(description="An OpenAI-compatible endpoint, with its /v1.")
    embedding_api_key: SecretStr | None = None
    embedding_model: str = "bge-small-en-v1.5"
    embedding_dimension: int = Field(default=384, ge=1, le=4096)

    next_embedding_model: str | None = Field(
        default=None, description="Fills a second embedding space; see `ops documents space`."
    )
    next_embedding_dimension: int = Field(default=0, ge=0, le=4096)
    next_embedding_base_url: str | None = Field(
        default=None, description="Without it, that of the first model, with its key."
    )
    next_embedding_api_key: SecretStr | None = None

    rerank_url: str | None = Field(
        default=None, description="The whole address of a rerank route; without it, no reranking."
    )
    rerank_api_key: SecretStr | None = None
    rerank_model: str = "ms-marco-minilm-l12"
    rerank_scripts: Literal["latin", "any"] = Field(
        default="latin",
        description="What the reranker can read; `any` for a multilingual one.",
    )
    rerank_gate: float = Field(
        default=0.12, ge=0, le=1, description="Below this score nothing relevant was found."
    )

    ocr_languages: str = Field(
        default="eng",
        pattern=r"^([A-Za-z0-9_]{2,30}(\+[A-Za-z0-9_]{2,30})*)?$",
        description="Tesseract's, as in eng+deu; empty turns OCR off.",
    )
    ocr_max_pages: int = Field(
        default=100, ge=0, le=5000, description="Of one document; at one to five seconds each."
    )
    ocr_data_dir: str = Field(
        default="", description="Where the languages' files are; else the usual places."
    )

    index_concurrency: int = Field(
        default=6, ge=1, le=64, description="Documents that one worker indexes at once."
    )
    trusted_website_hosts: CommaSeparated = Field(
        default=[],
        description="Hosts that may be crawled though they are private or on an unusual port.",
    )
    crawl_concurrency: int = Field(
        default=8, ge=1, le=256, description="Websites that one worker crawls at once."
    )
    crawl_pause_seconds: float = Field(
        default=1.0, ge=0, le=60, description="Between two pages of a host, at least."
    )

    keep_versions: int = Field(
        default=20, ge=0, description="Earlier files of a document that can be downloaded."
    )
    keep_deleted_days: int = Field(
        default=30, ge=0, description="How long a deleted document can be restored."
    )

    @model_validator(mode="after")
    def _is_another_model(self) -> Self:
        named = self.next_embedding_model
        if named is not None and not self.next_embedding_dimension:
            raise ValueError("NEXT_EMBEDDING_DIMENSION is not set: how long are its vectors?")
        given = (self.embedding_model, self.embedding_dimension)
        if (named, self.next_embedding_dimension) == given:
            raise ValueError("NEXT_EMBEDDING_MODEL is the model that there is already.")
        return self

    @property
    def website_policy(self) -> OutboundPolicy:
        """Where crawls may go: public addresses, also on a developer's machine, and trusted hosts.

        Unlike a model's URL, an address comes from whatever page names it.
        """
        return OutboundPolicy(
            allow_private=False,
            trusted_hosts=frozenset(host.lower() for host in self.trusted_website_hosts),
        )

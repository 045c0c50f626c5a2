"""What the operator may set: the environment, and a `.env` file beside the Makefile."""

import logging
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ops.errors import OpsError
from ops.paths import ROOT
from ops.secrets import check_root_key_url, read_root_key

# RERANK_URL where nothing shall rerank: it costs a small machine a second or two a question.
NO_RERANK = "off"
# The guide's names that mean nothing any more, and what to set instead.
SUPERSEDED = {
    "JWT_SECRET_KEY": (
        "tokens are signed with key pairs that auth makes and rotates by itself; "
        "MASTER_ENCRYPTION_KEY protects them"
    ),
    "SECRET_KEY": "MASTER_ENCRYPTION_KEY protects everything that is encrypted",
    "PRIMARY_DB_URL": "set POSTGRES_URL to the owner's URL; each service gets a role in it",
    "SQLALCHEMY_DATABASE_URI": "set POSTGRES_URL to the database owner's URL",
    "CELERY_BROKER_URL": "set REDIS_URL",
}
MAIL_SCHEMES = ("smtp", "smtp+starttls", "smtps")
STORES = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "https", "file")


class StackSettings(BaseSettings):
    """Where the local stack lives, and which parts are real. Field names are the variables."""

    model_config = SettingsConfigDict(
        env_file=ROOT / ".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    port: Annotated[int, Field(ge=1, le=65535)] = 8543
    bind_address: str = "127.0.0.1"
    public_url: str | None = None
    knowrithm_home: Path = ROOT / ".knowrithm"
    models_dir: Path | None = None

    postgres_url: str | None = None
    replica_db_urls: str | None = None
    redis_url: str | None = None
    qdrant_url: str | None = None
    qdrant_api_key: str | None = None
    object_store_url: str | None = None
    erasure_ledger_url: str | None = None

    openai_base_url: str | None = None
    openai_api_key: str | None = None
    chat_model: str | None = None
    gemini_api_key: str | None = None
    embedding_base_url: str | None = None
    embedding_api_key: str | None = None
    embedding_model: str | None = None
    embedding_dimension: int | None = None
    rerank_url: str | None = None
    rerank_api_key: str | None = None
    rerank_model: str | None = None
    local_chat: Literal["auto", "extractive", "llm"] = "auto"

    master_encryption_key: str | None = None
    master_encryption_keys_also: str | None = None

    smtp_url: str | None = None
    mail_from: str | None = None
    super_admin_email: str | None = None
    super_admin_password: Annotated[str, Field(min_length=12)] | None = None
    mfa_enabled: bool = True

    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(lambda given: given.upper())
    ] = "INFO"
    start_timeout_seconds: Annotated[float, Field(gt=0)] = 180.0

    @field_validator("postgres_url", "redis_url", "qdrant_url", "openai_base_url", "rerank_url")
    @classmethod
    def _is_a_url(cls, value: str | None, field: ValidationInfo) -> str | None:
        if value == NO_RERANK and field.field_name == "rerank_url":
            return value
        if value is not None and not (urlsplit(value).scheme and urlsplit(value).hostname):
            raise ValueError("not a URL with a scheme and a host")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _is_a_mail_server(cls, value: str | None) -> str | None:
        if value is not None and (
            urlsplit(value).scheme not in MAIL_SCHEMES or not urlsplit(value).hostname
        ):
            raise ValueError("write smtp://, smtp+starttls:// or smtps:// and a host")
        return value

    @field_validator("object_store_url", "erasure_ledger_url")
    @classmethod
    def _is_a_store(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).scheme not in STORES:
            raise ValueError("it begins with none of s3://, gs://, az:// and file://")
        return value

    @field_validator("master_encryption_key")
    @classmethod
    def _is_a_key(cls, value: str | None) -> str | None:
        if value is not None and "://" in value:
            check_root_key_url(value)
        elif value is not None:
            read_root_key(value)
        return value

    @property
    def url(self) -> str:
        """Where people reach the platform."""
        return self.public_url or f"http://localhost:{self.port}"

    @property
    def gateway_url(self) -> str:
        """Where the launcher itself reaches the gateway."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def embeds_elsewhere(self) -> bool:
        """Whether embeddings come from an endpoint of the operator's choice."""
        return self.embedding_model is not None and (
            self.embedding_base_url is not None
            or self.openai_base_url is not None
            or self.openai_api_key is not None
        )


def load_settings() -> StackSettings:
    """Read the environment and `.env`.

    Raises:
        OpsError: a value cannot be used; names the variable.
    """
    # Of a line that is no setting it warns without saying where; the platform starts without it.
    logging.getLogger("dotenv.main").addFilter(_name_the_file)
    try:
        settings = StackSettings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "the environment"
        reason = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
        raise OpsError(f"{name} cannot be used: {reason}.") from None
    home = settings.knowrithm_home.expanduser().absolute()
    return settings.model_copy(update={"knowrithm_home": home})


def _name_the_file(record: logging.LogRecord) -> bool:
    record.msg = str(record.msg).replace(
        "python-dotenv could not parse statement starting at",
        f"Note: {ROOT / '.env'} is not NAME=value, and not read, at",
    )
    return True

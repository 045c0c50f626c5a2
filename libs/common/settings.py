"""What every service reads from its environment; each service adds its own in `settings.py`.

Nothing here knows whether a part is embedded or real: the launcher, compose and the Kubernetes
manifests set the same names.
"""

import json
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from libs.common.outbound import OutboundPolicy
from libs.common.root_keys import RootKey, read_root_key


def _split_commas(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _rates(value: object) -> object:
    """Read rates by class; what is wrong with them is said in one sentence.

    Raises:
        ValueError: They cannot be used.
    """
    from libs.common.http.rates import check_rates  # noqa: PLC0415 - it imports much

    wanted = 'write JSON such as {"upload": "20/60"}: requests/seconds by class'
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError(wanted) from None
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ValueError(wanted)
    check_rates(value)
    return value


# Where container engines mount secrets: a file named like a field gives that field's value.
SECRETS_FOLDER = Path("/run/secrets")

CommaSeparated = Annotated[list[str], NoDecode, BeforeValidator(_split_commas)]


class ServiceSettings(BaseSettings):
    """The settings that all services share. Field names are the variables, in lower case."""

    model_config = SettingsConfigDict(
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        secrets_dir=SECRETS_FOLDER if SECRETS_FOLDER.is_dir() else None,
    )

    service: ClassVar[str]

    environment: str = Field(default="production", description="`local` or `production`.")
    log_level: str = "INFO"

    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8000, ge=0, le=65535)
    worker_port: int = Field(default=8001, ge=0, le=65535, description="Probes and metrics.")
    trusted_proxies: str = Field(
        default="127.0.0.1",
        description="Whose X-Forwarded-For is believed: addresses and networks, or `*` where"
        " only the gateway can connect.",
    )
    drain_seconds: float = Field(
        default=0, ge=0, description="How long to keep serving after SIGTERM, not ready any more."
    )

    primary_db_url: SecretStr = Field(description="This service's own login role.")
    worker_db_url: SecretStr | None = Field(
        default=None, description="The service's role for work across tenants; workers only."
    )
    replica_db_urls: CommaSeparated = Field(default=[], description="For read-only work.")
    db_pool_size: int = Field(default=8, ge=1, le=100)

    redis_url: SecretStr

    master_encryption_key: SecretStr | None = Field(
        default=None,
        description="The service's root key: base64 of 32 bytes, aws-kms://… or vault://…",
    )
    master_encryption_key_file: Path | None = None
    master_encryption_keys_also: Annotated[
        list[SecretStr], NoDecode, BeforeValidator(_split_commas)
    ] = Field(
        default=[],
        description="Root keys that only open: the one before, or the one to come.",
    )
    service_key: SecretStr | None = Field(
        default=None, description="The service's own EC P-256 private key, PEM."
    )
    service_key_file: Path | None = None
    service_jwks: str | None = Field(default=None, description="Public keys of all services.")
    service_jwks_file: Path | None = None

    auth_url: str = "http://auth:8000"
    agents_url: str = "http://agents:8000"
    conversations_url: str = "http://conversations:8000"
    documents_url: str = "http://documents:8000"
    analytics_url: str = "http://analytics:8000"
    public_url: str = "http://localhost:8543"

    cors_allowed_origins: CommaSeparated = ["*"]
    rate_limits: Annotated[dict[str, str], NoDecode, BeforeValidator(_rates)] = Field(
        default={}, description='Overrides by class, as in {"upload": "20/60"} (per seconds).'
    )

    otel_exporter_otlp_endpoint: str | None = None
    otel_traces_sampler_arg: float = Field(default=1.0, ge=0, le=1)

    @model_validator(mode="after")
    def _keys_are_given(self) -> Self:
        for name in ("master_encryption_key", "service_key", "service_jwks"):
            if getattr(self, name) is None and getattr(self, f"{name}_file") is None:
                raise ValueError(f"set {name.upper()} or {name.upper()}_FILE")
        return self

    @cached_property
    def root_key(self) -> RootKey:
        """What wraps the tenants' keys.

        Raises:
            ValueError: It is written in none of the known ways.
        """
        return self._root_key(self._read("master_encryption_key"), "MASTER_ENCRYPTION_KEY")

    @cached_property
    def root_keys_also(self) -> list[RootKey]:
        """The root keys that only open; raises what `root_key` does."""
        return [
            self._root_key(key.get_secret_value(), "MASTER_ENCRYPTION_KEYS_ALSO")
            for key in self.master_encryption_keys_also
        ]

    def _root_key(self, text: str, name: str) -> RootKey:
        try:
            return read_root_key(text, service=self.service)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None

    @cached_property
    def service_key_pem(self) -> str:
        """The service's private key, as PEM."""
        return self._read("service_key")

    @cached_property
    def service_jwks_json(self) -> str:
        """The JWKS of all services' public keys; a key's `kid` is its service's name."""
        return self._read("service_jwks")

    def _read(self, name: str) -> str:
        value: SecretStr | str | None = getattr(self, name)
        if isinstance(value, SecretStr):
            return value.get_secret_value().strip()
        if value is not None:
            return value.strip()
        path: Path = getattr(self, f"{name}_file")
        return path.read_text(encoding="utf-8").strip()


class ModelCallingSettings(ServiceSettings):
    """The settings of a service that calls models whose base URLs tenants choose."""

    trusted_model_hosts: CommaSeparated = Field(
        default=[],
        description="Hosts that tenants' base URLs may name though they are private or plain http.",
    )

    @property
    def outbound_policy(self) -> OutboundPolicy:
        """On a developer's machine models may run next door; elsewhere only the trusted ones."""
        return OutboundPolicy(
            allow_private=self.environment == "local",
            trusted_hosts=frozenset(host.lower() for host in self.trusted_model_hosts),
        )

"""Which variables a deployed process gets, and from where: the one table for all manifests.

`config` values stand in a ConfigMap, readable by who may read the namespace; `secret` ones come
from a Secret of the service. A test holds this against the services' settings, both ways, so a
setting that is added without saying what it is in production fails the build.
"""

from dataclasses import dataclass
from functools import cache
from importlib import import_module

from libs.common.settings import ServiceSettings
from ops.services import SERVICES

HTTP_PORT = 8000


@dataclass(frozen=True)
class Variable:
    """A variable of a service's processes.

    Attributes:
        value: What the ConfigMap says; None for a secret, whose value nobody commits.
        per_service: The Secret is the service's own, not the one all share.
    """

    name: str
    value: str | None
    per_service: bool = False

    @property
    def is_secret(self) -> bool:
        """Whether it comes from a Secret."""
        return self.value is None


def _config(**values: str) -> tuple[Variable, ...]:
    return tuple(Variable(name.upper(), value) for name, value in values.items())


# Read by every service. An empty value means the default, and shows what can be set.
SHARED = (
    *_config(
        environment="production",
        log_level="INFO",
        http_host="0.0.0.0",
        http_port=str(HTTP_PORT),
        worker_port=str(HTTP_PORT),
        # Network policies let only the gateway and other services connect.
        trusted_proxies="*",
        drain_seconds="10",
        db_pool_size="8",
        auth_url="http://auth:8000",
        agents_url="http://agents:8000",
        conversations_url="http://conversations:8000",
        documents_url="http://documents:8000",
        analytics_url="http://analytics:8000",
        public_url="https://knowrithm.example.com",
        cors_allowed_origins="*",
        rate_limits="{}",
        otel_exporter_otlp_endpoint="",
        otel_traces_sampler_arg="0.1",
        service_jwks_file="/etc/knowrithm/jwks.json",
    ),
    Variable("REDIS_URL", None),
    Variable("PRIMARY_DB_URL", None, per_service=True),
    Variable("WORKER_DB_URL", None, per_service=True),
    Variable("REPLICA_DB_URLS", None, per_service=True),
    Variable("MASTER_ENCRYPTION_KEY", None, per_service=True),
    Variable("MASTER_ENCRYPTION_KEYS_ALSO", None, per_service=True),
    Variable("SERVICE_KEY", None, per_service=True),
)

# Alternatives to a variable above, for other ways of handing over a secret.
ALTERNATIVES = frozenset({"MASTER_ENCRYPTION_KEY_FILE", "SERVICE_KEY_FILE", "SERVICE_JWKS"})

# Read by all who call models whose base URLs tenants choose.
TRUSTED_MODEL_HOSTS = Variable("TRUSTED_MODEL_HOSTS", "")

OWN: dict[str, tuple[Variable, ...]] = {
    "auth": (
        *_config(
            signing_key_days="90",
            company_retention_days="30",
            mail_from="Knowrithm <no-reply@knowrithm.example.com>",
            mail_folder="",
            super_admin_email="",
            mfa_enabled="true",
            trusted_identity_hosts="",
            dns_servers="",
        ),
        Variable("OBJECT_STORE_URL", None, per_service=True),
        Variable("SMTP_URL", None, per_service=True),
        Variable("SUPER_ADMIN_PASSWORD", None, per_service=True),
    ),
    "agents": (
        *_config(openai_base_url="", chat_model=""),
        TRUSTED_MODEL_HOSTS,
        Variable("OPENAI_API_KEY", None, per_service=True),
        Variable("GEMINI_API_KEY", None, per_service=True),
    ),
    "conversations": (
        *_config(
            answers_per_tenant="8",
            answer_concurrency="512",
            answer_lease_seconds="8",
            answer_wait_seconds="25",
            model_first_token_seconds="60",
            model_total_seconds="180",
            model_fallback_seconds="15",
            model_calls_per_provider="256",
            model_calls_per_agent="64",
            heartbeat_seconds="10",
            deleted_conversation_days="30",
            trusted_webhook_hosts="",
        ),
        TRUSTED_MODEL_HOSTS,
    ),
    "documents": (
        *_config(
            max_upload_bytes="52428800",
            qdrant_url="http://qdrant:6333",
            embedding_base_url="http://model-server:8000/v1",
            embedding_model="bge-small-en-v1.5",
            embedding_dimension="384",
            next_embedding_model="",
            next_embedding_dimension="",
            next_embedding_base_url="",
            rerank_url="http://model-server:8000/v1/rerank",
            rerank_model="ms-marco-minilm-l12",
            rerank_gate="0.12",
            ocr_languages="eng",
            ocr_max_pages="100",
            ocr_data_dir="",
            rerank_scripts="latin",
            index_concurrency="4",
            trusted_website_hosts="",
            crawl_concurrency="8",
            crawl_pause_seconds="1.0",
            keep_deleted_days="30",
            keep_versions="20",
        ),
        TRUSTED_MODEL_HOSTS,
        Variable("OBJECT_STORE_URL", None, per_service=True),
        Variable("QDRANT_API_KEY", None, per_service=True),
        Variable("EMBEDDING_API_KEY", None, per_service=True),
        Variable("NEXT_EMBEDDING_API_KEY", None, per_service=True),
        Variable("RERANK_API_KEY", None, per_service=True),
    ),
    "analytics": (),
}


def variables_of(service: str) -> tuple[Variable, ...]:
    """Return all variables of a service's processes, in the order of the manifests."""
    return (*SHARED, *OWN[service])


@cache
def settings_of(service: str) -> frozenset[str]:
    """Return the names of the variables that a service reads."""
    if service not in SERVICES:
        raise KeyError(service)
    settings: type[ServiceSettings] = import_module(f"services.{service}.settings").Settings
    return frozenset(
        str(field.validation_alias or name).upper() for name, field in settings.model_fields.items()
    )

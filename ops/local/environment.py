"""The environment of each process of the local stack.

The one place that knows whether a part is embedded or real; a service sees only the names it would
see in a cluster.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dotenv import dotenv_values

from ops.errors import OpsError
from ops.local.home import Home
from ops.local.process import LOOPBACK
from ops.migrate import login_url, role_prefix
from ops.paths import ROOT
from ops.secrets import Secrets
from ops.services import SERVICES
from ops.settings import NO_RERANK, SUPERSEDED, StackSettings

LOCAL_EMBEDDING_MODEL: Final = "bge-small-en-v1.5"
LOCAL_EMBEDDING_DIMENSION: Final = 384
LOCAL_RERANK_MODEL: Final = "ms-marco-minilm-l12"
LOCAL_CHAT_MODEL: Final = "local"
OPENAI: Final = "https://api.openai.com/v1"
KNOWN_DIMENSIONS: Final = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
    "gemini-embedding-001": 3072,
}
# Two cores serve ten processes; a thread pool in each would only get in the others' way.
QUIET_LIBRARIES: Final = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "PYTHONUNBUFFERED": "1",
}


@dataclass(kw_only=True)
class Wiring:
    """Where everything is, once ports are chosen.

    Attributes:
        owner_url: The database owner's, real or embedded.
        chat_ready: The local chat model can be used; becomes true while the stack runs.
    """

    settings: StackSettings
    home: Home
    secrets: Secrets
    ports: Mapping[str, int]
    owner_url: str
    redis_url: str
    chat_ready: bool = False

    def environment_of(self, process: str) -> dict[str, str]:
        """Return what `auth`, `auth-worker`, … is started with."""
        service = process.partition("-")[0]
        environment = inherited() | self._common(service)
        environment["HTTP_PORT"] = str(self.ports[service])
        environment["WORKER_PORT"] = str(self.ports[f"{service}-worker"])
        if service == "auth":
            environment |= self._people()
        if service in {"agents", "conversations"}:
            environment |= self._chat()
        if service == "documents":
            environment |= self._retrieval()
        environment["OBJECT_STORE_URL"] = (
            self.settings.object_store_url or f"file://{self.home.objects}"
        )
        return environment

    def migration_environment(self) -> dict[str, str]:
        """Return what `python -m ops migrate` reads."""
        passwords = {
            f"{role.upper()}_DB_PASSWORD": password
            for role, password in self.secrets.role_passwords.items()
        }
        return {"POSTGRES_URL": self.owner_url, **passwords}

    def model_server_environment(self) -> dict[str, str]:
        """Return what `python -m ops.model_server` reads."""
        return {
            **QUIET_LIBRARIES,
            "MODELS_DIR": str(self.settings.models_dir or self.home.models),
            "HTTP_HOST": LOOPBACK,
            "HTTP_PORT": str(self.ports["models"]),
            "MODEL_SERVER_API_KEY": self.secrets.model_server_key,
            "LOG_LEVEL": self.settings.log_level,
        }

    def _common(self, service: str) -> dict[str, str]:
        passwords = self.secrets.role_passwords
        environment = {
            **QUIET_LIBRARIES,
            "ENVIRONMENT": "local",
            "LOG_LEVEL": self.settings.log_level,
            "HTTP_HOST": LOOPBACK,
            "PRIMARY_DB_URL": self._as_role(self.owner_url, service, passwords),
            "WORKER_DB_URL": self._as_role(self.owner_url, f"{service}_worker", passwords),
            "REDIS_URL": self.redis_url,
            "MASTER_ENCRYPTION_KEY": self.secrets.root_key_of(
                service, given=self.settings.master_encryption_key
            ),
            "SERVICE_KEY_FILE": str(self.home.secrets / f"{service}.pem"),
            "SERVICE_JWKS_FILE": str(self.home.secrets / "jwks.json"),
            "PUBLIC_URL": self.settings.url,
        }
        if self.settings.master_encryption_keys_also:
            environment["MASTER_ENCRYPTION_KEYS_ALSO"] = self.secrets.also_root_keys_of(
                service, given=self.settings.master_encryption_keys_also
            )
        for other in SERVICES:
            environment[f"{other.upper()}_URL"] = f"http://{LOOPBACK}:{self.ports[other]}"
        if self.settings.replica_db_urls:
            replicas = self.settings.replica_db_urls.split(",")
            environment["REPLICA_DB_URLS"] = ",".join(
                self._as_role(replica.strip(), service, passwords)
                for replica in replicas
                if replica.strip()
            )
        return environment

    def _as_role(self, url: str, name: str, passwords: Mapping[str, str]) -> str:
        role = f"{role_prefix(self.owner_url)}_{name}"
        return login_url(url, role=role, password=passwords[name])

    def _people(self) -> dict[str, str]:
        settings = self.settings
        given = {
            "SMTP_URL": settings.smtp_url,
            "MAIL_FROM": settings.mail_from,
            "MAIL_FOLDER": str(self.home.mails),
            "SUPER_ADMIN_EMAIL": settings.super_admin_email,
            "SUPER_ADMIN_PASSWORD": settings.super_admin_password,
            "MFA_ENABLED": str(settings.mfa_enabled).lower(),
        }
        return {name: value for name, value in given.items() if value}

    def _chat(self) -> dict[str, str]:
        settings = self.settings
        given = {
            "OPENAI_BASE_URL": settings.openai_base_url,
            "OPENAI_API_KEY": settings.openai_api_key,
            "CHAT_MODEL": settings.chat_model,
            "GEMINI_API_KEY": settings.gemini_api_key,
        }
        if self.chat_ready and not chat_is_given(settings):
            given = {
                "OPENAI_BASE_URL": f"http://{LOOPBACK}:{self.ports['chat']}/v1",
                "OPENAI_API_KEY": "local",
                "CHAT_MODEL": LOCAL_CHAT_MODEL,
            }
        return {name: value for name, value in given.items() if value}

    def _retrieval(self) -> dict[str, str]:
        settings = self.settings
        local = f"http://{LOOPBACK}:{self.ports['models']}/v1"
        key = self.secrets.model_server_key
        given = {
            "QDRANT_URL": settings.qdrant_url,
            "QDRANT_API_KEY": settings.qdrant_api_key,
            "EMBEDDING_BASE_URL": local,
            "EMBEDDING_API_KEY": key,
            "EMBEDDING_MODEL": LOCAL_EMBEDDING_MODEL,
            "EMBEDDING_DIMENSION": str(LOCAL_EMBEDDING_DIMENSION),
            "RERANK_URL": f"{local}/rerank",
            "RERANK_API_KEY": key,
            "RERANK_MODEL": LOCAL_RERANK_MODEL,
        }
        if settings.embeds_elsewhere:
            given |= {
                "EMBEDDING_BASE_URL": (
                    settings.embedding_base_url or settings.openai_base_url or OPENAI
                ),
                "EMBEDDING_API_KEY": settings.embedding_api_key or settings.openai_api_key,
                "EMBEDDING_MODEL": settings.embedding_model,
                "EMBEDDING_DIMENSION": str(embedding_dimension(settings)),
            }
        if settings.rerank_url == NO_RERANK:
            given |= dict.fromkeys(("RERANK_URL", "RERANK_API_KEY", "RERANK_MODEL"))
        elif settings.rerank_url:
            given |= {
                "RERANK_URL": settings.rerank_url,
                "RERANK_API_KEY": settings.rerank_api_key,
                "RERANK_MODEL": settings.rerank_model,
            }
        return {name: value for name, value in given.items() if value}


def needs_model_server(settings: StackSettings) -> bool:
    """Tell whether anything is left for the local model server to do."""
    return not (settings.embeds_elsewhere and settings.rerank_url)


def chat_is_given(settings: StackSettings) -> bool:
    """Tell whether the operator has named a chat model of their own."""
    return bool(settings.openai_base_url or settings.openai_api_key or settings.gemini_api_key)


def inherited() -> dict[str, str]:
    """Return what services take over from the operator: proxies, cloud credentials, limits.

    Not what the launcher itself is told (the owner's database URL, the root key, model keys): a
    service gets its own share of that.
    """
    given = {name: value for name, value in dotenv_values(ROOT / ".env").items() if value}
    own = {name.upper() for name in StackSettings.model_fields} | set(SUPERSEDED)
    return {name: value for name, value in {**given, **os.environ}.items() if name not in own}


def embedding_dimension(settings: StackSettings) -> int:
    """Return the length of the vectors of the operator's embedding model.

    Raises:
        OpsError: it is not known and not given.
    """
    model = settings.embedding_model or ""
    dimension = settings.embedding_dimension or KNOWN_DIMENSIONS.get(model)
    if dimension is None:
        raise OpsError(f"EMBEDDING_DIMENSION is not set: how long are the vectors of {model}?")
    return dimension

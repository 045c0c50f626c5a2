"""Start the model server: `python -m ops.model_server`."""

import os
import sys
from pathlib import Path

import uvicorn
from pydantic import Field
from pydantic_settings import BaseSettings

from ops.errors import OpsError
from ops.model_server.app import ModelServer
from ops.model_server.encoders import Embedder, Reranker
from ops.model_server.fetch import fetch_retrieval_models
from ops.model_server.pool import InferencePool


class ModelServerSettings(BaseSettings):
    """What the model server reads from its environment."""

    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8090, ge=0, le=65535)
    models_dir: Path = Path(".knowrithm/models")
    model_server_api_key: str | None = Field(default=None, description="Unset: no key is asked.")
    model_server_threads: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    model_server_queue: int = Field(
        default=4096, ge=1, description="Texts that may wait; more are answered 503."
    )
    log_level: str = "INFO"


def main() -> int:
    """Load the models, then serve until told to stop."""
    settings = ModelServerSettings()
    try:
        fetch_retrieval_models(settings.models_dir)
    except OpsError as error:
        print(error, file=sys.stderr)
        return 1
    server = ModelServer(
        embedder=Embedder(settings.models_dir),
        reranker=Reranker(settings.models_dir),
        pool=InferencePool(
            threads=settings.model_server_threads, capacity=settings.model_server_queue
        ),
        api_key=settings.model_server_api_key,
    )
    uvicorn.run(
        server.application(),
        host=settings.http_host,
        port=settings.http_port,
        log_level=settings.log_level.lower(),
        access_log=False,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=75,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

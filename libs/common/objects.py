"""The object store: files of companies below their ids, the platform's own below `platform/`.

Who imports this needs `obstore`, which stands under the extras of those who do.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from obstore.store import LocalStore, ObjectStore, S3Store, from_url

if TYPE_CHECKING:
    # These exist for type checkers only.
    from obstore.store import ClientConfig, RetryConfig, S3Config

TIMEOUT: Final = "20s"


def open_store(url: str) -> ObjectStore:
    """Return the store behind `file://`, `s3://`, `gs://` or `az://`.

    Credentials, region and endpoint come from the provider's usual variables
    (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, `GOOGLE_SERVICE_ACCOUNT`,
    `AZURE_STORAGE_ACCOUNT_NAME` and their kin). For S3 they may also stand in the URL, which is
    a secret then: `s3://key:secret@bucket/prefix?endpoint=https://store:9000&region=eu-1`.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalStore(Path(unquote(parts.path)), mkdir=True)
    # A store inside the cluster may speak plain HTTP; only an endpoint that says so may.
    given = dict(parse_qsl(parts.query))
    endpoint = given.get("endpoint") or _first_set("AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    client: ClientConfig = {
        "timeout": TIMEOUT,
        "connect_timeout": "3s",
        "allow_http": endpoint.startswith("http://"),
    }
    retries: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}
    if parts.scheme != "s3":
        return from_url(url, client_options=client, retry_config=retries)
    config: S3Config = {}
    if endpoint:
        config["endpoint"] = endpoint
    if region := given.get("region"):
        config["region"] = region
    if parts.username and parts.password:
        config["access_key_id"] = unquote(parts.username)
        config["secret_access_key"] = unquote(parts.password)
    return S3Store(
        parts.hostname,
        prefix=parts.path.strip("/") or None,
        config=config,
        client_options=client,
        retry_config=retries,
    )


def _first_set(*variables: str) -> str:
    return next((value for name in variables if (value := os.environ.get(name))), "")

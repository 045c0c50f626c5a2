"""Make the secrets of a deployment: files for compose, Secret manifests for Kubernetes.

    python -m ops.deploy.secret_files FOLDER              one folder a service, a file a secret
    python -m ops.deploy.secret_files FOLDER --kubernetes the same, and FOLDER/secrets.yaml

What is there already is kept: the master key of a deployment must never change by accident, since
nothing it encrypted could be read again. Stores outside the deployment are named by the
environment, as in `.env.example`.
"""

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import yaml

from libs.common.database.roles import ServiceRoles
from ops.errors import OpsError
from ops.secrets import Secrets, load_secrets
from ops.services import SERVICES

FILE_OWNER = 10001
DEFAULT_POSTGRES = "postgresql://postgres@postgres:5432/knowrithm"
DEFAULT_REDIS = "redis://redis:6379/0"
OBJECT_STORE_KEY = "knowrithm"
BUCKET = "knowrithm"
STORE_VARIABLES = ("POSTGRES_URL", "REDIS_URL", "OBJECT_STORE_URL")
OBJECT_STORE_ENDPOINT = "http://object-store:8333"


@dataclass(frozen=True, kw_only=True)
class Stores:
    """Where the stores of the deployment are."""

    postgres_url: str
    redis_url: str
    object_store_url: str

    @classmethod
    def from_environment(cls, secrets: Secrets) -> "Stores":
        """Read the operator's variables; what is not set is a container of the compose file."""
        postgres = with_login(DEFAULT_POSTGRES, "postgres", secrets.postgres_password)
        redis = with_login(DEFAULT_REDIS, "", secrets.redis_password)
        objects = (
            f"s3://{OBJECT_STORE_KEY}:{secrets.object_store_secret}@{BUCKET}"
            f"?endpoint={quote(OBJECT_STORE_ENDPOINT, safe='')}&region=us-east-1"
        )
        return cls(
            postgres_url=os.environ.get("POSTGRES_URL") or postgres,
            redis_url=os.environ.get("REDIS_URL") or redis,
            object_store_url=os.environ.get("OBJECT_STORE_URL") or objects,
        )


def with_login(url: str, user: str, password: str) -> str:
    """Return the URL with another user and password."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    place = (f"[{host}]" if ":" in host else host) + (f":{parts.port}" if parts.port else "")
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{place}"))


def secrets_of_service(
    service: str, *, folder: Path, secrets: Secrets, stores: Stores
) -> dict[str, str]:
    """Return a service's own secrets, by variable name."""
    prefix = urlsplit(stores.postgres_url).path.lstrip("/")
    roles = ServiceRoles.named(service, prefix=prefix)
    passwords = secrets.role_passwords
    given_key = os.environ.get("MASTER_ENCRYPTION_KEY")
    given_also = os.environ.get("MASTER_ENCRYPTION_KEYS_ALSO")
    found = {
        "PRIMARY_DB_URL": with_login(stores.postgres_url, roles.service, passwords[service]),
        "WORKER_DB_URL": with_login(
            stores.postgres_url, roles.worker, passwords[f"{service}_worker"]
        ),
        "MASTER_ENCRYPTION_KEY": secrets.root_key_of(service, given=given_key),
        "MASTER_ENCRYPTION_KEYS_ALSO": secrets.also_root_keys_of(service, given=given_also),
        "SERVICE_KEY": (folder / f"{service}.pem").read_text(encoding="utf-8"),
    }
    if service in {"auth", "documents"}:
        found["OBJECT_STORE_URL"] = stores.object_store_url
    return found


def secrets_of_migration(*, secrets: Secrets, stores: Stores) -> dict[str, str]:
    """Return what the migration job needs: the owner's URL and the roles' passwords."""
    names = {"POSTGRES_URL": stores.postgres_url}
    for role, password in secrets.role_passwords.items():
        names[f"{role.upper()}_DB_PASSWORD"] = password
    return names


def all_secrets(folder: Path) -> dict[str, dict[str, str]]:
    """Return every secret by its Secret's name, making what is missing."""
    secrets = load_secrets(folder)
    stores = Stores.from_environment(secrets)
    found = {
        f"{service}-secrets": secrets_of_service(
            service, folder=folder, secrets=secrets, stores=stores
        )
        for service in SERVICES
    }
    found["knowrithm-secrets"] = {"REDIS_URL": stores.redis_url}
    found["knowrithm-migrate"] = secrets_of_migration(secrets=secrets, stores=stores)
    return found


def write_files(folder: Path) -> None:
    """Write a folder for each container: the files that its `/run/secrets` shows."""
    found = all_secrets(folder)
    secrets = load_secrets(folder)
    jwks = (folder / "jwks.json").read_text(encoding="utf-8")
    for service in SERVICES:
        content = found[f"{service}-secrets"] | found["knowrithm-secrets"] | {"SERVICE_JWKS": jwks}
        _write_folder(folder / service, content, owner=FILE_OWNER)
    _write_folder(folder / "migrate", found["knowrithm-migrate"], owner=FILE_OWNER)
    # These images read them as root, before they drop to a user of their own.
    _write_folder(folder / "postgres", {"POSTGRES_PASSWORD": secrets.postgres_password}, owner=0)
    _write_folder(folder / "redis", {"REDIS_PASSWORD": secrets.redis_password}, owner=0)
    _write_folder(folder / "object-store", {"S3.JSON": object_store_users(secrets)}, owner=0)


def object_store_users(secrets: Secrets) -> str:
    """Return the users of compose's object store, in the form it reads (SeaweedFS)."""
    credentials = {"accessKey": OBJECT_STORE_KEY, "secretKey": secrets.object_store_secret}
    user = {"name": "documents", "credentials": [credentials]}
    # Admin, since the first upload makes the bucket.
    return json.dumps({"identities": [user | {"actions": ["Admin", "Read", "Write", "List"]}]})


def write_kubernetes(folder: Path) -> None:
    """Write `secrets.yaml`: Secrets for `kubectl apply`, and the public keys' ConfigMap.

    Raises:
        OpsError: A store is not named; the ones of the compose file are not in a cluster.
    """
    missing = [name for name in STORE_VARIABLES if not os.environ.get(name)]
    if missing:
        raise OpsError(f"Set {', '.join(missing)}: a cluster has no stores of its own.")
    manifests: list[dict[str, object]] = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "type": "Opaque",
            "stringData": content,
        }
        for name, content in all_secrets(folder).items()
    ]
    jwks = (folder / "jwks.json").read_text(encoding="utf-8")
    manifests.append(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "knowrithm-jwks"},
            "data": {"jwks.json": jwks},
        }
    )
    text = yaml.safe_dump_all(manifests, sort_keys=False)
    _write_private(folder / "secrets.yaml", text, mode=0o600)


def main() -> int:
    """Make what is missing, and write it in the form asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kubernetes", action="store_true")
    options = parser.parse_args()
    try:
        options.folder.mkdir(parents=True, exist_ok=True)
        if options.kubernetes:
            write_kubernetes(options.folder)
        else:
            write_files(options.folder)
    except OpsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _write_folder(folder: Path, content: dict[str, str], *, owner: int) -> None:
    folder.mkdir(exist_ok=True)
    for name, value in content.items():
        path = folder / name.lower()
        _write_private(path, value, mode=0o400)
        if os.geteuid() == 0:
            os.chown(path, owner, owner)
    if os.geteuid() == 0:
        os.chown(folder, owner, owner)


def _write_private(path: Path, text: str, *, mode: int) -> None:
    """Write a file that is nobody else's at any moment, in place of one that may be read-only."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(
        os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8"
    ) as file:
        file.write(text)
    new.replace(path)


if __name__ == "__main__":
    sys.exit(main())

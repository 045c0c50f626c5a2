"""`keys rotate` when the audit trail is out of reach."""

import pytest
from rich.progress import Progress as Bar

from ops import keys
from ops.errors import OpsError
from tests.conftest import DatabaseUrls, ServiceEnvironment


@pytest.mark.parametrize("tenants", [False, True])
def test_every_service_is_done_though_none_can_be_told_of(
    service_environment: ServiceEnvironment,
    fresh_database_urls: DatabaseUrls,
    monkeypatch: pytest.MonkeyPatch,
    tenants: bool,
) -> None:
    urls = fresh_database_urls("agents")
    environment = service_environment("agents") | {
        "PRIMARY_DB_URL": urls.primary,
        "WORKER_DB_URL": urls.worker,
        "REDIS_URL": "redis://127.0.0.1:9/0",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(keys, "SETTLED_SECONDS", 0)
    done: list[str] = []
    last = "_reencrypt" if tenants else "_tell"
    act = getattr(keys, last)

    async def noted(service: str, *args: Bar, **kwargs: bool) -> int:
        done.append(service)
        result: int = await act(service, *args, **kwargs)
        return result

    monkeypatch.setattr(keys, last, noted)

    # One service in two places: the environment is one's.
    with pytest.raises(OpsError, match=r"agents, agents .* audit trail could not be told"):
        keys.rotate(["agents", "agents"], tenants=tenants)

    assert done == ["agents", "agents"]

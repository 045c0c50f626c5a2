"""The operator's commands for keys and the trail, while people work."""

import asyncio
import threading
import time

import asyncpg
import pytest
import requests

from libs.common.database import PLATFORM_TENANT
from tests.flows.platform_keys import environment_of
from tests.platform import Company, Platform, register, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def acme(platform: Platform) -> Company:
    return register(platform, "Acme")


class Load:
    """Calls that go on beside a command, by token and by key; what failed is kept."""

    def __init__(self, platform: Platform, company: Company) -> None:
        self.calls, self.failures = 0, list[str]()
        self._platform, self._company = platform, company
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(1)
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with requests.Session() as session:
            while not self._stop.is_set():
                for headers in (self._company.bearer, self._company.key_headers):
                    for path in ("/api/v1/agent", "/api/v1/settings/providers"):
                        reply = session.get(self._platform.url + path, headers=headers, timeout=30)
                        self.calls += 1
                        if reply.status_code != 200:
                            self.failures.append(f"{path}: {reply.status_code} {reply.text}")


def test_a_new_signing_key_is_made_and_published(platform: Platform, acme: Company) -> None:
    keys_path = f"{platform.url}/.well-known/jwks.json"
    before = {key["kid"] for key in requests.get(keys_path, timeout=30).json()["keys"]}

    with Load(platform, acme) as load:
        ran = platform.ops("keys", "rotate-signing", "--lead-seconds", "15")
        time.sleep(6)

    after = {key["kid"] for key in requests.get(keys_path, timeout=30).json()["keys"]}
    assert ran.returncode == 0, ran.stderr
    assert before < after
    assert load.failures == []
    assert load.calls > 10


def test_root_keys_are_put_in_order_while_people_work(platform: Platform, acme: Company) -> None:
    with Load(platform, acme) as load:
        ran = platform.ops("keys", "rotate", "--no-tenants")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert load.failures == []
    # The platform's own trail hears of it, once for each service.
    wait_for(lambda: len(rotations(platform)) >= 5, seconds=20, what="five rotations on record")


def rotations(platform: Platform) -> list[str]:
    """Return the services whose keys were replaced, by the platform's trail."""

    async def read() -> list[str]:
        connection = await asyncpg.connect(environment_of(platform, "auth")["PRIMARY_DB_URL"])
        try:
            async with connection.transaction():
                await connection.execute(
                    "SELECT set_config('app.tenant_id', $1, true)", str(PLATFORM_TENANT)
                )
                rows = await connection.fetch(
                    "SELECT details->>'service' FROM auth.audit_entries"
                    " WHERE event_type = 'keys.rotated' AND entity_type = 'encryption_keys'"
                )
            return [row[0] for row in rows]
        finally:
            await connection.close()

    return asyncio.run(read())


def test_the_trails_hold(platform: Platform, acme: Company) -> None:
    whole = platform.ops("audit", "verify")
    one = platform.ops("audit", "verify", "--tenant", acme.id)
    nonsense = platform.ops("audit", "verify", "--tenant", "acme")

    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert "trails hold" in whole.stdout
    assert one.stdout.startswith("1 of 1 trails hold")
    assert nonsense.returncode == 1
    assert "is not the id of a tenant" in nonsense.stderr

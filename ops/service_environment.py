"""The settings of a service, for commands that work on its database.

In a service's container (or a job with its environment) they come from there; on one machine,
from the local stack that is running.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from ops.errors import OpsError
from ops.local.environment import Wiring
from ops.local.home import Home
from ops.local.launcher import wiring_of
from ops.local.state import StackState
from ops.migrate import mounted_secrets
from ops.secrets import load_secrets
from ops.services import SERVICES
from ops.settings import load_settings

if TYPE_CHECKING:
    from libs.common.settings import ServiceSettings


def chosen(services: list[str] | None) -> tuple[str, ...]:
    """Return the services that a command is about: the named ones, or all of the local stack.

    Raises:
        OpsError: There is no such service, or the environment is one service's and none is named.
    """
    for service in services or ():
        if service not in SERVICES:
            raise OpsError(f"There is no service {service}: it is one of {', '.join(SERVICES)}.")
    if services:
        return tuple(services)
    if in_a_service():
        raise OpsError("Name the service whose environment this is.")
    return SERVICES


def in_a_service() -> bool:
    """Tell whether the environment is one service's: variables, or secrets mounted as files."""
    return "PRIMARY_DB_URL" in os.environ or "PRIMARY_DB_URL" in mounted_secrets()


def settings_of(service: str) -> "ServiceSettings":
    """Return a service's settings.

    Raises:
        OpsError: The environment is not a service's, and no local stack is running.
    """
    kind: type[ServiceSettings] = import_module(f"services.{service}.settings").Settings
    if in_a_service():
        return kind()
    with _as_environment(running_stack().environment_of(service)):
        return kind()


def running_stack() -> Wiring:
    """Return where everything of the running local stack is.

    Raises:
        OpsError: None is running.
    """
    settings = load_settings()
    home = Home(settings.knowrithm_home)
    state = StackState.read(home.state)
    if state is None or not home.locked():
        raise OpsError(
            f"PRIMARY_DB_URL is not set, and nothing is running in {home.folder}: start the "
            "platform with `make up`, or run this with a service's environment."
        )
    return wiring_of(settings, home, load_secrets(home.secrets), state.ports)


@contextmanager
def _as_environment(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)

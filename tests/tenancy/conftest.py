"""Two companies on the running platform: Acme owns things, and Globex must not see any of them."""

import asyncio
from collections.abc import Mapping

import pytest

from libs.common.security import SigningKey
from ops.local.home import Home
from ops.local.state import StackState
from tests.flows.platform_keys import signing_keys
from tests.platform import Company, Platform, register
from tests.tenancy.cast import Callers, belongings_of, callers_of


@pytest.fixture(scope="session")
def acme(platform: Platform) -> Company:
    return register(platform, "Acme")


@pytest.fixture(scope="session")
def globex(platform: Platform) -> Company:
    return register(platform, "Globex")


@pytest.fixture(scope="session")
def signing_key(platform: Platform) -> SigningKey:
    """The platform's own key: what is refused in spite of it was not refused for its signature."""
    return asyncio.run(signing_keys(platform))[0].key


@pytest.fixture(scope="session")
def ids(acme: Company) -> dict[str, str]:
    """One of everything that a route can name, all Acme's."""
    return belongings_of(acme, "Secret Agent")


@pytest.fixture(scope="session")
def own(globex: Company) -> dict[str, str]:
    """One of everything that a route can name, all Globex's."""
    return belongings_of(globex, "Own Agent")


@pytest.fixture(scope="session")
def callers(acme: Company, signing_key: SigningKey) -> Callers:
    """Callers of Acme who lack something."""
    return callers_of(acme, signing_key)


@pytest.fixture(scope="session")
def ports(platform: Platform) -> Mapping[str, int]:
    """The ports of the processes behind the gateway, on the loopback."""
    state = StackState.read(Home(platform.home).state)
    assert state is not None
    return state.ports

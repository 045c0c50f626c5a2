"""Companies with single sign-on or a directory."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest

from tests.auth.conftest import AuthService, Person
from tests.auth.directories import Directory, directory_of
from tests.auth.federation import (
    Browser,
    Company,
    NameServer,
    NewBrowser,
    Provider,
    connect,
    prove_domain,
)


@pytest.fixture
async def new_browser(auth: AuthService) -> AsyncIterator[NewBrowser]:
    """Open browsers; they are closed when the test ends."""
    async with AsyncExitStack() as stack:

        def open_one() -> Browser:
            browser = Browser(auth)
            stack.push_async_callback(browser.client.aclose)
            return browser

        yield open_one


@pytest.fixture
async def company(
    auth: AuthService, acme: Person, provider: Provider, name_server: NameServer
) -> Company:
    """Acme, with a proven domain and the provider."""
    domain = f"{uuid4().hex[:12]}.test"
    await prove_domain(auth, name_server, acme, domain)
    return Company(acme, domain, await connect(auth, provider, acme, domain))


@pytest.fixture
async def entra(auth: AuthService, acme: Person) -> Directory:
    """Acme's directory."""
    return await directory_of(auth, acme)


@pytest.fixture
async def okta(auth: AuthService, globex: Person) -> Directory:
    """Globex' directory."""
    return await directory_of(auth, globex)

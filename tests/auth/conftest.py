"""Auth as a running service: its real application behind a real socket.

It verifies its own callers over HTTP, as every service does, so an in-process transport would
not do.
"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from aiosmtpd.controller import Controller
from fastapi import FastAPI
from redis.asyncio import Redis

from libs.common.database import Database
from libs.common.jobs.runner import JobRunner
from libs.common.resources import Resources
from ops.local.process import free_port
from services.auth.adapters import password_hashing
from services.auth.main import make_app
from services.auth.settings import Settings
from services.auth.wiring import Wiring, wire
from services.auth.wiring.people import mail_jobs
from services.auth.workers.jobs import JobHandlers
from tests.conftest import OpenDatabase, ServiceEnvironment
from tests.serving import placed_on, read_when_made, serving

if TYPE_CHECKING:
    from tests.auth.federation import NameServer, Provider

# An id that nothing has; fixed, so that tests are called the same in every process.
NOBODY = UUID("0192f0c1-2d34-7e5f-8a9b-0c1d2e3f4a5b")
PASSWORD = "correct horse battery"


# Browsers come back here from their identity provider, so it is where the service listens.
PUBLIC_URL = f"http://127.0.0.1:{free_port()}"
# Tests are in a greater hurry than people; those about limits set their own.
RELAXED = dict.fromkeys(
    ("login", "register", "refresh", "public", "refused", "mail", "second_factor", "sso"),
    "100000/60",
)


_idle_apps: dict[object, list[FastAPI]] = {}
"""Applications whose test has ended, by what settings they were made with."""


@dataclass
class AuthService:
    """The service, and ways to talk to it."""

    client: httpx.AsyncClient
    resources: Resources
    wiring: Wiring

    async def post(self, path: str, **kwargs: Any) -> httpx.Response:
        """Send a POST."""
        return await self.client.post(path, **kwargs)

    async def get(self, path: str, **kwargs: Any) -> httpx.Response:
        """Send a GET."""
        return await self.client.get(path, **kwargs)

    async def internal(
        self, method: str, path: str, *, tenant_id: UUID | None = None, json: object = None
    ) -> httpx.Response:
        """Call as another service of the platform."""
        headers = {"authorization": f"Bearer {self.resources.service_tokens.token_for('auth')}"}
        if tenant_id is not None:
            headers["x-tenant-id"] = str(tenant_id)
        return await self.client.request(method, path, json=json, headers=headers)


@dataclass
class Person:
    """Somebody who registered, with their company."""

    email: str
    user_id: UUID
    tenant_id: UUID
    access_token: str
    refresh_token: str

    @property
    def bearer(self) -> dict[str, str]:
        """The headers of a call in their name."""
        return {"authorization": f"Bearer {self.access_token}"}


class StartAuth(Protocol):
    """Starts the service; it stops when the test ends."""

    async def __call__(self, **settings: object) -> AuthService: ...


class Register(Protocol):
    """Registers a company with its first admin."""

    async def __call__(self, name: str = "Acme") -> Person: ...


class Mailbox:
    """A real SMTP server, and the worker that sends to it."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuse_with: str | None = None
        self._port = free_port()
        self._controller: Controller | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"smtp://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Begin to listen."""
        # Made here: its library opens a loop at once, and closes it when it stops.
        self._controller = Controller(self, hostname="127.0.0.1", port=self._port)
        self._controller.start()

    def stop(self) -> None:
        """Go away."""
        if self._controller is not None:
            self._controller.stop()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - the base class's name
        """Take a mail, as the protocol's library calls it."""
        if self.refuse_with is not None:
            return self.refuse_with
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        assert envelope.rcpt_tos == [mail["To"]]
        self.mails.append(mail)
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        """What somebody was sent, oldest first."""
        return [mail for mail in self.mails if mail["To"] == address]

    def told(self, address: str, words: str) -> bool:
        """Whether somebody was sent a mail with these words."""
        return any(words in mail.get_content() for mail in self.to(address))

    def token_for(self, address: str) -> str:
        """The token of the newest link that somebody was sent."""
        found = [token_in(mail) for mail in self.to(address)]
        return [token for token in found if token is not None][-1]


def token_in(mail: EmailMessage) -> str | None:
    """Return the token of a mail's link."""
    found = re.search(r"#(ot_\S+)", mail.get_content())
    return found.group(1) if found else None


@pytest.fixture(scope="session")
def mailbox() -> Iterator[Mailbox]:
    """Where all mails of all tests arrive."""
    mailbox = Mailbox()
    mailbox.start()
    yield mailbox
    mailbox.stop()


class Deliver(Protocol):
    """Does the work of the worker until nothing is left to be sent."""

    async def __call__(self) -> int: ...


@pytest.fixture
def deliver(auth: AuthService, mailbox: Mailbox) -> Deliver:
    """Send what is queued."""
    return partial(send_all, auth)


async def send_all(auth: AuthService) -> int:
    """Do the work of a service's worker until nothing is left to be sent."""
    resources = auth.resources
    handlers = JobHandlers(mails=mail_jobs(resources))
    return await JobRunner(
        resources.database,
        resources.redis,
        "auth",
        handlers.by_kind,
        # One after the other, so that the newest mail arrives last.
        concurrency=1,
        first_retry_seconds=0.05,
    ).drain()


@pytest.fixture(scope="session")
def settings_values(service_environment: ServiceEnvironment, mailbox: Mailbox) -> dict[str, Any]:
    """The settings that all tests start from."""
    environment = {name.lower(): value for name, value in service_environment("auth").items()}
    return {
        "rate_limits": RELAXED,
        "public_url": PUBLIC_URL,
        "smtp_url": mailbox.url,
        **environment,
    }


@pytest.fixture(scope="session")
def usual_url() -> str:
    """Where the application with the usual settings is served."""
    return PUBLIC_URL


@pytest.fixture(scope="session")
def usual_app(
    settings_values: dict[str, Any], usual_url: str, name_server: "NameServer"
) -> FastAPI:
    """The application with the usual settings: putting it together takes longest, so once."""
    return make_app(
        Settings(
            auth_url=usual_url,
            dns_servers=[name_server.address],
            **settings_values,
        )
    )


@pytest.fixture
def quick_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords with as little effort as Argon2 takes; those who time it override this."""
    monkeypatch.setattr(password_hashing, "MEMORY_KIB", 8)
    monkeypatch.setattr(password_hashing, "PASSES", 1)


@pytest.fixture
async def start_auth(
    settings_values: dict[str, Any], redis: Redis, quick_hashing: None
) -> AsyncIterator[StartAuth]:
    """Start the service with settings of the test's own."""
    async with AsyncExitStack() as stack:

        async def start(**settings: object) -> AuthService:
            listener, url = listen()
            made = Settings(**({"auth_url": url} | settings_values | settings))
            idle = _idle_apps.setdefault(read_when_made(made), [])
            app = idle.pop() if idle else make_app(made)
            stack.callback(idle.append, app)
            placed_on(Resources.open(made), app, wire)
            return await stack.enter_async_context(run_app(app, listener, url))

        yield start


@pytest.fixture
async def auth(
    usual_app: FastAPI, usual_url: str, redis: Redis, quick_hashing: None
) -> AsyncIterator[AuthService]:
    """The service, with limits that do not bother."""
    listener, _ = listen(urlsplit(usual_url).port or 0)
    async with run_app(usual_app, listener, usual_url) as service:
        yield service


def listen(port: int = 0) -> tuple[socket.socket, str]:
    """Open a socket, at any free port unless one is given, and tell its address."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@asynccontextmanager
async def run_app(app: FastAPI, listener: socket.socket, url: str) -> AsyncIterator[AuthService]:
    """Serve an application until the block ends."""
    async with serving(app, listener, ws="none", lifespan="on"):
        resources: Resources = app.state.resources
        # Without TLS there is nothing to verify, and loading the certificates takes long.
        async with httpx.AsyncClient(base_url=url, timeout=30, verify=False) as client:
            yield AuthService(client=client, resources=resources, wiring=app.state.wiring)


@pytest.fixture
def register(auth: AuthService) -> Register:
    """Register people."""

    async def register_one(name: str = "Acme") -> Person:
        email = new_email(name)
        response = await auth.post(
            "/api/v1/auth/register", json=registration(email=email, company_name=name)
        )
        assert response.status_code == 201, response.text
        return person_of(response.json())

    return register_one


def new_email(name: str = "Acme") -> str:
    """Return an address that nobody has yet."""
    return f"{uuid4().hex[:12]}@{name.lower()}.test"


def registration(**changes: object) -> dict[str, object]:
    """Return a registration's body."""
    body: dict[str, object] = {
        "email": new_email(),
        "password": PASSWORD,
        "first_name": "Ada",
        "last_name": "Admin",
    }
    return body | changes


def person_of(body: dict[str, Any]) -> Person:
    """Read a person from what registering or logging in answered."""
    return Person(
        email=body["user"]["email"],
        user_id=UUID(body["user"]["id"]),
        tenant_id=UUID(body["user"]["company_id"]),
        access_token=body["access_token"],
        refresh_token=body["refresh_token"],
    )


async def log_in(auth: AuthService, email: str, password: str = PASSWORD) -> httpx.Response:
    """Log in, with a password at first."""
    return await auth.post("/api/v1/auth/login", json={"email": email, "password": password})


async def is_shut_out(auth: AuthService, person: Person) -> bool:
    """Say whether a person's tokens are worthless within the five seconds that it may take."""
    for _ in range(50):
        reply = await auth.get("/api/v1/auth/user/me", headers=person.bearer)
        if reply.status_code == 401:
            return True
        await asyncio.sleep(0.1)
    return False


async def add_colleague(auth: AuthService, admin: Person, role: str = "user") -> Person:
    """Add somebody to an admin's company and log them in."""
    email = new_email("colleague")
    added = await auth.post(
        "/api/v1/auth/user", json=registration(email=email), headers=admin.bearer
    )
    assert added.status_code == 201, added.text
    if role != "user":
        changed = await auth.client.patch(
            f"/api/v1/user/{added.json()['id']}/role", json={"role": role}, headers=admin.bearer
        )
        assert changed.status_code == 200, changed.text
    return person_of((await log_in(auth, email)).json())


@pytest.fixture
async def acme(register: Register) -> Person:
    """The first admin of one company."""
    return await register("Acme")


@pytest.fixture
async def globex(register: Register) -> Person:
    """The first admin of another company."""
    return await register("Globex")


@pytest.fixture
async def database(open_database: OpenDatabase) -> Database:
    """Auth's database, with both of its roles."""
    return await open_database("auth")


@pytest.fixture(scope="session")
def name_server() -> Iterator["NameServer"]:
    """A DNS server whose zone tests write."""
    from tests.auth.federation import NameServer  # noqa: PLC0415 - for the tests that need it

    server = NameServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def provider() -> Iterator["Provider"]:
    """A real identity provider."""
    from tests.auth.federation import Provider  # noqa: PLC0415 - for the tests that need it

    started = Provider.start()
    yield started
    started.stop()

"""The cast of the single sign-on tests: a name server, an identity provider, a browser."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
from dnslib import QTYPE, RCODE, RR, TXT, DNSRecord
from dnslib.server import BaseResolver, DNSLogger, DNSServer

from services.auth.models.users import User
from tests.auth.conftest import AuthService, Person, listen

DOMAINS = "/api/v1/auth/domains"
CONNECTIONS = "/api/v1/auth/sso/connections"
POLICY = "/api/v1/auth/sso/policy"
LOGIN = "/api/v1/auth/sso/login"
CALLBACK = "/api/v1/auth/sso/callback"
TOKEN = "/api/v1/auth/sso/token"
AUDIT = "/api/v1/audit-log"
PASSWORD_AT_PROVIDER = "their own password"


class NameServer(BaseResolver):  # type: ignore[misc]  # dnslib has no types
    """A real DNS server on this machine, whose zone tests write."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self.is_failing = False
        silent = DNSLogger(log="-request,-reply,-truncated,-error", logf=lambda _line: None)
        self._server = DNSServer(self, address="127.0.0.1", port=0, logger=silent)
        self._server.start_thread()

    @property
    def address(self) -> str:
        """Where it listens, `address:port`."""
        host, port = self._server.server.server_address[:2]
        return f"{host}:{port}"

    def resolve(self, request: DNSRecord, handler: object) -> DNSRecord:
        """Answer from the zone."""
        reply = request.reply()
        name = str(request.q.qname).rstrip(".").lower()
        if self.is_failing:
            reply.header.rcode = RCODE.SERVFAIL
        elif name not in self.texts:
            reply.header.rcode = RCODE.NXDOMAIN
        elif request.q.qtype == QTYPE.TXT:
            for text in self.texts[name]:
                # A character string holds 255 bytes at most.
                pieces = [text[i : i + 40].encode() for i in range(0, len(text), 40)]
                reply.add_answer(RR(name, QTYPE.TXT, rdata=TXT(pieces), ttl=1))
        return reply

    def close(self) -> None:
        """Stop."""
        self._server.stop()
        self._server.server.server_close()


@dataclass
class Provider:
    """Canaille, a real identity provider, in a process of its own."""

    issuer: str
    _process: "subprocess.Popen[bytes]"
    _clients: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def start(cls) -> "Provider":
        """Start it, and wait until it answers."""
        listener, url = listen()
        listener.close()
        port = urlsplit(url).port
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.auth.identity_provider", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        provider = cls(f"http://localhost:{port}", process)
        for _ in range(300):
            try:
                httpx.get(f"{provider.issuer}/.well-known/openid-configuration", timeout=5)
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                return provider
        raise RuntimeError("the identity provider did not start")

    def stop(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.wait()

    def register_client(self, redirect_uri: str, *, method: str = "client_secret_basic") -> Any:
        """Register a client (RFC 7591)."""
        reply = httpx.post(
            f"{self.issuer}/oauth/register",
            json={
                "client_name": "Knowrithm",
                "redirect_uris": [redirect_uri],
                "grant_types": ["authorization_code"],
                "response_types": ["code"],
                "token_endpoint_auth_method": method,
                "scope": "openid email profile groups",
            },
        )
        assert reply.status_code == 201, reply.text
        return reply.json()

    def put_person(self, email: str, *, groups: tuple[str, ...] = (), verified: bool = True) -> str:
        """Add a person, or change their groups; return the name they log in by."""
        name = email.replace("@", ".")
        self._administer(
            user_name=name,
            given_name="Grace",
            family_name="Hopper",
            email=email,
            password=PASSWORD_AT_PROVIDER,
            groups=groups,
            verified=verified,
        )
        return name

    def replace_key(self) -> None:
        """Sign with another key from now on, and publish no other."""
        self._administer(new_key=True)

    def _administer(self, **wanted: object) -> None:
        reply = httpx.post(f"{self.issuer}/administrator", json=wanted, timeout=30)
        assert reply.status_code == 200, reply.text


class Browser:
    """Follows redirects with a cookie jar, and fills in the provider's forms for its person."""

    def __init__(self, auth: AuthService) -> None:
        self.auth = auth
        self.client = httpx.AsyncClient(timeout=30, verify=False)

    async def at_provider(self, email: str, **query: str) -> httpx.Response:
        """Begin a login; return the redirect to the provider."""
        base = str(self.auth.client.base_url)
        return await self.client.get(base.rstrip("/") + LOGIN, params={"email": email, **query})

    async def back(self, email: str, *, name: str, **query: str) -> str:
        """Log in at the provider; return the URL that it sends the browser back to."""
        reply = await self.at_provider(email, **query)
        assert reply.status_code == 302, reply.text
        while True:
            where = httpx.URL(reply.request.url).join(reply.headers["location"])
            if where.path == CALLBACK:
                return str(where)
            reply = await self.client.get(where)
            while not reply.is_redirect:
                assert reply.status_code == 200, reply.text
                form = {
                    "/login": {"login": name},
                    "/auth/password": {"password": PASSWORD_AT_PROVIDER},
                    "/oauth/authorize": {"answer": "accept"},
                }[reply.url.path]
                reply = await self.client.post(reply.url, data=form)

    async def log_in(self, email: str, *, name: str, **query: str) -> httpx.Response:
        """Log in at the provider and come back."""
        return await self.client.get(await self.back(email, name=name, **query))


NewBrowser = Callable[[], Browser]


async def prove_domain(
    auth: AuthService, names: NameServer, admin: Person, domain: str
) -> dict[str, Any]:
    """Claim a domain, publish its record, and have it verified."""
    claimed = await auth.post(DOMAINS, json={"domain": domain}, headers=admin.bearer)
    assert claimed.status_code == 201, claimed.text
    record = claimed.json()["record"]
    names.texts[record["name"]] = ["v=spf1 -all", record["value"]]
    verified = await auth.post(f"{DOMAINS}/{claimed.json()['id']}/verify", headers=admin.bearer)
    assert verified.status_code == 200, verified.text
    return dict(verified.json())


async def connect(
    auth: AuthService,
    provider: Provider,
    admin: Person,
    domain: str,
    *,
    method: str = "client_secret_basic",
    **settings: object,
) -> dict[str, Any]:
    """Set up single sign-on for a proven domain."""
    base = str(auth.client.base_url).rstrip("/")
    client = provider.register_client(base + CALLBACK, method=method)
    body = {
        "name": "Canaille",
        "issuer": provider.issuer,
        "client_id": client["client_id"],
        "client_secret": client["client_secret"],
        "domains": [domain],
        **settings,
    }
    reply = await auth.post(CONNECTIONS, json=body, headers=admin.bearer)
    assert reply.status_code == 201, reply.text
    return dict(reply.json())


def query_of(url: str) -> dict[str, str]:
    """Return a URL's query."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@dataclass
class Company:
    """A company whose people come through the provider."""

    admin: Person
    domain: str
    connection: dict[str, Any]

    def new_email(self) -> str:
        """Return an address in its domain that nobody has yet."""
        return f"p{uuid4().hex[:12]}@{self.domain}"


async def change(auth: AuthService, company: Company, **settings: object) -> httpx.Response:
    """Change the company's connection."""
    path = f"{CONNECTIONS}/{company.connection['id']}"
    return await auth.client.patch(path, json=settings, headers=company.admin.bearer)


async def newest_refusal(auth: AuthService, admin: Person) -> str:
    """Return what the audit trail says of the newest refused login."""
    reply = await auth.get(f"{AUDIT}?event_type=sso.refused", headers=admin.bearer)
    entries = reply.json()["data"]
    return str(entries[0]["description"]) if entries else ""


async def first_domain(auth: AuthService, company: Company) -> dict[str, Any]:
    """Return one of the company's domains."""
    listed = await auth.get(DOMAINS, headers=company.admin.bearer)
    return dict(listed.json()["domains"][0])


async def user_with(auth: AuthService, company: Company, email: str) -> User | None:
    """Return the company's user with an address."""
    async with auth.wiring.unit_of_work(company.admin.tenant_id) as uow:
        return await uow.directory.user_by_email(email)


async def set_fields(auth: AuthService, company: Company, user_id: UUID, **fields: object) -> None:
    """Change a user past all rules."""
    async with auth.wiring.unit_of_work(company.admin.tenant_id) as uow:
        user = await uow.users.get(user_id)
        assert user is not None
        for name, value in fields.items():
            setattr(user, name, value)

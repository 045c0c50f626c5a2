"""Forged tokens, at every service: none is accepted, and none brings one down."""

from collections.abc import Mapping
from uuid import uuid4

import pytest
import requests

from libs.common.contract import OWNERS
from libs.common.security import SigningKey
from libs.common.security.service_tokens import SERVICE_TYP
from tests.platform import PASSWORD, Company, Platform
from tests.tenancy.cast import log_in
from tests.tenancy.forgeries import JUNK, Forge, forgeries

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

# A route of each service that any user may read.
READ: Mapping[str, str] = {
    "auth": "/api/v1/auth/user/me",
    "agents": "/api/v1/agent",
    "conversations": "/api/v1/conversation",
    "documents": "/api/v1/document",
    "analytics": "/api/v1/analytic/dashboard",
}
REFUSALS = {401, 400, 431}
"""400 and 431 are the gateway's, for headers that are no headers."""


@pytest.fixture(scope="module")
def forge(acme: Company, globex: Company, signing_key: SigningKey) -> Forge:
    token = acme.bearer["Authorization"].removeprefix("Bearer ")
    return Forge(token, signing_key, stranger_id=globex.id)


@pytest.fixture(params=OWNERS)
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ask(platform: Platform, path: str, headers: Mapping[str, str]) -> requests.Response:
    raw = {name: value.encode("utf-8") for name, value in headers.items()}
    return requests.get(platform.url + path, headers=raw, timeout=30)


def test_none_is_accepted(platform: Platform, forge: Forge, service: str) -> None:
    made = forgeries(forge)
    assert len(made) > 100

    answers = {
        what: ask(platform, READ[service], {"Authorization": f"Bearer {token}"}).status_code
        for what, token in made.items()
    }

    assert {what: status for what, status in answers.items() if status not in REFUSALS} == {}


def test_what_they_were_made_from_is(platform: Platform, forge: Forge, service: str) -> None:
    for token in (forge.token, forge.signed(), forge.with_header()):
        reply = ask(platform, READ[service], {"Authorization": f"Bearer {token}"})

        assert reply.status_code == 200, reply.text


def test_refusals_are_all_the_same(platform: Platform, forge: Forge, service: str) -> None:
    told = set()
    for token in forgeries(forge).values():
        reply = ask(platform, READ[service], {"Authorization": f"Bearer {token}"})
        if reply.status_code == 401:
            told.add(reply.text.replace(reply.headers["x-request-id"], ""))

    assert len(told) == 1


def test_junk_is_refused(platform: Platform, service: str) -> None:
    answers = {}
    for headers in JUNK:
        for encoding in ("utf-8", "latin-1"):
            raw = {name: value.encode(encoding) for name, value in headers.items()}
            reply = requests.get(platform.url + READ[service], headers=raw, timeout=30)
            answers[f"{headers} {encoding}"[:200]] = reply.status_code

    assert {what: status for what, status in answers.items() if status not in REFUSALS} == {}


def test_a_refresh_token_opens_nothing(platform: Platform, service: str) -> None:
    person = {
        "email": f"{uuid4().hex}@forged.example.com",
        "password": PASSWORD,
        "first_name": "Re",
        "last_name": "Fresh",
        "company_name": f"Refresh {uuid4().hex}",
    }
    made = requests.post(f"{platform.url}/api/v1/auth/register", json=person, timeout=30)
    assert made.ok, made.text
    token = log_in(platform, person["email"])["refresh_token"]

    assert ask(platform, READ[service], {"Authorization": f"Bearer {token}"}).status_code == 401


def test_access_tokens_open_no_internal_route(
    platform: Platform, forge: Forge, ports: Mapping[str, int]
) -> None:
    """A user's token is not a service's, past the gateway and with whatever tenant."""
    tokens = {
        "user's": forge.token,
        "retyped": forge.with_header(typ=SERVICE_TYP),
        "under a service's name": forge.by_another_key("conversations", typ=SERVICE_TYP),
    }
    for service, path in (
        ("agents", "/internal/agents"),
        ("auth", "/internal/jwks"),
        ("auth", "/internal/sessions/01a2036b-c681-712f-b0bf-d19935db2589"),
    ):
        for what, token in tokens.items():
            reply = requests.get(
                f"http://127.0.0.1:{ports[service]}{path}",
                headers={
                    "Authorization": f"Bearer {token}",
                    "X-Tenant-ID": forge.claims["tenant"],
                },
                timeout=30,
            )

            assert reply.status_code == 401, (service, path, what)


def test_a_tenant_header_changes_nobodys_tenant(
    acme: Company, globex: Company, ports: Mapping[str, int]
) -> None:
    """Past the gateway, which would have removed it."""
    made = acme.call("POST", "/api/v1/agent", json={"name": "Acme's alone"}).json()["agent"]

    reply = requests.get(
        f"http://127.0.0.1:{ports['agents']}/api/v1/agent",
        headers={**globex.bearer, "X-Tenant-ID": acme.id},
        timeout=30,
    )

    assert reply.status_code == 200
    assert made["id"] not in reply.text

"""The routes between services, called past the gateway in a service's name.

Whoever stands inside the network has no rights by that: a token signed by a service for this
service opens them, and then for the tenant that is named, and for no other.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import pytest
import requests

from libs.common.contract import OWNERS
from libs.common.security import ServiceTokens, SigningKey, sign_token
from libs.common.security.service_tokens import SERVICE_TYP
from ops.local.home import Home
from tests.flows.platform_keys import claims_of
from tests.platform import Company, Platform
from tests.tenancy.cast import told
from tests.tenancy.matrix import INTERNAL, InternalRow

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

ROWS = [row for rows in INTERNAL.values() for row in rows]
FOR_TENANTS = [row for row in ROWS if row.tenant_needed]


def name_of(row: InternalRow) -> str:
    return f"{row.service} {row.method} {row.path}"


Pems = Mapping[str, str]


@pytest.fixture(scope="module")
def pems(platform: Platform) -> Pems:
    """The private keys of all services."""
    folder = Home(platform.home).secrets
    return {service: (folder / f"{service}.pem").read_text() for service in OWNERS}


@pytest.fixture(scope="module")
def token_of(platform: Platform, pems: Pems) -> Callable[[str, str], str]:
    """Gives the token by which one service calls another."""
    jwks = (Home(platform.home).secrets / "jwks.json").read_text()

    def made(caller: str, audience: str) -> str:
        tokens = ServiceTokens(caller, private_pem=pems[caller], jwks_json=jwks)
        return tokens.token_for(audience)

    return made


@pytest.fixture(scope="module")
def call(ports: Mapping[str, int]) -> Callable[..., requests.Response]:
    """Calls a route as a row says."""

    def send(
        row: InternalRow,
        ids: Mapping[str, str],
        *,
        token: str | None = None,
        tenant: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        given = dict(headers or {})
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        if tenant is not None:
            given["X-Tenant-ID"] = tenant
        return requests.request(
            row.method,
            f"http://127.0.0.1:{ports[row.service]}{row.path.format(**ids)}",
            headers=given,
            json=row.body_with(ids),
            timeout=30,
        )

    return send


@pytest.fixture(scope="module")
def known(ids: dict[str, str], acme: Company) -> dict[str, str]:
    """Acme's things, and the session of its admin."""
    token = acme.bearer["Authorization"].removeprefix("Bearer ")
    return {**ids, "session_id": claims_of(token)["session"]}


Call = Callable[..., requests.Response]
TokenOf = Callable[[str, str], str]


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_strangers_stay_out(
    row: InternalRow, call: Call, known: dict[str, str], acme: Company
) -> None:
    for headers in ({}, acme.bearer, acme.key_headers, {"Authorization": "Basic YTpi"}):
        assert call(row, known, tenant=acme.id, headers=headers).status_code == 401


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_forged_names_stay_out(
    row: InternalRow, call: Call, known: dict[str, str], acme: Company, pems: Pems
) -> None:
    forged = forged_tokens(row.service, "conversations", pems)
    assert len(forged) > 20

    answers = {
        what: call(row, known, token=token, tenant=acme.id).status_code
        for what, token in forged.items()
    }

    assert {what: status for what, status in answers.items() if status != 401} == {}


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_services_that_it_is_not_for_are_refused(
    row: InternalRow, call: Call, known: dict[str, str], acme: Company, token_of: TokenOf
) -> None:
    for caller in OWNERS:
        reply = call(row, known, token=token_of(caller, row.service), tenant=acme.id)

        admitted = row.services is None or caller in row.services
        # What is verified there is no key pair, which is no refusal of the service.
        assert (reply.status_code in (200, 204, 404)) is admitted, (caller, reply.text)
        assert (reply.status_code == 403) is not admitted, (caller, reply.text)


@pytest.mark.parametrize("row", FOR_TENANTS, ids=name_of)
def test_a_tenant_must_be_named(
    row: InternalRow, call: Call, known: dict[str, str], token_of: TokenOf
) -> None:
    token = token_of("conversations", row.service)
    for tenant in (None, "", "acme", "0", "*", "00000000"):
        assert call(row, known, token=token, tenant=tenant).status_code == 400


@pytest.mark.parametrize("row", [row for row in FOR_TENANTS if not row.makes], ids=name_of)
def test_foreign_ids_look_like_missing_ones(
    row: InternalRow,
    call: Call,
    known: dict[str, str],
    acme: Company,
    globex: Company,
    token_of: TokenOf,
) -> None:
    token = token_of(min(row.services or {"conversations"}), row.service)
    unknown = {name: "No One" if name == "name" else str(uuid4()) for name in known}

    own = call(row, known, token=token, tenant=acme.id)
    foreign, missing = (call(row, ids, token=token, tenant=globex.id) for ids in (known, unknown))

    assert own.status_code == 200
    assert told(foreign) == told(missing)
    if "{" in row.path:
        assert foreign.status_code == 404 or foreign.json()["active"] is False
    for name, value in known.items():
        assert value not in foreign.text, name


def forged_tokens(audience: str, name: str, pems: Pems) -> dict[str, str]:
    """Return tokens that are no service's, by what is wrong with them."""
    now = int(time.time())
    good: dict[str, Any] = {
        "iss": name,
        "sub": name,
        "aud": audience,
        "jti": uuid4().hex,
        "iat": now,
        "nbf": now,
        "exp": now + 60,
    }
    own = SigningKey(name, pems[name])
    another = next(one for one in OWNERS if one not in (name, audience))

    def signed(key: SigningKey = own, typ: str = SERVICE_TYP, **changes: Any) -> str:
        return sign_token(good | changes, key=key, typ=typ)

    def without(claim: str) -> str:
        claims = {what: value for what, value in good.items() if what != claim}
        return sign_token(claims, key=own, typ=SERVICE_TYP)

    return {
        "for another service": signed(aud=another),
        "for two": signed(aud=[audience, another]),
        "for everybody": signed(aud="*"),
        "in another's name": signed(iss=another, sub=another),
        "issued by another": signed(iss=another),
        "about another": signed(sub=another),
        "about nobody": signed(sub=""),
        "in another's name, by its own key": signed(SigningKey(another, pems[name])),
        "in its name, by another's key": signed(SigningKey(name, pems[another])),
        "by a key of one's own": signed(SigningKey.generate(name)),
        "by a key nobody knows": signed(SigningKey.generate("nobody")),
        "by a path": signed(SigningKey.generate(f"../{name}")),
        "typ of a user's": signed(typ="at+jwt"),
        "typ JWT": signed(typ="JWT"),
        "expired": signed(iat=now - 300, nbf=now - 300, exp=now - 60),
        "not yet": signed(nbf=now + 60),
        "from the future": signed(iat=now + 60),
        "without end": signed(exp=float("inf")),
        "for ever": signed(exp=10**15),
        "end a text": signed(exp=str(now + 60)),
        "unsigned": signed().rpartition(".")[0] + ".",
        "cut": signed()[:-4],
        **{f"no {claim}": without(claim) for claim in good},
    }

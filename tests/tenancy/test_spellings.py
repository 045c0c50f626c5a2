"""The same thing said in another way opens no more than it does in the usual one."""

import http.client
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlsplit
from uuid import uuid4

import pytest
import requests

from libs.common.contract import API_PREFIX, MIRROR_PREFIX, Route
from tests.platform import Company, Platform
from tests.tenancy.cast import told
from tests.tenancy.test_routes import CLOSED, call, name_of, names_in

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

MIRRORED = [route for route in CLOSED if route.path.startswith(f"{API_PREFIX}/")]
# One of each service, read and written.
SOME = (
    ("GET", "/api/v1/user/{}", "user_id"),
    ("GET", "/api/v1/agent/{}/stats", "agent_id"),
    ("GET", "/api/v1/settings/{}", "settings_id"),
    ("GET", "/api/v1/conversation/{}/messages", "conversation_id"),
    ("GET", "/api/v1/document/{}", "document_id"),
    ("GET", "/api/v1/analytic/agent/{}", "agent_id"),
    ("DELETE", "/api/v1/document/{}", "document_id"),
    ("DELETE", "/api/v1/conversation/{}", "conversation_id"),
)
SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "upper case": str.upper,
    "without dashes": lambda id_: id_.replace("-", ""),
    "in braces": lambda id_: f"%7B{id_}%7D",
    "as a URN": lambda id_: f"urn:uuid:{id_}",
    "encoded": lambda id_: "".join(f"%{ord(letter):02x}" for letter in id_),
    "with a slash": lambda id_: f"{id_}/",
    "with a blank": lambda id_: f"%20{id_}",
    "with a NUL": lambda id_: f"{id_}%00",
    "with a question mark": lambda id_: f"{id_}%3f",
    "in wide letters": lambda id_: quote("".join(chr(ord(one) + 0xFEE0) for one in id_)),
    "with a detour": lambda id_: f"x/../{id_}",
    "with a parameter": lambda id_: f"{id_};tenant=own",
}
# What others take for an identity, a tenant, or another request.
PRETENCES = (
    "X-Tenant-ID",
    "X-Company-ID",
    "X-Forwarded-User",
    "X-User-ID",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-HTTP-Method-Override",
    "X-Forwarded-Prefix",
    "Forwarded",
)


@pytest.mark.parametrize("route", MIRRORED, ids=name_of)
def test_the_mirror_is_closed_as_well(
    platform: Platform, globex: Company, ids: dict[str, str], route: Route
) -> None:
    path = MIRROR_PREFIX + route.path.removeprefix(API_PREFIX).format(**ids)

    assert call(platform, route, path, {}).status_code == 401
    if names_in(route.path):
        usual = call(platform, route, route.path.format(**ids), globex.bearer)
        assert told(call(platform, route, path, globex.bearer)) == told(usual)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_foreign_id_is_missing_in_every_spelling(
    globex: Company, ids: dict[str, str], spelling: str
) -> None:
    spell = SPELLINGS[spelling]
    for method, path, name in SOME:
        values = [spell(ids[name]), spell(str(uuid4()))]
        foreign, missing = (raw(globex, method, path.format(value)) for value in values)

        assert foreign[0] in (400, 404, 405), (path, foreign)
        assert foreign[0] == missing[0], path
        for text in (ids["agent_id"], ids["document_id"], ids["conversation_id"]):
            assert text not in foreign[1] or text in path.format(values[0]), path


def raw(company: Company, method: str, target: str) -> tuple[int, str]:
    """Send a target as it is, which clients would tidy up."""
    address = urlsplit(company.platform.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    connection.request(method, target, headers=company.bearer)
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    return reply.status, text


@pytest.mark.parametrize("header", PRETENCES)
def test_no_header_makes_somebody_else_of_a_caller(
    acme: Company, globex: Company, ids: dict[str, str], header: str
) -> None:
    for value in (acme.id, ids["user_id"], "/internal/agents", "DELETE", f"for={acme.id}"):
        for method, path, name in SOME:
            reply = requests.request(
                method,
                globex.platform.url + path.format(ids[name]),
                headers={**globex.bearer, header: value},
                timeout=30,
            )

            assert reply.status_code == 404, (header, value, path)
    listed = requests.get(
        f"{globex.platform.url}/api/v1/agent",
        headers={**globex.bearer, header: acme.id},
        timeout=30,
    )
    assert ids["agent_id"] not in listed.text


def test_two_credentials_are_one_or_none(
    platform: Platform, acme: Company, globex: Company, ids: dict[str, str]
) -> None:
    """A proxy and a service that each read another of two would let one pass for the other."""
    address = urlsplit(platform.url)
    path = f"/api/v1/document/{ids['document_id']}"
    for first, second in ((acme, globex), (globex, acme)):
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        connection.putrequest("GET", path)
        for company in (first, second):
            connection.putheader("Authorization", company.bearer["Authorization"])
        connection.endheaders()

        assert connection.getresponse().status in (400, 401)
        connection.close()


def test_two_keys_are_one_or_none(
    platform: Platform, acme: Company, globex: Company, ids: dict[str, str]
) -> None:
    """Of two keys and two secrets no pair is made that nobody was given."""
    address = urlsplit(platform.url)
    for keys, secrets in (((acme, globex), (globex, acme)), ((globex, acme), (acme, globex))):
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        connection.putrequest("GET", f"/api/v1/document/{ids['document_id']}")
        for company in keys:
            connection.putheader("X-API-Key", company.api_key)
        for company in secrets:
            connection.putheader("X-API-Secret", company.api_secret)
        connection.endheaders()

        assert connection.getresponse().status in (400, 401)
        connection.close()

"""Who calls in the tests of tenancy, and what the company that must not be reached owns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import requests

from libs.common.security import ACCESS_TYP, SigningKey, scopes_of_role, sign_token
from tests.auth.authenticator import Authenticator
from tests.flows.platform_keys import claims_of
from tests.platform import PASSWORD, Company, Platform, wait_for
from tests.tenancy.matrix import SCIM_GROUP

# What counts things of a company rather than naming one: the same for everybody.
NUMBERS = {"number": "1"}
DOCUMENT_TEXT = "Every kettle has a warranty of seven years."

Headers = Mapping[str, str]


@dataclass(frozen=True)
class Callers:
    """People and programs of one company, by what they may do."""

    headers: Mapping[str, Headers]

    def __getitem__(self, name: str) -> Headers:
        return self.headers[name]


def callers_of(company: Company, key: SigningKey) -> Callers:
    """Make callers of a company that lack something, each something else.

    Args:
        company: Theirs.
        key: The platform's, for what it has not given out yet: tokens of leads.
    """
    bearer = company.bearer["Authorization"].removeprefix("Bearer ")
    return Callers(
        {
            "admin": company.bearer,
            "user": person_of(company),
            "lead": {"Authorization": f"Bearer {lead_token(bearer, key)}"},
            "key to read": key_of(company, "read"),
            "key to write": key_of(company, "write"),
            "key to read and write": key_of(company, "read", "write"),
            "key to administer": key_of(company, "admin"),
        }
    )


def key_of(company: Company, *scopes: str) -> Headers:
    """Make an API key and return its headers."""
    body = {"name": " ".join(scopes), "scopes": list(scopes)}
    made = company.call("POST", "/api/v1/auth/api-keys", json=body).json()
    return {"X-API-Key": made["api_key"], "X-API-Secret": made["api_secret"]}


def person_of(company: Company) -> Headers:
    """Add somebody without rights of administration and return the headers of their calls."""
    email = f"{uuid4().hex}@{company.name.lower()}.example.com"
    person = {"email": email, "password": PASSWORD, "first_name": "Uma", "last_name": "User"}
    added = company.call("POST", "/api/v1/auth/user", json=person)
    assert added.ok, added.text
    return {"Authorization": f"Bearer {log_in(company.platform, email)['access_token']}"}


def log_in(platform: Platform, email: str) -> Any:
    """Return the tokens of a new session."""
    body = {"email": email, "password": PASSWORD}
    reply = requests.post(f"{platform.url}/api/v1/auth/login", json=body, timeout=30)
    assert reply.ok, reply.text
    return reply.json()


def bearer_of(token: str) -> Headers:
    """Return the headers of who has a token."""
    return {"Authorization": f"Bearer {token}"}


def scim_of(company: Company) -> Headers:
    """Make a token for a company's directory and return the headers of its calls."""
    made = company.call("POST", "/api/v1/auth/scim/tokens", json={"name": "Directory"})
    return bearer_of(made.json()["token"])


def lead_token(bearer: str, key: SigningKey) -> str:
    """Return a token as a lead of the same company has it, in a session that stands."""
    now = datetime.now(UTC)
    claims = claims_of(bearer) | {
        "kind": "lead",
        "role": "lead",
        "sub": str(uuid4()),
        "scopes": sorted(scopes_of_role("lead")),
        "exp": int((now + timedelta(hours=1)).timestamp()),
    }
    return sign_token(claims, key=key, typ=ACCESS_TYP)


def belongings_of(company: Company, agent_name: str) -> dict[str, str]:
    """Give a company one of everything that a route can name, and return the ids.

    Args:
        company: Whose.
        agent_name: An agent's name is as telling as its id.
    """
    agent = company.call("POST", "/api/v1/agent", json={"name": agent_name}).json()["agent"]
    settings = company.call("GET", f"/api/v1/settings/agent/{agent['id']}").json()
    provider = company.call(
        "POST", "/api/v1/providers", json={"name": f"{company.name}'s own", "type": "llm"}
    ).json()
    provider_id = provider.get("id") or provider["provider"]["id"]
    model = company.call(
        "POST", f"/api/v1/providers/{provider_id}/models", json={"name": "m1", "type": "llm"}
    ).json()
    document = uploaded(company, agent["id"], "kettle.txt", DOCUMENT_TEXT)
    site = {"agent_id": agent["id"], "base_url": f"https://{company.name.lower()}.example.com/"}
    website = company.call("POST", "/api/v1/website/source", json=site).json()
    conversation_id = company.call(
        "POST", "/api/v1/conversation", json={"agent_id": agent["id"]}
    ).json()["id"]
    chat = company.call(
        "POST", f"/api/v1/conversation/{conversation_id}/chat", json={"message": "Warranty?"}
    ).json()
    finished(company, chat["task_id"])
    user = company.call("GET", "/api/v1/auth/user/me").json()["user"]
    role = company.call(
        "POST",
        "/api/v1/role",
        json={"name": f"{company.name}'s own", "permissions": ["agents:read"]},
    ).json()
    logo = company.call(
        "PUT", f"/api/v1/company/{company.id}/logo", data=b"\x89PNG\r\n\x1a\n" + bytes(20)
    ).json()["logo"]
    keys = company.call("GET", "/api/v1/auth/api-keys").json()["api_keys"]
    sessions = company.call("GET", "/api/v1/auth/sessions").json()["sessions"]
    invited = company.call(
        "POST",
        "/api/v1/auth/invitations",
        json={"email": f"{uuid4().hex}@{company.name.lower()}.example.com"},
    ).json()
    domain = company.call(
        "POST", "/api/v1/auth/domains", json={"domain": f"{company.name.lower()}-routes.test"}
    ).json()
    token = company.call("POST", "/api/v1/auth/scim/tokens", json={"name": "Walk"}).json()
    group = requests.post(
        f"{company.platform.url}/scim/v2/Groups",
        json={"schemas": [SCIM_GROUP], "displayName": "Walkers"},
        headers=bearer_of(token["token"]),
        timeout=30,
    ).json()
    country = company.call("POST", "/api/v1/country", json={"name": f"{company.name}land"}).json()
    state = company.call(
        "POST", "/api/v1/state", json={"name": "North", "country_id": country["id"]}
    ).json()
    city = company.call(
        "POST", "/api/v1/city", json={"name": "Port", "state_id": state["id"]}
    ).json()
    lead = company.call(
        "POST",
        "/api/v1/lead",
        json={
            "first_name": "Lee",
            "last_name": "Lead",
            "email": f"{uuid4().hex}@{company.name.lower()}.example.com",
        },
    ).json()
    # Of an address that nobody has; told of nothing but the test.
    hook = {
        "url": "https://hooks.example.invalid/",
        "events": ["lead.deleted"],
        "enabled": False,
    }
    webhook = company.call("POST", "/api/v1/webhook", json=hook).json()["webhook"]
    tried = company.call("POST", f"/api/v1/webhook/{webhook['id']}/test").json()["delivery"]
    return {
        "webhook_id": webhook["id"],
        "delivery_id": tried["id"],
        "country_id": str(country["id"]),
        "state_id": str(state["id"]),
        "city_id": str(city["id"]),
        "lead_id": lead["id"],
        "domain_id": domain["id"],
        # Its settings need a proven domain; that of others is tried in auth's own tests.
        "connection_id": str(uuid4()),
        "token_id": token["id"],
        "group_id": group["id"],
        "agent_id": agent["id"],
        "settings_id": settings["id"],
        "provider_id": provider_id,
        "model_id": model.get("id") or model["model"]["id"],
        "document_id": document["id"],
        "chunk_id": document["chunks"][0]["id"],
        "source_id": website["id"],
        "conversation_id": conversation_id,
        "message_id": chat["message_id"],
        "task_id": chat["task_id"],
        "user_id": user["id"],
        "entity_id": user["id"],
        "company_id": company.id,
        "key_id": keys[0]["id"],
        "role_id": role["id"],
        "logo_id": logo.rpartition("/")[2],
        "session_id": sessions[0]["id"],
        "invitation_id": invited["invitation"]["id"],
        "passkey_id": passkey_of(company),
        "name": agent_name,
        **NUMBERS,
    }


def passkey_of(company: Company) -> str:
    """Give a company's admin a passkey and return its id."""
    begun = company.call("POST", "/api/v1/auth/passkeys/options").json()
    authenticator = Authenticator(company.platform.url.replace("127.0.0.1", "localhost"))
    made = company.call(
        "POST",
        "/api/v1/auth/passkeys",
        json={
            "challenge_token": begun["challenge_token"],
            "credential": authenticator.create(begun["passkey_options"]),
        },
    )
    return str(made.json()["passkey"]["id"])


def uploaded(company: Company, agent_id: str, filename: str, text: str) -> Any:
    """Upload a text, wait until it can be found, and return the document with its chunks."""
    task = company.call(
        "POST",
        "/api/v1/document/upload",
        data={"agent_id": agent_id},
        files={"files": (filename, text.encode())},
    ).json()
    finished(company, task["task_id"])
    listed = company.call("GET", "/api/v1/document", params={"agent_id": agent_id}).json()
    found = next(one for one in listed["documents"] if one["filename"] == filename)
    return company.call("GET", f"/api/v1/document/{found['id']}").json()


def finished(company: Company, task_id: str) -> Any:
    """Wait for a task's end and return it."""

    def done() -> Any:
        task = company.call("GET", f"/api/v1/tasks/{task_id}/status").json()
        assert task["status"] != "failed", task
        return task if task["status"] == "completed" else None

    return wait_for(done, seconds=60, what=f"the end of task {task_id}")


def told(reply: requests.Response, *, but: Sequence[str] = ()) -> tuple[int, dict[str, str], str]:
    """Return all that a reply tells, without what is another with every request.

    Args:
        reply: What came back.
        but: Values that the request named itself.
    """
    passing = {"date", "x-request-id", "content-length"}
    headers = {
        name.lower(): value
        for name, value in reply.headers.items()
        if name.lower() not in passing and not name.lower().startswith("ratelimit-")
    }
    text = reply.text
    for value in (*but, reply.headers.get("x-request-id", "")):
        text = text.replace(value, "") if value else text
    return reply.status_code, headers, text

"""The rows of the route matrix: what each route is called with, and who of Acme may not call it.

The routes themselves are read from the running services' own descriptions (`operations`), and so
are the places of a request where an id can stand. What is missing here fails the walk.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests

from libs.common.contract import Auth
from libs.common.database.roles import SERVICES
from ops.local.home import Home
from ops.local.state import StackState
from tests.platform import Platform

SCIM_USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
SCIM_GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
_SCIM_PATCH: Final = {
    "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
    "Operations": [{"op": "replace", "path": "externalId", "value": "stolen"}],
}
_LEAD: Final = {"first_name": "New", "last_name": "Lead", "email": "new@lead.example.com"}
# Bodies that are right but for whose things they are about, where a route wants one.
BODIES: Final[Mapping[tuple[str, str], Any]] = {
    ("PUT", "/api/v1/agent/{agent_id}"): {"name": "Stolen"},
    ("PUT", "/api/v1/agent/{agent_id}/budget"): {"budgets": []},
    ("POST", "/api/v1/agent/{agent_id}/mcp"): {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
    ("PUT", "/api/v1/budget"): {"budgets": []},
    ("PUT", "/api/v1/agent/{agent_id}/split"): {"version": 1, "percent": 0},
    ("POST", "/api/v1/agent/{agent_id}/version"): {"name": "Stolen"},
    ("PUT", "/api/v1/sdk/agent/{agent_id}"): {"name": "Stolen"},
    ("POST", "/api/v1/agent/{agent_id}/chat"): {"message": "What do you know?"},
    ("POST", "/api/v1/agent/{agent_id}/test"): {"query": "What do you know?"},
    ("POST", "/api/v1/agent/{agent_id}/clone"): {"name": "Copy"},
    ("PUT", "/api/v1/company/{company_id}"): {"name": "Stolen"},
    ("PATCH", "/api/v1/company/{company_id}"): {"name": "Stolen"},
    ("PATCH", "/api/v1/super-admin/companies/{company_id}"): {"name": "Stolen"},
    ("POST", "/api/v1/conversation/{conversation_id}/chat"): {"message": "What do you know?"},
    ("PATCH", "/api/v1/conversation/{conversation_id}"): {"title": "Stolen"},
    ("PATCH", "/api/v1/message/{message_id}"): {"message": "What do you know?"},
    ("POST", "/api/v1/message/{message_id}/feedback"): {"rating": 1},
    ("PATCH", "/api/v1/country/{country_id}"): {"name": "Stolen"},
    ("PATCH", "/api/v1/state/{state_id}"): {"name": "Stolen"},
    ("PATCH", "/api/v1/city/{city_id}"): {"name": "Stolen"},
    ("POST", "/api/v1/conversation/{conversation_id}/handoff/message"): {"message": "Hello"},
    ("PUT", "/api/v1/providers/{provider_id}"): {"name": "Stolen"},
    ("POST", "/api/v1/providers/{provider_id}/models"): {"name": "m", "type": "llm"},
    ("PUT", "/api/v1/providers/{provider_id}/models/{model_id}"): {"name": "Stolen"},
    ("PATCH", "/api/v1/auth/api-keys/{key_id}"): {"name": "Stolen"},
    ("PUT", "/api/v1/role/{role_id}"): {"name": "Stolen"},
    ("PUT", "/api/v1/super-admin/companies/{company_id}/rate-limits"): {"limits": {}},
    ("PATCH", "/api/v1/super-admin/users/{user_id}"): {"first_name": "Stolen"},
    ("POST", "/api/v1/super-admin/companies/{company_id}/users"): {
        "email": "planted@example.com",
        "password": "correct horse battery",
        "first_name": "New",
        "last_name": "User",
    },
    ("PUT", "/api/v1/user/{user_id}/roles"): {"role_ids": []},
    ("PATCH", "/api/v1/user/{user_id}/role"): {"role": "user"},
    ("PATCH", "/api/v1/user/{user_id}/status"): {"status": "suspended"},
    ("PATCH", "/api/v1/auth/domains/{domain_id}"): {"admits_registration": True},
    ("PATCH", "/api/v1/auth/sso/connections/{connection_id}"): {"name": "Stolen"},
    ("PUT", "/scim/v2/Users/{user_id}"): {"schemas": [SCIM_USER], "userName": "stolen@x.test"},
    ("PATCH", "/scim/v2/Users/{user_id}"): _SCIM_PATCH,
    ("PUT", "/scim/v2/Groups/{group_id}"): {"schemas": [SCIM_GROUP], "displayName": "Stolen"},
    ("PATCH", "/scim/v2/Groups/{group_id}"): _SCIM_PATCH,
    ("PUT", "/api/v1/settings/{settings_id}"): {"llm_temperature": 0.1},
    ("PUT", "/api/v1/settings/guardrails"): {"link_hosts": []},
    ("POST", "/api/v1/agent"): {"name": "New"},
    ("POST", "/api/v1/sdk/agent"): {"name": "New"},
    ("PUT", "/api/v1/agent/{agent_id}/sites"): {"sites": []},
    ("POST", "/api/v1/conversation"): {"title": "New"},
    ("POST", "/api/v1/lead"): _LEAD,
    ("POST", "/api/v1/sdk/lead"): _LEAD,
    ("POST", "/api/v1/lead/register"): _LEAD,
    ("PUT", "/api/v1/lead/{lead_id}"): {"status": "lost"},
    ("PUT", "/api/v1/sdk/lead/{lead_id}"): {"status": "lost"},
    ("POST", "/api/v1/webhook"): {"url": "https://hooks.example.invalid/", "enabled": False},
    ("PATCH", "/api/v1/webhook/{webhook_id}"): {"description": "Stolen"},
    ("POST", "/api/v1/website/source"): {"base_url": "https://new.example.com/"},
    ("PUT", "/api/v1/website/source/{source_id}"): {"notes": "Stolen"},
    ("POST", "/api/v1/website/handshake"): {"url": "https://nobody.example.com/"},
    ("POST", "/api/v1/search/document"): {"query": "kettle"},
    ("PATCH", "/api/v1/document/{document_id}"): {"tags": ["stolen"]},
    ("POST", "/v1/chat/completions"): {"messages": [{"role": "user", "content": "Hi"}]},
    ("POST", "/api/v1/auth/user"): {
        "email": "new@example.com",
        "password": "correct horse battery",
        "first_name": "New",
        "last_name": "User",
    },
    ("POST", "/api/v1/auth/register"): {
        "email": "stranger@example.com",
        "password": "correct horse battery",
        "first_name": "New",
        "last_name": "User",
    },
    ("POST", "/api/v1/auth/invitations/request"): {"email": "stranger@example.com"},
    ("POST", "/api/v1/auth/api-keys"): {"name": "new", "scopes": ["read"]},
    ("POST", "/api/v1/analytic/export"): {"type": "conversations"},
}

# Who of the route's own company is refused (403), by what the contract says of the route.
REFUSED: Final[Mapping[Auth, tuple[str, ...]]] = {
    Auth.READ: ("lead", "key to write"),
    Auth.READ_OR_LEAD: ("key to write",),
    Auth.WRITE: ("lead", "key to read"),
    Auth.WRITE_OR_LEAD: ("key to read",),
    Auth.ADMIN: ("lead", "user", "key to read", "key to write", "key to read and write"),
    Auth.READ_OR_ADMIN: ("lead", "user", "key to write"),
    Auth.WRITE_OR_ADMIN: ("lead", "user", "key to read"),
    Auth.USAGE: ("lead", "user", "key to read", "key to write", "key to read and write"),
    Auth.USER: ("lead", "key to read", "key to write", "key to read and write"),
    Auth.ADMIN_USER: ("lead", "user", "key to read", "key to write", "key to administer"),
    # Callers of every other kind are nobody there: 401.
    Auth.SCIM_TOKEN: ("lead", "user", "admin", "key to administer"),
    Auth.SUPER_ADMIN: ("lead", "user", "admin", "key to read", "key to administer"),
}

# The id of what a field names, where that is not the field's own name.
NAMED_BY_FIELD: Final[Mapping[str, str]] = {
    "llm_settings_id": "settings_id",
    "fallback_settings_ids": "settings_id",
    "llm_provider_id": "provider_id",
    "embedding_provider_id": "provider_id",
    "llm_model_id": "model_id",
    "embedding_model_id": "model_id",
    "document_ids": "document_id",
    "groups": "group_id",
    "role_ids": "role_id",
    "company_ids": "company_id",
    "break_glass_user_id": "user_id",
    "model": "agent_id",
}
# A model is looked up among those of a provider.
BESIDE: Final[Mapping[str, Mapping[str, str]]] = {
    "llm_model_id": {"llm_provider": "openai"},
    "embedding_model_id": {"embedding_provider": "openai"},
}
# Documents are looked up among those of an agent: one of the caller's own.
OF_OWN: Final[Mapping[tuple[str, str], str]] = {
    ("/api/v1/search/document", "document_ids"): "agent_id",
}
# Fields in OpenAI's shape, whose names do not say that they hold ids.
UNSPOKEN: Final = (("POST", "/v1/chat/completions", "model"),)
# What a model is called at its provider, and we at a provider of identities: names of the outside.
NO_IDS: Final = frozenset({"provider_model_id", "client_id"})
# Strangers name any company's agent there, as widgets do: what follows is that company's.
BY_STRANGERS: Final = frozenset(
    {
        ("POST", "/api/v1/lead/register"),
        ("POST", "/api/v1/lead/link"),
        ("POST", "/api/v1/lead/resume"),
    }
)
# Asked of with a form: `test_uploads_to_a_foreign_agent_are_refused`.
BY_FORM: Final = frozenset({("POST", "/api/v1/document/upload")})


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalRow:
    """A route between services.

    Attributes:
        services: Who may call it; all of them when None.
        body: What it is called with; a value in braces is the id of that name.
        tenant_needed: Whether the caller must say for whom it acts.
        makes: Its ids are the caller's own to give, so that none can be another's.
    """

    service: str
    method: str
    path: str
    services: frozenset[str] | None = None
    body: Mapping[str, str] | None = None
    tenant_needed: bool = True
    makes: bool = False

    def body_with(self, ids: Mapping[str, str]) -> dict[str, str] | None:
        """Return the body with these ids in it."""
        if self.body is None:
            return None
        return {name: value.format(**ids) for name, value in self.body.items()}


_ANSWERING: Final = frozenset({"conversations"})
_READING_AGENTS: Final = frozenset({"conversations", "documents"})
INTERNAL: Final[Mapping[str, tuple[InternalRow, ...]]] = {
    "auth": (
        InternalRow(service="auth", method="GET", path="/internal/jwks", tenant_needed=False),
        InternalRow(
            service="auth",
            method="POST",
            path="/internal/api-keys/verify",
            body={"api_key": "ak_nobody", "api_secret": "as_nothing"},
            tenant_needed=False,
        ),
        InternalRow(service="auth", method="GET", path="/internal/sessions/{session_id}"),
        InternalRow(
            service="auth",
            method="PUT",
            path="/internal/lead-sessions/{session_id}",
            services=_ANSWERING,
            body={"lead_id": "{lead_id}"},
            makes=True,
        ),
        InternalRow(
            service="auth",
            method="DELETE",
            path="/internal/leads/{lead_id}/sessions",
            services=_ANSWERING,
            makes=True,
        ),
        InternalRow(
            service="auth",
            method="POST",
            path="/internal/mails/lead-link",
            services=_ANSWERING,
            body={"recipient": "a@lead.example.com", "agent_name": "Ada", "address": "https://x"},
            makes=True,
        ),
        InternalRow(service="auth", method="GET", path="/internal/events"),
    ),
    "agents": (
        InternalRow(
            service="agents", method="GET", path="/internal/agents", services=_READING_AGENTS
        ),
        InternalRow(
            service="agents",
            method="GET",
            path="/internal/agents/by-name/{name}",
            services=_READING_AGENTS,
        ),
        InternalRow(
            service="agents",
            method="GET",
            path="/internal/agents/{agent_id}",
            services=_READING_AGENTS,
        ),
        InternalRow(
            service="agents",
            method="GET",
            path="/internal/widget-agents/{agent_id}",
            services=_READING_AGENTS,
            tenant_needed=False,
        ),
        InternalRow(service="agents", method="GET", path="/internal/events"),
    ),
    "conversations": (InternalRow(service="conversations", method="GET", path="/internal/events"),),
    "documents": (
        InternalRow(
            service="documents",
            method="POST",
            path="/internal/search",
            services=_ANSWERING,
            body={"agent_id": "{agent_id}", "query": "How long is the warranty of a kettle?"},
        ),
        InternalRow(service="documents", method="GET", path="/internal/events"),
    ),
    "analytics": (
        InternalRow(
            service="analytics",
            method="GET",
            path="/internal/company-figures",
            services=frozenset({"auth"}),
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Operation:
    """A route as the service that serves it describes it."""

    method: str
    path: str
    service: str
    description: Mapping[str, Any]
    schemas: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere in a request, besides its path, where an id can stand.

    Attributes:
        where: `query` or `body`.
        field: Its name; with a dot when it is nested.
    """

    method: str
    path: str
    where: str
    field: str

    @property
    def name(self) -> str:
        """The field's own name."""
        return self.field.rpartition(".")[2].removesuffix("[]")

    @property
    def thing(self) -> str:
        """What the id that stands here is called among a company's belongings."""
        return NAMED_BY_FIELD.get(self.name, self.name)

    def arguments(self, value: str, *, own: Mapping[str, str]) -> dict[str, Any]:
        """Return a request's query and body with this id in this place.

        Args:
            value: The id.
            own: What the caller's company has, for what else the request must name.
        """
        body = BODIES.get((self.method, self.path))
        if self.where == "query":
            return {"params": {self.field: value}, "json": body}
        inner: Any = [value] if self.field.endswith("[]") else value
        inner = {self.name: inner, **BESIDE.get(self.name, {})}
        if beside := OF_OWN.get((self.path, self.name)):
            inner[beside] = own[beside]
        for outer in reversed(self.field.split(".")[:-1]):
            inner = {outer: inner}
        return {"json": {**(body or {}), **inner}}


def operations(platform: Platform) -> list[Operation]:
    """Return every route that the running services describe."""
    state = StackState.read(Home(platform.home).state)
    assert state is not None
    found = []
    for service in SERVICES:
        url = f"http://127.0.0.1:{state.ports[service]}/openapi.json"
        description = requests.get(url, timeout=30).json()
        schemas = description["components"]["schemas"]
        found += [
            Operation(method.upper(), path, service, operation, schemas)
            for path, methods in description["paths"].items()
            for method, operation in methods.items()
        ]
    return found


def places_of(operation: Operation) -> Iterator[Place]:
    """Find where ids can stand in the query and body of a request."""
    method, path = operation.method, operation.path
    for parameter in operation.description.get("parameters", ()):
        if parameter["in"] == "query" and (
            _is_id(parameter["schema"]) or _ends_like_an_id(parameter["name"])
        ):
            yield Place(method, path, "query", parameter["name"])
    if (method, path) in BY_FORM:
        return
    content = operation.description.get("requestBody", {}).get("content", {})
    for kind in content.values():
        fields = dict.fromkeys(_fields(kind["schema"], "", operation.schemas, ()))
        yield from (Place(method, path, "body", field) for field in fields)


def _fields(
    schema: Mapping[str, Any], name: str, schemas: Mapping[str, Any], within: tuple[str, ...]
) -> Iterator[str]:
    if reference := schema.get("$ref", "").rpartition("/")[2]:
        if reference not in within:
            yield from _fields(schemas[reference], name, schemas, (*within, reference))
        return
    for kind in ("anyOf", "oneOf", "allOf"):
        for option in schema.get(kind, ()):
            yield from _fields(option, name, schemas, within)
    if "items" in schema:
        yield from _fields(schema["items"], f"{name}[]", schemas, within)
    own = name.rpartition(".")[2]
    if own.removesuffix("[]") in NO_IDS:
        return
    if schema.get("format") == "uuid" or (_ends_like_an_id(own) and schema.get("type") == "string"):
        yield name
    for field, inner in schema.get("properties", {}).items():
        yield from _fields(inner, f"{name}.{field}" if name else field, schemas, within)


def _is_id(schema: Mapping[str, Any]) -> bool:
    options = (schema, *schema.get("anyOf", ()))
    return any(option.get("format") == "uuid" for option in options)


def _ends_like_an_id(name: str) -> bool:
    return name.endswith(("_id", "_ids"))

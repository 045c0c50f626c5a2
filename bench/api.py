"""The public API as a person's program calls it: for everything that is not measured."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final
from uuid import uuid4

import httpx
import orjson

_PASSWORD: Final = "correct horse battery staple"
_TIMEOUT_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Key:
    """An API key."""

    id: str
    secret: str

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a call with it."""
        return {"X-API-Key": self.id, "X-API-Secret": self.secret}


class Api:
    """The platform's API, called by one company with its API key."""

    def __init__(self, url: str, key: Key, *, token: str = "") -> None:
        self.key = key
        self.token = token
        self._http = httpx.Client(
            base_url=url, headers=key.headers, timeout=_TIMEOUT_SECONDS, trust_env=False
        )

    @classmethod
    def for_new_company(cls, url: str) -> "Api":
        """Register a company and let it make itself a key."""
        with httpx.Client(base_url=url, timeout=_TIMEOUT_SECONDS, trust_env=False) as http:
            email = f"{uuid4().hex}@bench.example.com"
            person = {"first_name": "Ada", "last_name": "Admin", "company_name": "Bench"}
            credentials = {"email": email, "password": _PASSWORD}
            _json(
                http.post(
                    "/api/v1/auth/register", json={**person, **credentials, "accept_terms": True}
                )
            )
            token = _json(http.post("/api/v1/auth/login", json=credentials))["access_token"]
            made = _json(
                http.post(
                    "/api/v1/auth/api-keys",
                    headers={"Authorization": f"Bearer {token}"},
                    json={"name": "Bench", "scopes": ["read", "write"]},
                )
            )
        return cls(url, Key(made["api_key"], made["api_secret"]), token=token)

    def __enter__(self) -> "Api":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def make_agent(self, name: str) -> str:
        """Return the id of a new agent."""
        return str(_json(self._http.post("/api/v1/agent", json={"name": name}))["agent"]["id"])

    def make_conversation(self, agent_id: str) -> str:
        """Return the id of a new conversation."""
        made = _json(self._http.post("/api/v1/conversation", json={"agent_id": agent_id}))
        return str(made["conversation"]["id"])

    def upload(self, agent_id: str, files: Mapping[str, bytes]) -> None:
        """Hand in documents."""
        parts = [("files", (name, content)) for name, content in files.items()]
        _json(self._http.post("/api/v1/document/upload", data={"agent_id": agent_id}, files=parts))

    def documents(self, agent_id: str) -> Iterator[dict[str, Any]]:
        """Yield an agent's documents."""
        page = 1
        while True:
            wanted: dict[str, str | int] = {"agent_id": agent_id, "page": page, "per_page": 100}
            found = _json(self._http.get("/api/v1/document", params=wanted))
            yield from found["documents"]
            if not found["pagination"]["has_next"]:
                return
            page += 1

    def count_documents(self, agent_id: str, status: str) -> int:
        """Return how many of an agent's documents are `processed`, `failed`, …"""
        wanted: dict[str, str | int] = {"agent_id": agent_id, "status": status, "per_page": 1}
        found = _json(self._http.get("/api/v1/document", params=wanted))
        return int(found["pagination"]["total"])

    def wait_until_indexed(
        self, agent_id: str, count: int, *, seconds: float, pause_seconds: float = 0.05
    ) -> None:
        """Return once so many documents can be searched.

        Raises:
            RuntimeError: Some have failed, or it takes longer than `seconds`.
        """
        ends_at = time.monotonic() + seconds
        while self.count_documents(agent_id, "processed") < count:
            if time.monotonic() > ends_at or self.count_documents(agent_id, "failed"):
                states = {
                    name: self.count_documents(agent_id, name)
                    for name in ("pending", "processing", "processed", "failed")
                }
                raise RuntimeError(f"of {count} documents are {states}")
            time.sleep(pause_seconds)

    def search(self, agent_id: str, query: str, *, limit: int = 5) -> list[dict[str, Any]]:
        """Return the passages for a query, best first."""
        wanted = {"agent_id": agent_id, "query": query, "limit": limit}
        results: list[dict[str, Any]] = _json(
            self._http.post("/api/v1/search/document", json=wanted)
        )["results"]
        return results

    def ask(
        self, conversation_id: str, question: str, *, on_text: Callable[[], None] = lambda: None
    ) -> dict[str, Any]:
        """Ask and return the answer's message once it is there.

        Args:
            conversation_id: Where.
            question: What.
            on_text: Is called when the first of the answer's text arrives.

        Raises:
            RuntimeError: There is no answer; says why.
        """
        path = f"/api/v1/conversation/{conversation_id}"
        asked = _json(self._http.post(f"{path}/chat", json={"message": question}))
        heard = False
        with self._http.stream("GET", f"{path}/messages/stream") as stream:
            name = ""
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                if not line.startswith("data: "):
                    continue
                data: dict[str, Any] = orjson.loads(line.removeprefix("data: "))
                if data.get("message_id") != asked["message_id"]:
                    continue
                if name == "chat_delta" and not heard:
                    heard = True
                    on_text()
                if name == "chat_response":
                    if data["status"] != "completed":
                        raise RuntimeError(f"no answer: {data.get('error')}")
                    message: dict[str, Any] = data["message"]
                    return message
        raise RuntimeError("the stream ended without an answer")


def _json(response: httpx.Response) -> dict[str, Any]:
    """Return what an answer says.

    Raises:
        RuntimeError: It says that something is wrong.
    """
    if response.status_code >= 400:
        raise RuntimeError(
            f"{response.request.method} {response.request.url.path} was answered with "
            f"{response.status_code}: {response.text[:300]}"
        )
    answer: dict[str, Any] = response.json()
    return answer


def median(values: Sequence[float]) -> float:
    """Return the value in the middle; 0 where there is none."""
    return quantile(values, 0.5)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that a share of all values does not exceed, interpolated."""
    if not values:
        return 0.0
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)

"""The demo's client: the public API, called as anybody would."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from ops.errors import OpsError
from ops.local.home import read_json, write_private

TIMEOUT_SECONDS = 30.0
# Waits: for a task to be done, and for something to happen on a stream.
TASK_SECONDS = 120.0
SILENCE_SECONDS = 90.0
POLL_SECONDS = 0.2
ATTEMPTS = 5


@dataclass(kw_only=True)
class DemoAccount:
    """What the demo has made so far; kept, so that a start that broke off goes on where it was."""

    email: str
    password: str
    registered: bool = False
    api_key: str = ""
    api_secret: str = ""
    agent_id: str = ""
    document_id: str = ""
    question_asked: bool = False

    @classmethod
    def load(cls, path: Path) -> "DemoAccount | None":
        """Return the account of an earlier start; None when there is none."""
        try:
            return cls(**read_json(path))  # type: ignore[arg-type]  # a foreign file fails here
        except TypeError:
            return None

    def save(self, path: Path) -> None:
        """Keep it, for its owner's eyes."""
        write_private(path, json.dumps(asdict(self), indent=2) + "\n")


class DemoClient:
    """Calls the platform through its gateway."""

    def __init__(self, base_url: str) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=TIMEOUT_SECONDS, trust_env=False)
        self._headers: dict[str, str] = {}

    def __enter__(self) -> "DemoClient":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def use_token(self, token: str) -> None:
        """Call as a user from now on."""
        self._headers = {"Authorization": f"Bearer {token}"}

    def use_key(self, account: DemoAccount) -> None:
        """Call with the account's API key from now on."""
        self._headers = {"X-API-Key": account.api_key, "X-API-Secret": account.api_secret}

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a request, and wait for its task if it is answered with one."""
        return self._finished(self._call("POST", path, json=body))

    def get(self, path: str) -> dict[str, Any]:
        """Return a resource."""
        return self._call("GET", path)

    def upload(self, file: Path, *, agent_id: str) -> dict[str, Any]:
        """Upload a document for an agent and wait until it can be searched."""
        files = {"files": (file.name, file.read_bytes(), "application/pdf")}
        return self._finished(
            self._call("POST", "/api/v1/document/upload", data={"agent_id": agent_id}, files=files)
        )

    def ask(self, conversation_id: str, question: str) -> dict[str, Any]:
        """Ask in a conversation; the acknowledgement comes at once, the answer on the stream."""
        return self._call(
            "POST", f"/api/v1/conversation/{conversation_id}/chat", json={"message": question}
        )

    def stream(self, conversation_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the name and data of each event of a conversation's live stream."""
        timeout = httpx.Timeout(TIMEOUT_SECONDS, read=SILENCE_SECONDS)
        path = f"/api/v1/conversation/{conversation_id}/messages/stream"
        headers = {**self._headers, "Accept": "text/event-stream"}
        with self._http.stream("GET", path, headers=headers, timeout=timeout) as response:
            if response.status_code != 200:
                response.read()
                raise OpsError(f"The stream was refused: {_reason(response)}")
            name = "message"
            for line in response.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield name, json.loads(line.removeprefix("data: "))
                elif not line:
                    name = "message"

    def _finished(self, answer: dict[str, Any]) -> dict[str, Any]:
        url = answer.get("status_url")
        if answer.get("status") not in {"accepted", "queued", "pending"} or not url:
            return answer
        deadline = time.monotonic() + TASK_SECONDS
        while time.monotonic() < deadline:
            task = self._call("GET", str(url))
            if task.get("status") == "completed":
                result = task.get("result")
                return result if isinstance(result, dict) else task
            if task.get("status") == "failed":
                raise OpsError(f"The demo failed: {task.get('error') or task.get('message')}")
            time.sleep(POLL_SECONDS)
        raise OpsError(f"The demo waited {TASK_SECONDS:.0f} s for {url} in vain.")

    def _call(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        # The platform is ready, but a process may just be starting again.
        for attempt in range(ATTEMPTS):
            try:
                response = self._http.request(method, path, headers=self._headers, **content)
            except httpx.TransportError as error:
                if attempt == ATTEMPTS - 1:
                    raise OpsError(f"{method} {path} was not answered: {error}.") from error
            else:
                if response.status_code != 503 or attempt == ATTEMPTS - 1:
                    break
            time.sleep(0.5 * 2**attempt)
        if response.status_code >= 400:
            raise OpsError(f"{method} {path} was refused: {_reason(response)}")
        answer: dict[str, Any] = response.json()
        return answer


def _reason(response: httpx.Response) -> str:
    try:
        body = response.json()
        return f"{body['message']} ({response.status_code} {body.get('code', '')})"
    except (ValueError, KeyError, TypeError):
        return f"HTTP {response.status_code}"

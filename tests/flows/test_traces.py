"""One question and one upload, followed over HTTP, streams and jobs."""

import secrets
from collections.abc import Iterable
from typing import Any

import pytest
import requests

from tests.observers import ChatModel, Collector, SeenSpan
from tests.platform import Company, Platform, register, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

CLIENT = "00f067aa0ba902b7"
PROVIDER_KEY = f"sk-{secrets.token_hex(16)}"
DOCUMENT_TEXT = f"The vault code of the Tromso shop is {secrets.token_hex(12)}."
QUESTION = f"What is the vault code of the Tromso shop? ({secrets.token_hex(12)})"


@pytest.fixture(scope="module")
def acme(platform: Platform) -> Company:
    return register(platform, "Acme")


@pytest.fixture(scope="module")
def agent_id(acme: Company, chat_model: ChatModel) -> str:
    settings = {
        "llm_provider": "openai",
        "llm_model": "gpt-4o-mini",
        "llm_api_key": PROVIDER_KEY,
        "llm_api_base_url": f"{chat_model.url}/v1",
    }
    body = {"name": "Vault", "settings": settings}
    found: str = acme.call("POST", "/api/v1/agent", json=body).json()["agent"]["id"]
    return found


class Traced:
    """A request of a client that takes part in tracing."""

    def __init__(self) -> None:
        self.trace_id = secrets.token_hex(16)
        self.headers = {"traceparent": f"00-{self.trace_id}-{CLIENT}-01"}

    def post(self, company: Company, path: str, **arguments: Any) -> Any:
        headers = {**company.bearer, **self.headers}
        reply = requests.post(company.platform.url + path, headers=headers, timeout=30, **arguments)
        assert reply.status_code == 202, reply.text
        return reply.json()


@pytest.fixture(scope="module")
def upload(acme: Company, agent_id: str) -> Traced:
    """An upload that has become searchable."""
    traced = Traced()
    content = f"# Shops\n\n{DOCUMENT_TEXT}\n"
    body = traced.post(
        acme,
        "/api/v1/document/upload",
        data={"agent_id": agent_id},
        files={"file": ("shops.md", content.encode())},
    )
    finished(acme, body["task_id"])
    return traced


@pytest.fixture(scope="module")
def question(acme: Company, agent_id: str, upload: Traced) -> Traced:
    """A question that has been answered by the agent's own model."""
    made = acme.call("POST", "/api/v1/conversation", json={"agent_id": agent_id}).json()
    traced = Traced()
    path = f"/api/v1/conversation/{made['conversation']['id']}/chat"
    asked = traced.post(acme, path, json={"message": QUESTION})
    assert "[Source 1]" in finished(acme, asked["task_id"])["response"]
    return traced


def finished(company: Company, task_id: str) -> Any:
    """Wait for a task's end."""

    def done() -> Any:
        task = company.call("GET", f"/api/v1/tasks/{task_id}/status").json()
        assert task["status"] != "failed", task
        return task if task["status"] == "completed" else None

    return wait_for(done, seconds=60, what=f"the end of task {task_id}")


def names(spans: Iterable[SeenSpan]) -> set[tuple[str, str]]:
    return {(span.service, span.name) for span in spans}


def way_to(spans: list[SeenSpan], service: str, name: str) -> list[str]:
    """Return the names of a span and of those around it, outermost first."""
    by_id = {span.span_id: span for span in spans}
    found = next(span for span in spans if (span.service, span.name) == (service, name))
    way = [name]
    while found.parent_id in by_id:
        found = by_id[found.parent_id]
        way.insert(0, found.name)
    assert found.parent_id == CLIENT
    return way


class TestTraces:
    def test_a_question_is_followed_to_the_model(
        self, question: Traced, collector: Collector
    ) -> None:
        chat = "POST /api/v1/conversation/{conversation_id}/chat"
        last = {("analytics", "consume answer.completed"), ("conversations", "answer")}

        spans = collector.trace(question.trace_id, until=lambda found: last <= names(found))

        assert way_to(spans, "conversations", "model.chat") == [chat, "answer", "model.chat"]
        # What an answer needs is looked up as it is announced, or else when it is made.
        to_agent = way_to(spans, "agents", "GET /internal/agents/{agent_id}")
        assert [name for name in to_agent if name != "answer"] == [
            chat,
            "look_up",
            "GET agents",
            "GET /internal/agents/{agent_id}",
        ]
        to_embeddings = way_to(spans, "documents", "POST embeddings")
        assert [name for name in to_embeddings if name != "answer"] == [
            chat,
            "look_up",
            "POST documents",
            "POST /internal/search",
            "POST embeddings",
        ]
        assert way_to(spans, "analytics", "consume answer.completed")[0] == chat

    def test_an_upload_is_followed_to_the_ledger(
        self, upload: Traced, collector: Collector
    ) -> None:
        sent = "POST /api/v1/document/upload"
        last = {("analytics", "consume document.indexed"), ("documents", "job documents.index")}

        spans = collector.trace(upload.trace_id, until=lambda found: last <= names(found))

        assert way_to(spans, "documents", "POST embeddings") == [
            sent,
            "job documents.index",
            "POST embeddings",
        ]
        assert way_to(spans, "analytics", "consume document.indexed") == [
            sent,
            "job documents.index",
            "consume document.indexed",
        ]

    @pytest.mark.parametrize("walk", ["question", "upload"])
    def test_every_span_has_its_parent(
        self, walk: str, collector: Collector, request: pytest.FixtureRequest
    ) -> None:
        trace_id = request.getfixturevalue(walk).trace_id

        def lonely(spans: list[SeenSpan]) -> list[SeenSpan]:
            known = {span.span_id for span in spans} | {CLIENT}
            return [span for span in spans if span.parent_id not in known]

        spans = collector.trace(trace_id, until=lambda found: len(found) > 3 and not lonely(found))

        assert lonely(spans) == []

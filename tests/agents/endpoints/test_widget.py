"""The widget's script and its test page."""

import re

import httpx
import pytest

from services.agents.adapters.widget_files import SCRIPT_PATH
from tests.agents.cast import Company


class TestScript:
    async def test_is_served_to_anybody_and_cached(self, client: httpx.AsyncClient) -> None:
        reply = await client.get("/api/v1/widget.js", headers={"authorization": "Bearer nobody"})
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith("text/javascript")
        assert reply.content == SCRIPT_PATH.read_bytes()
        again = await client.get(
            "/api/v1/widget.js", headers={"if-none-match": reply.headers["etag"]}
        )
        assert again.status_code == 304

    @pytest.mark.parametrize(
        "way",
        ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval", "DOMParser"],
    )
    def test_never_parses_what_people_or_models_wrote(self, way: str) -> None:
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", SCRIPT_PATH.read_text(), flags=re.DOTALL)
        assert way not in code


class TestPage:
    async def test_is_kept_in_a_sandbox(self, client: httpx.AsyncClient, acme: Company) -> None:
        agent = await acme.create_agent()
        body = {"body": "<h1>Mine</h1>", "agent_id": agent["id"]}
        reply = await client.post("/api/v1/test", json=body)
        assert reply.status_code == 200
        assert "<h1>Mine</h1>" in reply.text
        assert f'data-agent-id="{agent["id"]}"' in reply.text
        policy = reply.headers["content-security-policy"]
        assert policy.startswith("sandbox")
        assert "allow-same-origin" not in policy

    async def test_needs_no_body(self, client: httpx.AsyncClient, acme: Company) -> None:
        agent = await acme.create_agent()
        bare = await client.post("/api/v1/test")
        assert bare.status_code == 200
        assert "?agent_id=" in bare.text
        reply = await client.get("/api/v1/test", params={"agent_id": agent["id"]})
        assert agent["id"] in reply.text
        bad = await client.get("/api/v1/test", params={"agent_id": '"><script>'})
        assert bad.status_code == 400


class TestTasks:
    async def test_are_never_ours(self, client: httpx.AsyncClient) -> None:
        path = "/api/v1/tasks/b0000000-0000-4000-8000-000000000000/status"
        reply = await client.get(path)
        assert reply.status_code == 404
        assert reply.json()["code"] == "task_not_found"

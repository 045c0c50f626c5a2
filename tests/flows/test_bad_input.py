"""Whatever people send, the platform says what is wrong with it, in one shape, and goes on."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import requests

from libs.common.contract import ALL_ROUTES, BUILT, Auth, Route
from ops.local.process import free_port
from tests.documents.adapters.parsing.files import make_docx, make_pdf, make_scan
from tests.flows.platform_keys import signed_at
from tests.platform import MAX_UPLOAD_BYTES, Company, Platform, register, wait_for
from tests.tenancy.cast import scim_of

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

SHAPE = {"error", "message", "code", "error_code", "details", "request_id"}
UPLOAD = "/api/v1/document/upload"
WRITES = [
    route
    for route in ALL_ROUTES
    if route.state is BUILT
    and route.method in {"POST", "PUT", "PATCH"}
    # Ending the session needs no body, and would end the walk.
    and not route.path.endswith(("/logout", "/logout-all"))
]
WITH_ID = [route for route in ALL_ROUTES if route.state is BUILT and "_id}" in route.path]
BODIES: Mapping[str, bytes] = {
    "cut short": b'{"name": "Kettles", ',
    "no JSON": b"\x80\x81\xff",
    "a list": b"[1, 2, 3]",
    "a number": b"17",
    "deep": b'{"name":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "huge number": b'{"name": 1' + b"0" * 5_000 + b"}",
    "NUL": b'{"name": "a\\u0000b", "message": "a\\u0000b", "email": "a\\u0000@b.example"}',
    "half a surrogate": b'{"name": "\\ud800", "message": "\\ud800", "query": "\\ud800"}',
}
PASSING_TROUBLE = {502, 503, 504}


@pytest.fixture(scope="module")
def acme(platform: Platform) -> Company:
    return register(platform, "Acme")


@pytest.fixture(scope="module")
def globex(platform: Platform) -> Company:
    return register(platform, "Globex")


@pytest.fixture(scope="module")
def agent_id(acme: Company) -> str:
    return make_agent(acme)


def make_agent(company: Company, **settings: str) -> str:
    body = {"name": f"Agent {uuid4().hex[:6]}", "settings": settings}
    reply = company.call("POST", "/api/v1/agent", json=body)
    assert reply.status_code == 201, reply.text
    found: str = reply.json()["agent"]["id"]
    return found


def make_conversation(company: Company, agent_id: str) -> str:
    made = company.call("POST", "/api/v1/conversation", json={"agent_id": agent_id}).json()
    found: str = made["conversation"]["id"]
    return found


def upload(company: Company, agent_id: str, name: str, content: bytes) -> requests.Response:
    files = {"file": (name, content)}
    return company.call("POST", UPLOAD, data={"agent_id": agent_id}, files=files)


def assert_error(reply: requests.Response, status: int, code: str | None = None) -> None:
    """The contract's shape, and a sentence that a person can act on."""
    assert reply.status_code == status, reply.text
    body = reply.json()
    assert body.keys() >= SHAPE
    assert body["error"] == body["message"]
    assert body["code"] == body["error_code"]
    assert isinstance(body["details"], dict)
    assert body["request_id"] == reply.headers["X-Request-ID"]
    assert body["message"][0].isupper() or "`" in body["message"] or ":" in body["message"]
    assert code is None or body["code"] == code


def end_of(company: Company, document_id: str) -> Any:
    def ended() -> Any:
        shown = company.call("GET", f"/api/v1/document/{document_id}").json()["document"]
        return shown if shown["status"] in {"processed", "failed"} else None

    return wait_for(ended, seconds=60, what="the end of a document")


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "content", "status", "code"),
        [
            ("empty.txt", b"", 400, "empty_document"),
            ("large.txt", b"kettle " * (MAX_UPLOAD_BYTES // 7 + 1), 413, "upload_too_large"),
            ("program.pdf", b"\x7fELF\x02\x01\x01" + bytes(200), 415, "unsupported_type"),
            ("photo.gif", b"GIF89a\x01\0\x01\0" + bytes(200), 415, "unsupported_type"),
            ("films.mp4", b"\0\0\0\x18ftypmp42" + bytes(200), 415, "unsupported_type"),
        ],
    )
    def test_what_cannot_be_read_is_refused(
        self, acme: Company, agent_id: str, name: str, content: bytes, status: int, code: str
    ) -> None:
        assert_error(upload(acme, agent_id, name, content), status, code)

    @pytest.mark.parametrize(
        ("name", "content", "code"),
        [
            ("locked.pdf", make_pdf([[(12, "Secret.")]], password="x"), "encrypted_document"),
            ("broken.pdf", b"%PDF-1.7\n" + bytes(300), "corrupt_document"),
            ("half.docx", make_docx()[:-400], "corrupt_document"),
            ("scan.pdf", make_scan(), "no_text"),
            ("blank.txt", b" \n\t\n ", "empty_document"),
        ],
    )
    def test_what_turns_out_unreadable_fails_with_a_reason(
        self, acme: Company, agent_id: str, name: str, content: bytes, code: str
    ) -> None:
        reply = upload(acme, agent_id, name, content)

        if reply.status_code != 202:
            # Some of it shows before anything is stored.
            assert_error(reply, reply.status_code, code)
            return
        document = end_of(acme, reply.json()["documents"][0]["id"])
        assert (document["status"], document["processing_error_code"]) == ("failed", code)
        assert document["processing_error"].endswith((".", "!"))
        task = acme.call("GET", f"/api/v1/tasks/{reply.json()['task_id']}/status").json()
        assert (task["status"], task["error"]) == ("failed", document["processing_error"])

    def test_what_is_named_wrongly_is_known_by_its_content(
        self, acme: Company, agent_id: str
    ) -> None:
        reply = upload(acme, agent_id, "notes.txt", make_pdf([[(12, "A kettle of steel.")]]))

        document = end_of(acme, reply.json()["documents"][0]["id"])
        assert (document["status"], document["type"]) == ("processed", "pdf")

    def test_hostile_names_are_only_names(self, acme: Company, agent_id: str) -> None:
        name = "../../etc/cron.d/" + "x" * 300 + "\u202egpj.txt"

        reply = upload(acme, agent_id, name, b"A kettle of copper.")

        if reply.status_code != 202:
            assert_error(reply, 400)
            return
        shown = end_of(acme, reply.json()["documents"][0]["id"])
        assert "/" not in shown["filename"]
        assert len(shown["filename"]) <= 255

    def test_good_files_are_taken_beside_bad_ones(self, acme: Company, agent_id: str) -> None:
        files = [
            ("files", ("good.txt", b"The lid of the kettle is of glass.")),
            ("files", ("bad.bin", bytes(300))),
        ]

        reply = acme.call("POST", UPLOAD, data={"agent_id": agent_id}, files=files)

        assert reply.status_code == 207
        assert [error["filename"] for error in reply.json()["errors"]] == ["bad.bin"]
        assert end_of(acme, reply.json()["documents"][0]["id"])["status"] == "processed"

    @pytest.mark.parametrize(
        ("data", "files", "code"),
        [
            ({"agent_id": "AGENT"}, {"file": (None, b"")}, "nothing_uploaded"),
            ({}, {"file": ("a.txt", b"A kettle.")}, "agent_id_required"),
        ],
    )
    def test_incomplete_forms_are_refused(
        self, acme: Company, agent_id: str, data: dict[str, str], files: Any, code: str
    ) -> None:
        data = {name: value.replace("AGENT", agent_id) for name, value in data.items()}

        assert_error(acme.call("POST", UPLOAD, data=data, files=files), 400, code)

    def test_a_broken_form_is_refused(self, acme: Company) -> None:
        headers = {**acme.bearer, "Content-Type": "multipart/form-data; boundary=x"}

        reply = requests.post(
            acme.platform.url + UPLOAD, headers=headers, data=b"--x\r\nrubbish", timeout=30
        )

        assert_error(reply, 400)

    def test_unknown_and_foreign_agents_are_the_same(
        self, acme: Company, globex: Company, agent_id: str
    ) -> None:
        for wrong in (agent_id, str(uuid4()), "kettle"):
            reply = upload(globex, wrong, "a.txt", b"A kettle.")
            assert_error(reply, 404, "agent_not_found")


@pytest.fixture(scope="module")
def directory(acme: Company) -> Mapping[str, str]:
    """What Acme's directory comes with."""
    return scim_of(acme)


class TestIds:
    @pytest.mark.parametrize("route", WITH_ID, ids=lambda route: f"{route.method} {route.path}")
    def test_what_is_no_id_is_a_clear_error(
        self, acme: Company, directory: Mapping[str, str], route: Route
    ) -> None:
        headers = directory if route.auth is Auth.SCIM_TOKEN else acme.bearer
        for word in ("kettle", "0", "%00", "'; drop table agents --", "x" * 3000):
            path = acme.platform.url + _with_ids(route, word)
            reply = requests.request(route.method, path, headers=headers, json={}, timeout=30)
            if reply.status_code >= 400:
                assert_client_error(reply, route)


class TestBodies:
    @pytest.mark.parametrize("kind", BODIES)
    def test_strange_bodies_are_clear_errors(
        self, acme: Company, directory: Mapping[str, str], kind: str
    ) -> None:
        for route in WRITES:
            caller = directory if route.auth is Auth.SCIM_TOKEN else acme.bearer
            headers = {**caller, "Content-Type": "application/json"}
            reply = requests.request(
                route.method,
                acme.platform.url + _with_ids(route, str(uuid4())),
                headers=headers,
                data=BODIES[kind],
                timeout=30,
            )
            if reply.status_code >= 400:
                assert_client_error(reply, route)
            else:
                # What needs no body ignores it.
                assert reply.status_code in {200, 201, 202}, (route.path, reply.text)

    @pytest.mark.parametrize(
        "path",
        ["/api/v1/agent", "/api/v1/conversation/{id}/chat", "/api/v1/search/document"],
    )
    def test_cut_json_is_said_to_be_no_json(self, acme: Company, path: str) -> None:
        headers = {**acme.bearer, "Content-Type": "application/json"}
        url = acme.platform.url + path.replace("{id}", str(uuid4()))

        reply = requests.post(url, headers=headers, data=b'{"name": ', timeout=30)

        assert_error(reply, 400)
        assert "JSON" in reply.json()["message"]


class TestTokens:
    def test_without_any(self, platform: Platform) -> None:
        reply = requests.get(f"{platform.url}/api/v1/agent", timeout=30)

        assert_error(reply, 401)
        assert reply.headers["WWW-Authenticate"]

    def test_expired_and_future_ones(self, acme: Company) -> None:
        token = acme.bearer["Authorization"].removeprefix("Bearer ")
        now = datetime.now(UTC)

        # The way to make them is right: one that is made now lets its bearer in.
        assert self.look(acme, signed_at(acme.platform, token, now)).status_code == 200
        for moment in (now - timedelta(days=1), now + timedelta(hours=1)):
            assert_error(self.look(acme, signed_at(acme.platform, token, moment)), 401)

    def test_forged_ones(self, acme: Company, globex: Company) -> None:
        token = acme.bearer["Authorization"].removeprefix("Bearer ")
        head, payload, signature = token.split(".")
        other = globex.bearer["Authorization"].removeprefix("Bearer ").split(".")
        for forged in (
            f"{head}.{other[1]}.{signature}",
            f"{head}.{payload}.{other[2]}",
            f"{head}.{payload}.",
            f"eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{payload}.",
            token[:-8],
            token + "x" * 5000,
            "kettle",
        ):
            assert_error(self.look(acme, forged), 401)

    def test_of_a_session_that_was_ended(self, platform: Platform) -> None:
        company = register(platform, "Initech")
        assert company.call("POST", "/api/v1/auth/logout").ok

        # Every process may have known it for two seconds more.
        wait_for(
            lambda: company.call("GET", "/api/v1/agent").status_code == 401,
            seconds=5,
            what="the end of the session",
        )
        assert_error(company.call("GET", "/api/v1/agent"), 401)

    @staticmethod
    def look(company: Company, token: str) -> requests.Response:
        return requests.get(
            f"{company.platform.url}/api/v1/agent",
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )


class TestQuestions:
    @pytest.mark.parametrize("length", [200_000, 5_000_000])
    def test_too_long_ones_are_refused(self, acme: Company, agent_id: str, length: int) -> None:
        conversation_id = make_conversation(acme, agent_id)
        text = "kettle " * (length // 7 + 1)
        for path, body in (
            (f"/api/v1/conversation/{conversation_id}/chat", {"message": text}),
            (f"/api/v1/agent/{agent_id}/chat", {"message": text}),
            (f"/api/v1/agent/{agent_id}/test", {"query": text}),
        ):
            assert_error(acme.call("POST", path, json=body), 413)
        openai = {"model": agent_id, "messages": [{"role": "user", "content": text}]}
        assert acme.call("POST", "/v1/chat/completions", json=openai).status_code == 413
        listed = acme.call("GET", f"/api/v1/conversation/{conversation_id}/messages").json()
        assert listed["messages"] == []

    @pytest.mark.parametrize("text", ["", "   ", "\u200b\u200e", "\x00"])
    def test_empty_ones_are_refused(self, acme: Company, agent_id: str, text: str) -> None:
        path = f"/api/v1/conversation/{make_conversation(acme, agent_id)}/chat"

        assert_error(acme.call("POST", path, json={"message": text}), 400, "message_empty")

    def test_a_model_that_is_down_gives_way_to_quotes(self, acme: Company) -> None:
        agent_id = make_agent(
            acme,
            llm_provider="openai",
            llm_model="gpt-4o-mini",
            llm_api_key="sk-nobody",
            llm_api_base_url=f"http://127.0.0.1:{free_port()}/v1",
        )
        text = b"The handle of the Tromso kettle is made of birch."
        document_id = upload(acme, agent_id, "handle.txt", text).json()["documents"][0]["id"]
        assert end_of(acme, document_id)["status"] == "processed"
        path = f"/api/v1/conversation/{make_conversation(acme, agent_id)}/chat"
        question = {"message": "What is the handle of the Tromso kettle made of?"}
        task_id = acme.call("POST", path, json=question).json()["task_id"]

        def answered() -> Any:
            task = acme.call("GET", f"/api/v1/tasks/{task_id}/status").json()
            return task if task["status"] in {"completed", "failed"} else None

        task = wait_for(answered, seconds=60, what="an answer without a model")

        assert task["status"] == "completed"
        assert "made of birch" in task["response"]
        assert "out of reach" in task["response"]
        assert json.dumps(task["result"]).count("out of reach") > 1


def assert_client_error(reply: requests.Response, route: Route) -> None:
    assert reply.status_code < 500 or reply.status_code in PASSING_TROUBLE, (
        route.path,
        reply.text,
    )
    if route.path.startswith("/v1/"):
        assert reply.json()["error"].keys() >= {"message", "type", "code"}
    elif route.auth is Auth.SCIM_TOKEN and "%00" not in str(reply.request.url):
        # RFC 7644, 3.12. A NUL is refused before any route has seen it.
        assert reply.json().keys() >= {"schemas", "status", "detail"}
    else:
        assert_error(reply, reply.status_code)


def _with_ids(route: Route, value: str) -> str:
    path = route.path
    while "{" in path:
        head, _, rest = path.partition("{")
        path = head + value + rest.partition("}")[2]
    return path

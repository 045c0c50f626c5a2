"""Two companies do as they please, and neither ever sees a trace of the other.

Hypothesis chooses what is done by whom and with whose ids, and cuts a walk that ends badly down
to the steps that matter. Everything a company makes is marked with a word of its own; no answer
to the other may hold that word, nor an id that the other has not itself asked with. What a company
made is there as it left it, whatever the other has tried meanwhile.

The suite walks for some twenty seconds; `make isolation` for several minutes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import uuid4

import pytest
import requests
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.platform import Company, Platform, register

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1200)]

WORDS = ("zircon", "quokka")
"""What each side's things are marked with. No message of the platform has them."""
QUESTION = "What is the secret word of this company?"
SETTINGS = settings(
    deadline=None,
    database=None,
    print_blob=False,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
EVERY_DAY = settings(SETTINGS, max_examples=10, stateful_step_count=40)
QUICK = settings(EVERY_DAY, phases=(Phase.generate,))
LONG = settings(SETTINGS, max_examples=40, stateful_step_count=60)

sides = st.integers(0, 1)
numbers = st.integers(0, 10**6)


@dataclass
class Thing:
    """Something a company made.

    Attributes:
        kind: Such as `agent`.
        beside: The agent it belongs to, for what belongs to one.
    """

    kind: str
    id: str
    deleted: bool = False
    beside: str = ""


@dataclass
class Side:
    """A company, and what it knows to be its own."""

    company: Company
    word: str
    things: list[Thing] = field(default_factory=list)
    key: dict[str, str] = field(default_factory=dict)

    def of(self, kind: str, *, deleted: bool | None = False) -> list[Thing]:
        """Return the things of a kind; with None deleted ones as well."""
        return [one for one in self.things if one.kind == kind and deleted in (None, one.deleted)]


class TwoCompanies(RuleBasedStateMachine):
    """Whatever either does, and whatever the other tries with it."""

    platform: ClassVar[Platform]

    def __init__(self) -> None:
        super().__init__()
        self.sides = [
            Side(register(self.platform, f"{word}-{uuid4().hex[:6]}"), word) for word in WORDS
        ]

    def call(self, side: Side, method: str, path: str, **arguments: Any) -> requests.Response:
        """Call as a company, by token or by key, and look at what comes back."""
        headers = arguments.pop("headers", None) or side.key or side.company.bearer
        reply = requests.request(
            method, self.platform.url + path, headers=headers, timeout=60, **arguments
        )
        assert reply.status_code < 500, (method, path, reply.text)
        self.look(side, reply, asked=f"{path}{arguments}")
        return reply

    def look(self, side: Side, reply: requests.Response, *, asked: str) -> None:
        """Hold a reply against what the other side has."""
        other = self.sides[1 - self.sides.index(side)]
        shown = reply.text + str(reply.headers)
        assert other.word not in shown.lower(), (asked, reply.text)
        traces = [*(one.id for one in other.things), other.company.id]
        assert [one for one in traces if one in shown and one not in asked] == [], asked

    def pick(self, side: Side, kind: str, number: int, *, deleted: bool | None = False) -> Thing:
        """Choose one of a side's own things."""
        found = side.of(kind, deleted=deleted)
        return found[number % len(found)]

    def has(self, kind: str, *, deleted: bool | None = False) -> bool:
        return all(side.of(kind, deleted=deleted) for side in self.sides)

    # What companies do with what is theirs.

    @rule(number=sides)
    def makes_an_agent(self, number: int) -> None:
        side = self.sides[number]
        body = {"name": f"{side.word} {uuid4().hex[:8]}", "description": f"About {side.word}"}
        agent = self.call(side, "POST", "/api/v1/agent", json=body).json()["agent"]
        side.things.append(Thing("agent", agent["id"]))

    @precondition(lambda self: self.has("agent"))
    @rule(number=sides, which=numbers)
    def uploads(self, number: int, which: int) -> None:
        side = self.sides[number]
        agent = self.pick(side, "agent", which)
        text = f"The secret word of this company is {side.word} {uuid4().hex}."
        reply = self.call(
            side,
            "POST",
            "/api/v1/document/upload",
            data={"agent_id": agent.id},
            files={"files": (f"{side.word}.txt", text.encode())},
        ).json()
        # The same name and nearly the same text on both sides: what is alike must not meet.
        listed = self.call(side, "GET", "/api/v1/document", params={"agent_id": agent.id}).json()
        known = {one.id for one in side.things}
        for document in listed["documents"]:
            if document["id"] not in known:
                side.things.append(Thing("document", document["id"], beside=agent.id))
        side.things.append(Thing("task", reply["task_id"]))

    @precondition(lambda self: self.has("agent"))
    @rule(number=sides, which=numbers)
    def asks(self, number: int, which: int) -> None:
        side = self.sides[number]
        agent = self.pick(side, "agent", which)
        opened = self.call(
            side, "POST", "/api/v1/conversation", json={"agent_id": agent.id, "title": side.word}
        ).json()
        side.things.append(Thing("conversation", opened["id"], beside=agent.id))
        chat = self.call(
            side, "POST", f"/api/v1/conversation/{opened['id']}/chat", json={"message": QUESTION}
        ).json()
        side.things.append(Thing("task", chat["task_id"]))
        side.things.append(Thing("message", chat["message_id"]))
        # To the end of the answer: passages found, quotes made.
        self.call(side, "GET", f"/api/v1/conversation/{opened['id']}/messages/stream")

    @precondition(lambda self: self.has("agent"))
    @rule(number=sides, which=numbers)
    def searches(self, number: int, which: int) -> None:
        side = self.sides[number]
        ask = {"agent_id": self.pick(side, "agent", which).id, "query": QUESTION}
        self.call(side, "POST", "/api/v1/search/document", json=ask)

    @precondition(lambda self: self.has("agent"))
    @rule(number=sides, which=numbers)
    def clones(self, number: int, which: int) -> None:
        side = self.sides[number]
        agent = self.pick(side, "agent", which)
        reply = self.call(
            side, "POST", f"/api/v1/agent/{agent.id}/clone", json={"name": f"{side.word} twin"}
        )
        assert reply.ok, reply.text
        found = reply.json()
        copy = found.get("agent") or found["data"]
        side.things.append(Thing("agent", copy["id"]))

    @rule(number=sides, which=numbers, kind=st.sampled_from(["agent", "document", "conversation"]))
    def deletes(self, number: int, which: int, kind: str) -> None:
        side = self.sides[number]
        if len(side.of(kind)) < 2:
            return
        thing = self.pick(side, kind, which)
        reply = self.call(side, "DELETE", f"/api/v1/{kind}/{thing.id}")
        # An agent that people talk to stays.
        thing.deleted = not (kind == "agent" and reply.json().get("code") == "agent_in_use")
        assert reply.ok is thing.deleted, reply.text

    @rule(number=sides, which=numbers, kind=st.sampled_from(["agent", "document", "conversation"]))
    def restores(self, number: int, which: int, kind: str) -> None:
        side = self.sides[number]
        if not side.of(kind, deleted=True):
            return
        thing = self.pick(side, kind, which, deleted=True)
        assert self.call(side, "PATCH", f"/api/v1/{kind}/{thing.id}/restore").ok
        thing.deleted = False

    @rule(number=sides)
    def takes_a_key(self, number: int) -> None:
        side = self.sides[number]
        made = self.call(
            side,
            "POST",
            "/api/v1/auth/api-keys",
            json={"name": side.word, "scopes": ["read", "write"]},
            headers=side.company.bearer,
        ).json()
        side.key = {"X-API-Key": made["api_key"], "X-API-Secret": made["api_secret"]}
        side.things.append(Thing("key", made["id"]))

    @rule(number=sides)
    def lays_the_key_down(self, number: int) -> None:
        side = self.sides[number]
        side.key = {}
        for key in side.of("key"):
            path = f"/api/v1/auth/api-keys/{key.id}"
            assert self.call(side, "DELETE", path, headers=side.company.bearer).ok
            key.deleted = True

    @rule(
        number=sides,
        path=st.sampled_from(
            [
                "/api/v1/agent",
                "/api/v1/document",
                "/api/v1/document/deleted",
                "/api/v1/document/chunk/deleted",
                "/api/v1/conversation",
                "/api/v1/conversation/deleted",
                "/api/v1/conversation/entity",
                "/api/v1/message/deleted",
                "/api/v1/providers",
                "/api/v1/analytic/dashboard",
                "/api/v1/analytic/usage",
                "/api/v1/company",
                "/v1/models",
            ]
        ),
    )
    def lists(self, number: int, path: str) -> None:
        assert self.call(self.sides[number], "GET", path).ok

    @rule(
        number=sides,
        path=st.sampled_from(
            ["/api/v1/auth/users", "/api/v1/auth/api-keys", "/api/v1/audit-log", "/api/v1/overview"]
        ),
    )
    def lists_as_admin(self, number: int, path: str) -> None:
        side = self.sides[number]
        assert self.call(side, "GET", path, headers=side.company.bearer).ok

    # What they try with what is not.

    @rule(
        number=sides,
        which=numbers,
        attempt=st.sampled_from(
            [
                ("agent", "PUT", "/api/v1/agent/{}", {"name": "Taken"}),
                ("agent", "DELETE", "/api/v1/agent/{}", None),
                ("agent", "PATCH", "/api/v1/agent/{}/restore", None),
                ("agent", "POST", "/api/v1/agent/{}/clone", {"name": "Taken"}),
                ("agent", "POST", "/api/v1/agent/{}/chat", {"message": QUESTION}),
                ("agent", "POST", "/api/v1/agent/{}/test", {"query": QUESTION}),
                ("agent", "GET", "/api/v1/agent/{}/stats", None),
                ("agent", "GET", "/api/v1/settings/agent/{}", None),
                ("agent", "GET", "/api/v1/document/agent/{}", None),
                ("document", "GET", "/api/v1/document/{}", None),
                ("document", "DELETE", "/api/v1/document/{}", None),
                ("document", "PATCH", "/api/v1/document/{}/restore", None),
                ("document", "DELETE", "/api/v1/document/{}/chunk", None),
                ("conversation", "GET", "/api/v1/conversation/{}/messages", None),
                ("conversation", "GET", "/api/v1/conversation/{}/messages/stream", None),
                ("conversation", "DELETE", "/api/v1/conversation/{}", None),
                ("conversation", "DELETE", "/api/v1/conversation/{}/messages", None),
                ("conversation", "POST", "/api/v1/conversation/{}/chat", {"message": QUESTION}),
                ("message", "DELETE", "/api/v1/message/{}", None),
                ("message", "PATCH", "/api/v1/message/{}/restore", None),
                ("task", "GET", "/api/v1/tasks/{}/status", None),
                ("key", "DELETE", "/api/v1/auth/api-keys/{}", None),
            ]
        ),
    )
    def tries_the_others(
        self, number: int, which: int, attempt: tuple[str, str, str, dict[str, str] | None]
    ) -> None:
        kind, method, path, body = attempt
        side, other = self.sides[number], self.sides[1 - number]
        if not other.of(kind, deleted=None):
            return
        thing = self.pick(other, kind, which, deleted=None)
        # A key may not do what only people may; that is told apart from nothing.
        headers = side.company.bearer
        reply = self.call(side, method, path.format(thing.id), json=body, headers=headers)
        assert reply.status_code in (403, 404), (attempt, reply.text)

    @precondition(lambda self: self.has("agent"))
    @rule(number=sides, which=numbers, path=st.sampled_from(["conversation", "search/document"]))
    def names_the_others_agent(self, number: int, which: int, path: str) -> None:
        side, other = self.sides[number], self.sides[1 - number]
        body = {"agent_id": self.pick(other, "agent", which).id, "query": QUESTION}
        assert self.call(side, "POST", f"/api/v1/{path}", json=body).status_code == 404

    # What must be true after every step.

    @invariant()
    def what_is_mine_is_there(self) -> None:
        for side in self.sides:
            listed = requests.get(
                f"{self.platform.url}/api/v1/agent",
                headers=side.company.bearer,
                params={"per_page": 100},
                timeout=30,
            )
            self.look(side, listed, asked="the agents")
            shown = {agent["id"] for agent in listed.json()["agents"]}
            assert {one.id for one in side.of("agent")} == shown


class OneCompanyTwice(TwoCompanies):
    """Two sides of one company: a platform that keeps nothing apart looks like this."""

    def __init__(self) -> None:
        super().__init__()
        self.sides[1].company = self.sides[0].company


@pytest.fixture
def machine(platform: Platform) -> Iterator[type[TwoCompanies]]:
    """The machine, on the running platform."""
    TwoCompanies.platform = platform
    yield TwoCompanies
    del TwoCompanies.platform


def test_a_leak_is_found(machine: type[TwoCompanies]) -> None:
    assert issubclass(OneCompanyTwice, machine)
    with pytest.raises((AssertionError, ExceptionGroup)):
        run_state_machine_as_test(OneCompanyTwice, settings=QUICK)


def test_neither_ever_sees_the_other(machine: type[TwoCompanies]) -> None:
    run_state_machine_as_test(machine, settings=EVERY_DAY)


@pytest.mark.figures
def test_neither_ever_sees_the_other_for_long(machine: type[TwoCompanies]) -> None:
    run_state_machine_as_test(machine, settings=LONG)

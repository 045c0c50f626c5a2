"""Secrets that were seen nowhere again: not in a log, a trace, an error, a process list or a file.

Some are people's, sent where they belong and where they are refused; the others are the
platform's own passwords and keys.
"""

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
import requests

from ops.local.home import Home
from ops.local.state import StackState
from ops.secrets import Secrets, load_secrets
from ops.services import SERVICES
from tests.observers import ChatModel, Collector
from tests.platform import Company, Platform, register, wait_for
from tests.tenancy.cast import finished, uploaded

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Sent:
    """What people sent.

    Attributes:
        credentials: Must not be found again in any form, at rest either.
        content: May be stored where it belongs, and told to nobody else.
        marker: Stands in the last request, to tell that all before it is written down.
        refusals: What the platform said where it refused them.
    """

    credentials: Mapping[str, str]
    content: Mapping[str, str]
    marker: str
    refusals: str

    @property
    def canaries(self) -> Mapping[str, str]:
        """All of it."""
        return {**self.credentials, **self.content}


@pytest.fixture(scope="module")
def sent(platform: Platform, chat_model: ChatModel) -> Sent:
    """Things that were sent, by somebody who also makes mistakes."""
    company = register(platform, "Canary")
    key, password = f"sk-{secrets.token_hex(16)}", f"pw-{secrets.token_hex(12)}"
    forged = f"ey{secrets.token_hex(24)}"
    document = f"The vault code of the Tromso shop is {secrets.token_hex(12)}."
    question = f"What is the vault code of the Tromso shop? ({secrets.token_hex(12)})"
    settings = {
        "llm_provider": "openai",
        "llm_model": "gpt-4o-mini",
        "llm_api_key": key,
        "llm_api_base_url": f"{chat_model.url}/v1",
    }
    body = {"name": "Vault", "settings": settings}
    agent_id = company.call("POST", "/api/v1/agent", json=body).json()["agent"]["id"]
    uploaded(company, agent_id, "shops.md", f"# Shops\n\n{document}\n")
    opened = company.call("POST", "/api/v1/conversation", json={"agent_id": agent_id}).json()
    path = f"/api/v1/conversation/{opened['id']}/chat"
    asked = company.call("POST", path, json={"message": question}).json()
    finished(company, asked["task_id"])
    session = log_in(platform, password)
    refusals = provoke(company, agent_id, key, password, forged, document, question)
    bearer = company.bearer["Authorization"].removeprefix("Bearer ")
    return Sent(
        credentials={
            "password": password,
            "access token": bearer,
            "its signature": bearer.rpartition(".")[2],
            "another access token": session["access_token"],
            "refresh token": session["refresh_token"],
            "forged token": forged,
            "API secret": company.api_secret,
            "provider key": key,
        },
        content={"document": document, "question": question},
        marker=f"marker-{agent_id}",
        refusals=refusals,
    )


def log_in(platform: Platform, password: str) -> Any:
    """Register somebody with this password and log in, rightly and wrongly."""
    email = f"{uuid4().hex}@canary.example.com"
    person = {"first_name": "Can", "last_name": "Ary", "company_name": f"C {uuid4().hex}"}
    account = {"email": email, "password": password}
    auth = f"{platform.url}/api/v1/auth"
    made = requests.post(f"{auth}/register", json={**account, **person}, timeout=30)
    assert made.ok, made.text
    wrong = {"email": email, "password": f"{password}!"}
    assert requests.post(f"{auth}/login", json=wrong, timeout=30).status_code == 401
    return requests.post(f"{auth}/login", json=account, timeout=30).json()


def provoke(
    company: Company,
    agent_id: str,
    key: str,
    password: str,
    forged: str,
    document: str,
    question: str,
) -> str:
    """Send secrets where they are refused, and return all that is said to it."""
    url = company.platform.url
    replies = []
    for headers in (
        {"Authorization": f"Bearer {forged}"},
        {"Authorization": company.bearer["Authorization"] + "x"},
        {"X-API-Key": company.api_key, "X-API-Secret": f"{company.api_secret}x"},
    ):
        replies.append(requests.get(f"{url}/api/v1/agent", headers=headers, timeout=30))
        assert replies[-1].status_code == 401
    broken = f'{{"password": "{password}", "refresh_token": "{forged}", '.encode()
    mistaken: dict[str, Any] = {
        "password": password,
        "email": [password],
        "refresh_token": {"x": forged},
    }
    for path in ("auth/login", "auth/register", "auth/refresh"):
        replies.append(requests.post(f"{url}/api/v1/{path}", data=broken, timeout=30))
        replies.append(requests.post(f"{url}/api/v1/{path}", json=mistaken, timeout=30))
    for settings in ({"llm_temperature": 99}, {"llm_provider": "nobody"}, {"llm_model": "none"}):
        body = {"name": "X", "settings": {"llm_api_key": key, **settings}}
        replies.append(company.call("POST", "/api/v1/agent", json=body))
        assert replies[-1].status_code == 400
    replies.append(
        company.call(
            "POST",
            "/api/v1/document/upload",
            data={"agent_id": agent_id},
            files={"file": ("broken.pdf", f"%PDF-1.7 {document}".encode())},
        )
    )
    search = {"query": question, "limit": [question]}
    replies.append(company.call("POST", "/api/v1/search/document", json=search))
    replies.append(company.call("POST", f"/api/v1/search/document?x={uuid4()}", json=search))
    replies.append(company.call("GET", f"/api/v1/agent/marker-{agent_id}"))
    return "\n".join(reply.text for reply in replies)


@pytest.fixture(scope="module")
def own(platform: Platform) -> Secrets:
    """The platform's own passwords and keys."""
    return load_secrets(Home(platform.home).secrets)


@pytest.fixture(scope="module")
def keys(platform: Platform, own: Secrets) -> Mapping[str, str]:
    """All that the platform keeps to itself, by name."""
    pems = {
        f"key of {service}": (Home(platform.home).secrets / f"{service}.pem").read_text()
        for service in SERVICES
    }
    return {
        "root key": own.root_key,
        **{f"root key of {service}": own.root_key_of(service) for service in SERVICES},
        "PostgreSQL's password": own.postgres_password,
        "the owner's password": own.owner_password,
        "Redis' password": own.redis_password,
        "the model server's key": own.model_server_key,
        **{f"password of {role}": value for role, value in own.role_passwords.items()},
        # A line of it, which is written the same wherever it is written.
        **{name: pem.splitlines()[1] for name, pem in pems.items()},
    }


@dataclass(frozen=True)
class Seen:
    """What can be read of a process."""

    name: str
    command: str
    environment: str | None


@pytest.fixture
def processes(platform: Platform, sent: Sent) -> list[Seen]:
    """Every process of the platform: the launcher, its parts, and all that they started."""
    state = StackState.read(Home(platform.home).state)
    assert state is not None
    names = {pid: name for name, pid in platform.processes().items()}
    launcher = psutil.Process(state.pid)
    found = []
    for process in (launcher, *launcher.children(recursive=True)):
        try:
            name = names.get(process.pid, "launcher" if process == launcher else process.name())
            parent = names.get(process.ppid())
            command = " ".join(process.cmdline())
            found.append(
                Seen(f"{parent}/{name}" if parent else name, command, environment(process))
            )
        except psutil.NoSuchProcess:
            continue
    assert set(names.values()) <= {seen.name.rpartition("/")[2] for seen in found}
    return found


def environment(process: psutil.Process) -> str | None:
    """Return the environment that a process was started with; None where nobody may see it."""
    try:
        return "\n".join(f"{name}={value}" for name, value in process.environ().items())
    except psutil.AccessDenied:
        return None


def found_in(text: str, canaries: Mapping[str, str]) -> set[str]:
    return {what for what, canary in canaries.items() if canary in text}


def logs(platform: Platform) -> dict[str, str]:
    folder = Home(platform.home).logs
    return {log.name: log.read_text(errors="replace") for log in folder.glob("*.log*")}


@pytest.fixture
def written(platform: Platform, sent: Sent) -> dict[str, str]:
    """The logs, once the last request stands in one of them."""
    wait_for(
        lambda: sent.marker in "".join(logs(platform).values()),
        seconds=10,
        what="the last request in a log",
    )
    return logs(platform)


def test_none_is_in_any_log(written: dict[str, str], sent: Sent, keys: Mapping[str, str]) -> None:
    assert len(written) > len(SERVICES)
    for log, text in written.items():
        assert found_in(text, {**sent.canaries, **keys}) == set(), log


def test_none_is_in_any_trace(collector: Collector, sent: Sent, keys: Mapping[str, str]) -> None:
    spans = list(collector.spans)
    assert any(span.name == "POST /api/v1/auth/login" for span in spans)
    told = "\n".join(f"{span.name} {dict(span.attributes)}" for span in spans)

    assert found_in(told, {**sent.canaries, **keys}) == set()


def test_none_is_in_any_refusal(sent: Sent, keys: Mapping[str, str]) -> None:
    assert found_in(sent.refusals, {**sent.canaries, **keys}) == set()


def test_none_is_in_any_metric(platform: Platform, sent: Sent, keys: Mapping[str, str]) -> None:
    state = StackState.read(Home(platform.home).state)
    assert state is not None
    for service in SERVICES:
        for process in (service, f"{service}-worker"):
            url = f"http://127.0.0.1:{state.ports[process]}/metrics"
            text = requests.get(url, timeout=30).text
            assert "http_request" in text or "python_info" in text or "# HELP" in text

            assert found_in(text, {**sent.canaries, **keys}) == set(), process


def test_none_is_in_the_process_list(
    processes: list[Seen], sent: Sent, keys: Mapping[str, str]
) -> None:
    for seen in processes:
        assert found_in(seen.command, {**sent.canaries, **keys}) == set(), seen.name


def test_no_process_is_started_with_more_than_its_own(
    processes: list[Seen], keys: Mapping[str, str]
) -> None:
    """An environment stands in /proc for whoever runs as the same user, and goes to children."""
    readable = [seen for seen in processes if seen.environment is not None]
    # On Linux the tests' user has started them all; elsewhere some hide it even so.
    assert len(readable) > 5 or os.uname().sysname != "Linux"
    for seen in readable:
        allowed = may_have(seen.name)
        found = found_in(seen.environment or "", keys)

        assert {what for what in found if not allowed(what)} == set(), seen.name


def may_have(name: str) -> Callable[[str], bool]:
    """Return which of the platform's keys a process needs to be started with."""
    parent, _, own = name.rpartition("/")
    if own == "models":
        return lambda what: what == "the model server's key"
    service = own.removesuffix("-worker")
    if parent or service not in SERVICES:
        return lambda what: False
    theirs = {
        f"root key of {service}",
        f"password of {service}",
        f"password of {service}_worker",
        "Redis' password",
    }
    # It asks the model server.
    theirs |= {"the model server's key"} if service == "documents" else set()
    return lambda what: what in theirs


def test_the_platforms_own_lie_in_one_folder(platform: Platform, keys: Mapping[str, str]) -> None:
    home = Home(platform.home)
    # Valkey reads its own password from a file that only it may read.
    allowed = {"valkey.conf": {"Redis' password"}}
    assert home.secrets.stat().st_mode & 0o077 == 0
    kept = "".join(path.read_text() for path in home.secrets.iterdir())
    derived = {f"root key of {service}" for service in SERVICES}
    assert found_in(kept, keys) == keys.keys() - derived
    for path in files_below(platform.home, but=(home.secrets, home.models)):
        found = found_in(path.read_bytes().decode("latin-1"), keys)
        if found:
            assert found <= allowed.get(path.name, set()), path
            assert path.stat().st_mode & 0o077 == 0, path


def test_credentials_are_not_readable_at_rest(platform: Platform, sent: Sent) -> None:
    home = Home(platform.home)
    looked_at = 0
    for path in files_below(platform.home, but=(home.secrets, home.models)):
        looked_at += 1

        assert found_in(path.read_bytes().decode("latin-1"), sent.credentials) == set(), path
    assert looked_at > 500


def files_below(folder: Path, *, but: tuple[Path, ...]) -> Iterator[Path]:
    """Yield the files that there are and that can be read."""
    for path in folder.rglob("*"):
        if not path.is_file() or any(path.is_relative_to(one) for one in but):
            continue
        if os.access(path, os.R_OK):
            yield path

"""What a first start ends with: a question, its answer as it comes, and what to try next."""

import os
import secrets
import shlex
from pathlib import Path
from typing import Any

from rich.console import Console

from ops.demo.client import DemoAccount, DemoClient
from ops.errors import OpsError
from ops.local.home import Home
from ops.local.process import LOOPBACK
from ops.local.state import StackState
from ops.settings import StackSettings

HANDBOOK = Path(__file__).with_name("handbook.pdf")
EMAIL = "demo@fjellvik.example"
COMPANY = "Fjellvik Cycles"
AGENT = "Handbook"
QUESTION = "How long is the warranty on the battery?"
NEXT_QUESTION = "How many days a week may I work from home?"


def show_demo(settings: StackSettings, home: Home) -> None:
    """Make the demo company on the first start and ask its agent; then say where everything is."""
    console = Console(highlight=False)
    account = DemoAccount.load(home.demo)
    if account is None:
        account = DemoAccount(email=EMAIL, password=secrets.token_urlsafe(12))
        account.save(home.demo)
    if not account.question_asked:
        with DemoClient(settings.gateway_url) as client:
            _set_up(client, account, home, console)
            _ask(client, account, QUESTION, console)
        account.question_asked = True
        account.save(home.demo)
    _tell(settings, account, console)
    if settings.redis_url is not None:
        _warn(settings, console)


def ask_again(home: Home, *, question: str | None) -> None:
    """Ask the demo agent another question.

    Raises:
        OpsError: there is no demo company yet, or nothing is running.
    """
    account = DemoAccount.load(home.demo)
    state = StackState.read(home.state)
    if account is None or not account.agent_id or state is None or not home.locked():
        raise OpsError("The platform is not running here: start it with `make up`.")
    # PORT may not be what it was when the platform was started.
    with DemoClient(f"http://{LOOPBACK}:{state.gateway_port}") as client:
        client.use_key(account)
        _ask(client, account, question or QUESTION, Console(highlight=False))


def _set_up(client: DemoClient, account: DemoAccount, home: Home, console: Console) -> None:
    """Do what has not been done yet, one step at a time."""
    if not account.registered:
        console.print(f"\nMaking the demo company {COMPANY} …")
        client.post(
            "/api/v1/auth/register",
            {
                "email": account.email,
                "password": account.password,
                "first_name": "Dagny",
                "last_name": "Demo",
                "company_name": COMPANY,
                "accept_terms": True,
            },
        )
        account.registered = True
        account.save(home.demo)
    if not account.api_key:
        login = client.post(
            "/api/v1/auth/login", {"email": account.email, "password": account.password}
        )
        client.use_token(login["access_token"])
        key = client.post(
            "/api/v1/auth/api-keys", {"name": "Demo", "scopes": ["read", "write", "admin"]}
        )
        account.api_key, account.api_secret = key["api_key"], key["api_secret"]
        account.save(home.demo)
    client.use_key(account)
    if not account.agent_id:
        description = "Answers questions about the employee and product handbook."
        made = client.post("/api/v1/agent", {"name": AGENT, "description": description})
        account.agent_id = made["agent"]["id"]
        account.save(home.demo)
    if not account.document_id:
        console.print(f"Indexing {HANDBOOK.name} …")
        client.upload(HANDBOOK, agent_id=account.agent_id)
        account.document_id = _document_id(client)
        account.save(home.demo)


def _document_id(client: DemoClient) -> str:
    documents: list[dict[str, Any]] = client.get("/api/v1/document")["documents"]
    for document in documents:
        if document["status"] == "processed":
            return str(document["id"])
    reasons = ", ".join(str(document.get("processing_error")) for document in documents)
    raise OpsError(f"The demo document could not be indexed: {reasons}")


def _ask(client: DemoClient, account: DemoAccount, question: str, console: Console) -> None:
    """Ask, print the answer as it comes, and then what it cites."""
    made = client.post("/api/v1/conversation", {"agent_id": account.agent_id, "title": "Demo"})
    conversation_id = made["conversation"]["id"]
    console.print(f"\n[bold]Question:[/] {question}\n[bold]Answer:[/]   ", end="")
    asked = client.ask(conversation_id, question)
    answer: dict[str, Any] = {}
    written = ""
    attempt: int | None = None
    for name, data in client.stream(conversation_id):
        if data.get("message_id") != asked["message_id"]:
            continue
        if name == "chat_delta":
            if attempt is not None and data.get("attempt") != attempt:
                # Its worker died and another begins anew.
                console.print("\n          ", end="")
                written = ""
            attempt = data.get("attempt")
            written += data["delta"]
            console.print(data["delta"], end="", markup=False)
        elif name == "chat_response":
            answer = data
            break
    if answer.get("status") != "completed":
        console.print()
        raise OpsError(f"The question was not answered: {answer.get('error') or 'no reason given'}")
    message = answer["message"]
    console.print("" if written else message["content"], markup=False)
    _cite(message, console)


def _cite(message: dict[str, Any], console: Console) -> None:
    lines: dict[str, None] = {}  # several quotes may come from one page
    for citation in message.get("citations") or []:
        number = citation.get("source_number") or citation.get("number")
        page = f", page {citation['page']}" if citation.get("page") else ""
        heading = citation.get("heading_path") or []
        where = f" ({' / '.join(heading)})" if heading else ""
        lines[f"  [Source {number}] {citation.get('document_name')}{page}{where}"] = None
    for line in lines:
        console.print(line, markup=False, style="cyan")


def _tell(settings: StackSettings, account: DemoAccount, console: Console) -> None:
    url = settings.url
    keys = f"-H 'X-API-Key: {account.api_key}' -H 'X-API-Secret: {account.api_secret}'"
    body = (
        '{"model": "' + AGENT + '", "messages": [{"role": "user", "content": '
        '"When is the first inspection of a bike due?"}]}'
    )
    lines = [
        "",
        f"[bold green]Ready at {url}[/]",
        f"  sign in    {account.email}  {account.password}",
        f"  API key    {account.api_key}",
        f"  secret     {account.api_secret}",
        "",
        "Try next:",
        f"  make demo {_where()}Q={shlex.quote(NEXT_QUESTION)}",
        f"  curl {url}/v1/chat/completions {keys} -H 'Content-Type: application/json' -d '{body}'",
        f"  curl {url}/api/v1/document/upload {keys} -F agent_id={account.agent_id} "
        "-F files=@your.pdf",
    ]
    for line in lines:
        markup = line.startswith("[bold")
        console.print(line, markup=markup, soft_wrap=True)


def _warn(settings: StackSettings, console: Console) -> None:
    """Say that a store of the operator's does not answer: the platform starts without Redis."""
    with DemoClient(settings.gateway_url) as client:
        health = client.get("/health")
    if health["status"] != "healthy":
        console.print(
            "\nNote: not everything is in reach, so it will be slower: see `make doctor`.",
            style="yellow",
        )


def _where() -> str:
    """Return the variables by which another command finds this platform."""
    given = {name: os.environ.get(name) for name in ("KNOWRITHM_HOME", "PORT")}
    return "".join(f"{name}={shlex.quote(value)} " for name, value in given.items() if value)

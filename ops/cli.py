"""The operator's commands: `python -m ops …`, mostly through `make`.

Imports stay inside the commands: `make status` should not wait for what only `migrate` needs.
"""

# ruff: noqa: PLC0415 - as said above

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.errors import OpsError
from ops.terminal import print_what_can_be_printed

if TYPE_CHECKING:
    from ops.local.home import Home

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
models_app = typer.Typer(no_args_is_help=True, help="The local models.")
app.add_typer(models_app, name="models")
letters_app = typer.Typer(no_args_is_help=True, help="Events that a service gave up.")
app.add_typer(letters_app, name="dead-letters")

keys_app = typer.Typer(no_args_is_help=True, help="The keys that sign and encrypt.")
app.add_typer(keys_app, name="keys")
audit_app = typer.Typer(no_args_is_help=True, help="The audit trails.")
app.add_typer(audit_app, name="audit")
tenant_app = typer.Typer(no_args_is_help=True, help="Companies, for good.")
app.add_typer(tenant_app, name="tenant")
documents_app = typer.Typer(no_args_is_help=True, help="Documents, their vectors and files.")
app.add_typer(documents_app, name="documents")
space_app = typer.Typer(no_args_is_help=True, help="Moving to another embedding model, and back.")
documents_app.add_typer(space_app, name="space")

LetterIds = Annotated[list[str] | None, typer.Argument(help="As `list` shows them.")]
OneTenant = Annotated[str | None, typer.Option(help="Only this tenant's.")]
AfterTenant = Annotated[
    str | None, typer.Option(help="Go on after this tenant; they come in order of their ids.")
]
AllLetters = Annotated[bool, typer.Option("--all", help="Every one of the topic.")]


def main() -> None:
    """Run a command; what the person can mend is one sentence and exit code 1."""
    print_what_can_be_printed()
    try:
        app()
    except OpsError as error:
        typer.secho(f"✗ {error}", fg="red", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


@app.command()
def run() -> None:
    """Start everything, show the demo on the first start, and stay up until Ctrl-C."""
    from ops.local.front import run_in_foreground

    sys.exit(run_in_foreground())


@app.command()
def up() -> None:
    """Start everything in the background and return when it is ready."""
    from ops.local.front import run_in_background

    run_in_background()


@app.command()
def down() -> None:
    """Stop what `up` or `run` started."""
    from ops.local.front import stop_stack

    typer.echo("Stopped." if stop_stack(_home()) else f"Nothing was running in {_home().folder}.")


@app.command()
def status() -> None:
    """Show every process: its state, port, memory and restarts."""
    from ops.local.status_view import show_status

    sys.exit(show_status(_home()))


@app.command()
def logs(
    name: Annotated[str | None, typer.Argument(help="A process, such as auth-worker.")] = None,
    *,
    follow: Annotated[bool, typer.Option(help="Keep showing what is added.")] = True,
) -> None:
    """Show the logs of one process, or of all."""
    from ops.local.log_view import show_logs

    show_logs(_home().logs, name, follow=follow and sys.stdout.isatty())


@app.command()
def mails(
    *,
    last: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest last.")] = 10,
) -> None:
    """Show the mails that the local stack has written instead of sending them."""
    from ops.local.mail_view import show_mails

    show_mails(_home().mails, last=last)


@app.command()
def reset(*, force: Annotated[bool, typer.Option("--force", help="Do not ask.")] = False) -> None:
    """Stop everything and forget all data; fetched models stay."""
    from ops.local.front import forget_data, stop_stack

    home = _home()
    if not force:
        if not sys.stdin.isatty():
            raise OpsError(f"This deletes all data in {home.folder}: say so with FORCE=1.")
        typer.confirm(f"Delete all data in {home.folder}?", abort=True)
    stop_stack(home)
    forget_data(home)
    typer.echo(f"All data in {home.folder} is gone; the next start begins anew.")


@app.command()
def migrate(
    *, wait_seconds: Annotated[float, typer.Option(help="Wait for the server this long.")] = 60
) -> None:
    """Bring the database of POSTGRES_URL to the newest schema."""
    import asyncio

    from ops.migrate import Target, mounted_secrets
    from ops.migrate import migrate as bring_up_to_date

    target = Target.from_environment(os.environ | mounted_secrets())
    changed = asyncio.run(bring_up_to_date(target, wait_seconds=wait_seconds))
    typer.echo(f"Migrated: {', '.join(changed)}." if changed else "The schema is up to date.")


@models_app.command("fetch")
def fetch_models(
    *,
    chat: Annotated[bool, typer.Option("--chat", help="The chat model as well, 1.1 GB.")] = False,
    file: Annotated[Path | None, typer.Option(help="A chat model file that you have.")] = None,
) -> None:
    """Fetch the model files, by their hashes."""
    from ops.local.chat_setup import install_chat_runtime
    from ops.model_server.fetch import fetch_chat_model, fetch_retrieval_models
    from ops.settings import load_settings

    settings = load_settings()
    folder = settings.models_dir or _home().models
    typer.echo("Fetching the embedding and reranking models (72 MB) …")
    fetch_retrieval_models(folder)
    if chat or file is not None:
        typer.echo("Fetching the chat model (1.1 GB) …")
        install_chat_runtime()
        fetch_chat_model(folder, given=file)
        typer.echo("The next start uses it (LOCAL_CHAT=extractive turns it off).")


@letters_app.command("list")
def list_dead_letters(
    topic: Annotated[str | None, typer.Argument(help="Only this topic's.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List dead letters, oldest first."""
    from ops.dead_letters import show

    show(topic, as_json=as_json)


@letters_app.command("replay")
def replay_dead_letters(topic: str, ids: LetterIds = None, *, every: AllLetters = False) -> None:
    """Put dead letters back on their stream, once what they died of is mended."""
    from ops.dead_letters import replay

    replay(topic, ids, every=every)


@letters_app.command("drop")
def drop_dead_letters(topic: str, ids: LetterIds = None, *, every: AllLetters = False) -> None:
    """Forget dead letters for good."""
    from ops.dead_letters import drop

    drop(topic, ids, every=every)


@keys_app.command("rotate")
def rotate_keys(
    services: Annotated[
        list[str] | None, typer.Argument(help="Which services'; all of the local stack's.")
    ] = None,
    *,
    tenants: Annotated[
        bool, typer.Option(help="Another key for each tenant, and its fields under it.")
    ] = True,
) -> None:
    """Put everything under the present root key and new tenant keys, while the platform runs.

    Safe to stop and to start again. Where the environment is a service's own (in a container),
    name that service.
    """
    from ops.keys import rotate

    rotate(services, tenants=tenants)


@keys_app.command("rotate-signing")
def rotate_signing_key(
    *,
    lead_seconds: Annotated[
        float, typer.Option(help="Published this long before it signs; at least 15.")
    ] = 120,
    retire_now: Annotated[
        bool,
        typer.Option("--retire-now", help="A key is in the wrong hands: end what it has signed."),
    ] = False,
) -> None:
    """Make another key for access tokens; both are published until the old one's have run out."""
    from ops.keys import rotate_signing

    rotate_signing(lead_seconds, retire_now=retire_now)


@tenant_app.command("erase")
def erase_tenant(
    tenant: str,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Also a company that is not due.")] = False,
    by: Annotated[str | None, typer.Option(help="Who, for the receipt; else the login.")] = None,
    reason: Annotated[str, typer.Option(help="Why, for the receipt.")] = "",
    receipt: Annotated[Path | None, typer.Option(help="Write the receipt there, too.")] = None,
    vacuum: Annotated[bool, typer.Option(help="Give back the room of deleted rows.")] = True,
) -> None:
    """Destroy a company everywhere: rows, files, vectors, caches, keys. Nothing brings it back.

    Safe to stop and to start again. Prints a signed receipt.
    """
    from ops.tenant import erase

    erase(tenant, by=by, reason=reason, sure=yes, receipt=receipt, vacuum=vacuum)


@tenant_app.command("verify-receipt")
def verify_receipt(
    file: Path,
    *,
    jwks: Annotated[Path | None, typer.Option(help="Public keys; else the platform's own.")] = None,
) -> None:
    """Check a receipt's signature and print what it says."""
    from ops.tenant import verify_receipt as check

    check(file, jwks=jwks)


@tenant_app.command("replay-erasures")
def replay_erasures(
    receipts: Annotated[
        list[Path] | None, typer.Argument(help="Receipts that the ledger may not have.")
    ] = None,
) -> None:
    """After a restore: erase again who was erased before, and finish what was begun."""
    from ops.tenant import replay

    replay(receipts)


@audit_app.command("verify")
def verify_audit(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's trail.")] = None,
) -> None:
    """Recompute the audit trails; name the first bad entry of each, and exit 1 if there is one."""
    from ops.audit import verify

    sys.exit(verify(tenant))


@documents_app.command("reconcile")
def reconcile_documents(
    tenant: OneTenant = None,
    after: AfterTenant = None,
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what can be mended; else only tell.")
    ] = False,
) -> None:
    """Prove that PostgreSQL, the vectors and the object store agree; exit 1 if something is left.

    Safe while the platform runs, and to stop and start again.
    """
    from ops.documents import reconcile

    sys.exit(reconcile(tenant, repair=repair, after=after))


@documents_app.command("rebuild")
def rebuild_documents(tenant: OneTenant = None, after: AfterTenant = None) -> None:
    """Make the whole index again from PostgreSQL and the object store, as after a lost Qdrant."""
    from ops.documents import rebuild

    rebuild(tenant, after=after)


@space_app.command("status")
def space_status(tenant: OneTenant = None, after: AfterTenant = None) -> None:
    """Show which space is live, and how full the other is; exit 1 while it is not."""
    from ops.spaces import status

    sys.exit(status(tenant, after=after))


@space_app.command("fill")
def fill_space(tenant: OneTenant = None, after: AfterTenant = None) -> None:
    """Have the workers fill the second space beside the live one; safe to repeat."""
    from ops.spaces import fill

    fill(tenant, after=after)


@space_app.command("evaluate")
def evaluate_space(
    tenant: OneTenant = None,
    after: AfterTenant = None,
    *,
    sample: Annotated[int, typer.Option(min=1, help="Passages of each tenant to ask for.")] = 100,
    tolerance: Annotated[float, typer.Option(help="Found less by so much is all right.")] = 0.02,
    questions: Annotated[
        Path | None, typer.Option(help="A questions.jsonl as of `make eval`; with --agent.")
    ] = None,
    agent: Annotated[str | None, typer.Option(help="Whose documents they are about.")] = None,
) -> None:
    """Ask both spaces the same questions; exit 1 where the one that is not live finds less."""
    from ops.spaces import evaluate

    sys.exit(
        evaluate(
            tenant,
            after=after,
            sample=sample,
            tolerance=tolerance,
            questions=questions,
            agent=agent,
        )
    )


@space_app.command("flip")
def flip_space(
    tenant: OneTenant = None,
    after: AfterTenant = None,
    *,
    back: Annotated[bool, typer.Option("--back", help="To the first model again.")] = False,
) -> None:
    """Search the second space instead of the first; refused where it is not full."""
    from ops.spaces import flip

    sys.exit(flip(tenant, after=after, back=back))


@space_app.command("drop")
def drop_space(
    tenant: OneTenant = None,
    after: AfterTenant = None,
    *,
    back: Annotated[bool, typer.Option("--back", help="The second model's: stay here.")] = False,
) -> None:
    """Delete the first model's vectors, for good; refused where they are searched still."""
    from ops.spaces import drop

    sys.exit(drop(tenant, after=after, back=back))


@app.command()
def doctor() -> None:
    """Check this machine and the configuration."""
    from ops.doctor import examine

    sys.exit(examine())


@app.command()
def demo(
    *,
    question: Annotated[str | None, typer.Option(help="Ask this instead of ours.")] = None,
) -> None:
    """Ask the demo agent a question and show the answer with its citations."""
    from ops.demo.show import ask_again

    ask_again(_home(), question=question)


@app.command("secrets")
def make_secrets(folder: Path) -> None:
    """Make the passwords and keys of a deployment in FOLDER; what is there stays."""
    from ops.secrets import load_secrets

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    load_secrets(folder)
    typer.echo(f"{folder}/secrets.json, a key for each service, and jwks.json")


@app.command()
def gateway(
    upstream: Annotated[
        list[str] | None, typer.Option(help="SERVICE=HOST:PORT; as in auth=auth:8000.")
    ] = None,
    *,
    port: int = 8080,
    resolver: Annotated[str | None, typer.Option(help="A DNS server's address.")] = None,
) -> None:
    """Print nginx.conf for a container, from the route table."""
    from ops.gateway import render_nginx_for_cluster
    from ops.services import SERVICES

    upstreams = {service: f"{service}:8000" for service in SERVICES}
    upstreams |= dict(pair.split("=", 1) for pair in upstream or [])
    typer.echo(render_nginx_for_cluster(upstreams, port=port, resolver=resolver), nl=False)


def _home() -> "Home":
    from ops.local.home import Home
    from ops.settings import load_settings

    return Home(load_settings().knowrithm_home)

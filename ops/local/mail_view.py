"""Showing the mails of a platform that has no mail server."""

from email import message_from_bytes, policy
from pathlib import Path

import typer


def show_mails(folder: Path, *, last: int) -> None:
    """Print the newest mails, oldest of them first."""
    files = sorted(folder.glob("*.eml"))[-last:] if folder.is_dir() else []
    if not files:
        typer.echo(
            f"No mails in {folder}. With SMTP_URL set they go to that server and not to files."
        )
        return
    for file in files:
        mail = message_from_bytes(file.read_bytes(), policy=policy.default)
        typer.secho(f"{mail['Date']}  to {mail['To']}  {mail['Subject']}", bold=True)
        body = mail.get_body(("plain",))
        typer.echo(body.get_content() if body is not None else "")

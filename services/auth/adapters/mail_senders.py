"""Sending mail: by SMTP, or into a folder where there is no mail server."""

import asyncio
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import aiosmtplib
import email_validator
from opentelemetry.trace import SpanKind

from libs.common.telemetry.metrics import outside_call
from libs.common.telemetry.tracing import span
from services.auth.domain.errors import MailServerUnavailable
from services.auth.domain.mails import Mail
from services.auth.domain.ports import MailRefused

SMTP_TIMEOUT_SECONDS: Final = 20.0
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
# Answers about the one mail (RFC 5321): no such mailbox, not wanted, too large.
_PERMANENT: Final = frozenset({550, 551, 552, 553, 554, 556})


@dataclass(frozen=True, kw_only=True)
class SmtpServer:
    """Where mail is handed over.

    Attributes:
        tls: From the first byte on.
        start_tls: True demands the upgrade, None takes it where the server offers it.
    """

    host: str
    port: int
    tls: bool
    start_tls: bool | None
    username: str | None
    password: str | None

    @classmethod
    def parse(cls, url: str) -> "SmtpServer":
        """Read `smtp://`, `smtp+starttls://` or `smtps://`, with user and password if need be.

        Over `smtp://` a password is sent only once the connection is encrypted, except to this
        machine itself.

        Raises:
            ValueError: It is none of these.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("smtp", "smtps", "smtp+starttls") or not parts.hostname:
            raise ValueError(
                "write smtp://, smtp+starttls:// or smtps://, as in"
                " smtps://user:password@mail.example.com:465"
            )
        tls = parts.scheme == "smtps"
        secret = parts.username is not None and parts.hostname not in _LOOPBACK
        demanded = parts.scheme == "smtp+starttls" or secret
        return cls(
            host=parts.hostname,
            port=port or {"smtps": 465, "smtp+starttls": 587}.get(parts.scheme, 25),
            tls=tls,
            start_tls=False if tls else True if demanded else None,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )


class SmtpMailSender:
    """Hands mails to a mail server, one connection each.

    Args:
        server: Which one.
        sender: The address mails come from.
        timeout_seconds: For each answer of the server.
    """

    def __init__(
        self,
        server: SmtpServer,
        *,
        sender: str,
        timeout_seconds: float = SMTP_TIMEOUT_SECONDS,
    ) -> None:
        self._server = server
        self._sender = sender
        self._timeout_seconds = timeout_seconds

    async def send(self, mail: Mail) -> None:
        """Hand a mail over.

        Raises:
            MailServerUnavailable: The server is away or does not take mail now.
            MailRefused: It never will take this one.
        """
        server = self._server
        try:
            with (
                span("send mail", kind=SpanKind.CLIENT, **{"peer.service": "smtp"}),
                outside_call("smtp"),
            ):
                await aiosmtplib.send(
                    composed(mail, sender=self._sender),
                    hostname=server.host,
                    port=server.port,
                    use_tls=server.tls,
                    start_tls=server.start_tls,
                    username=server.username,
                    password=server.password,
                    timeout=self._timeout_seconds,
                )
        except aiosmtplib.SMTPRecipientsRefused as error:
            if all(refusal.code in _PERMANENT for refusal in error.recipients):
                raise MailRefused("The mail server does not take mail for this address.") from error
            raise MailServerUnavailable from error
        except aiosmtplib.SMTPAuthenticationError as error:
            raise MailServerUnavailable from error
        except aiosmtplib.SMTPNotSupported as error:
            raise MailRefused("The mail server cannot send to this address.") from error
        except aiosmtplib.SMTPResponseException as error:
            if error.code in _PERMANENT:
                raise MailRefused("The mail server refused the mail.") from error
            raise MailServerUnavailable from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise MailServerUnavailable from error


class FolderMailSender:
    """Writes each mail as a file, for people who try the platform on their own machine."""

    def __init__(self, folder: Path, *, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    async def send(self, mail: Mail) -> None:
        """Write a mail; a reader finds all of it or nothing.

        Raises:
            MailServerUnavailable: The folder cannot be written to.
        """
        try:
            await asyncio.to_thread(self._write, composed(mail, sender=self._sender))
        except OSError as error:
            raise MailServerUnavailable from error

    def _write(self, message: EmailMessage) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        to = re.sub(r"[^\w.@-]", "_", str(message["To"]))[:80]
        path = self._folder / f"{moment}-{to}.eml"
        scratch = path.with_suffix(".new")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(message.as_bytes())
        scratch.replace(path)


class NoMailSender:
    """Stands where no mail server was named: every mail is refused, and says why."""

    async def send(self, mail: Mail) -> None:
        """Refuse.

        Raises:
            MailRefused: Always.
        """
        del mail
        raise MailRefused("No mail server is configured: set SMTP_URL.")


def composed(mail: Mail, *, sender: str) -> EmailMessage:
    """Return a mail with its headers; addresses cannot smuggle others in.

    Raises:
        MailRefused: The recipient's address is none.
    """
    message = EmailMessage()
    message["From"] = sender
    # Not every mail server takes a domain in letters of its own; all take its ASCII form.
    try:
        to = email_validator.validate_email(mail.recipient, check_deliverability=False)
    except email_validator.EmailNotValidError as error:
        raise MailRefused("This is no address that mail could be sent to.") from error
    message["To"] = Address(username=to.local_part, domain=to.ascii_domain)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].rstrip("> "))
    # RFC 3834: nobody's holiday notice should answer it.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    return message

"""Mails leave by SMTP or into a folder, in one piece."""

import contextlib
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from ops.local.process import free_port
from services.auth.adapters.mail_senders import FolderMailSender, SmtpMailSender, SmtpServer
from services.auth.domain.errors import MailServerUnavailable
from services.auth.domain.mails import Mail, invitation_mail
from services.auth.domain.ports import MailRefused
from tests.auth.conftest import Mailbox

SENDER = "Knowrithm <no-reply@knowrithm.test>"
MAIL = Mail(recipient="ada@acme.test", subject="Hallo Welt ✓", text="Ein Gruß\nan dich.\n")


def names_in(folder: Path) -> list[str]:
    """Return what lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


class TestSmtp:
    async def test_hands_a_mail_over(self, mailbox: Mailbox) -> None:
        mail = Mail(recipient="handed@acme.test", subject=MAIL.subject, text=MAIL.text)

        await SmtpMailSender(SmtpServer.parse(mailbox.url), sender=SENDER).send(mail)

        [arrived] = mailbox.to("handed@acme.test")
        assert arrived["Subject"] == "Hallo Welt ✓"
        assert arrived["From"] == SENDER
        assert arrived["Auto-Submitted"] == "auto-generated"
        assert arrived.get_content().splitlines() == ["Ein Gruß", "an dich."]

    async def test_a_server_that_is_away_may_come_back(self) -> None:
        sender = SmtpMailSender(SmtpServer.parse(f"smtp://127.0.0.1:{free_port()}"), sender=SENDER)

        with pytest.raises(MailServerUnavailable):
            await sender.send(MAIL)

    async def test_writes_domains_in_ascii(self, mailbox: Mailbox) -> None:
        mail = Mail(recipient="ada@münchen.test", subject="x", text="x")

        await SmtpMailSender(SmtpServer.parse(mailbox.url), sender=SENDER).send(mail)

        assert len(mailbox.to("ada@xn--mnchen-3ya.test")) == 1

    @pytest.mark.parametrize(
        ("reply", "expected"),
        [("451 later", MailServerUnavailable), ("550 never", MailRefused)],
    )
    async def test_tells_later_from_never(self, reply: str, expected: type[Exception]) -> None:
        mailbox = Mailbox()
        mailbox.refuse_with = reply
        mailbox.start()
        try:
            with pytest.raises(expected):
                await SmtpMailSender(SmtpServer.parse(mailbox.url), sender=SENDER).send(MAIL)
        finally:
            mailbox.stop()
        assert mailbox.mails == []

    async def test_logs_in(self) -> None:
        seen: list[bytes] = []

        def authenticate(*arguments: object) -> AuthResult:
            data = arguments[-1]
            assert isinstance(data, LoginPassword)
            seen.append(data.password)
            return AuthResult(success=data == LoginPassword(b"robot", b"p@ss/word"))

        class Authenticating(Controller):
            def factory(self) -> SMTP:
                return SMTP(
                    self.handler,
                    authenticator=authenticate,
                    auth_require_tls=False,
                )

        mailbox = Mailbox()
        controller = Authenticating(mailbox, hostname="127.0.0.1", port=free_port())
        controller.start()
        place = f"127.0.0.1:{controller.port}"
        try:
            right = SmtpServer.parse(f"smtp://robot:p%40ss%2Fword@{place}")
            await SmtpMailSender(right, sender=SENDER).send(MAIL)
            wrong = SmtpServer.parse(f"smtp://robot:guess@{place}")
            with pytest.raises(MailServerUnavailable):
                await SmtpMailSender(wrong, sender=SENDER, timeout_seconds=0.5).send(MAIL)
        finally:
            controller.stop()
        assert [mail["To"] for mail in mailbox.mails] == ["ada@acme.test"]
        assert seen[0] == b"p@ss/word"

    async def test_sends_no_password_in_the_clear(self, mailbox: Mailbox) -> None:
        # To anywhere but this machine a password waits for encryption, which this server lacks.
        server = SmtpServer.parse(mailbox.url.replace("smtp://", "smtp+starttls://"))

        with pytest.raises((MailServerUnavailable, MailRefused)):
            await SmtpMailSender(server, sender=SENDER).send(MAIL)
        assert SmtpServer.parse("smtp://me:pw@mail.example.com").start_tls is True

    @pytest.mark.parametrize(
        ("url", "port", "tls", "start_tls"),
        [
            ("smtp://mail.example.com", 25, False, None),
            ("smtp+starttls://mail.example.com", 587, False, True),
            ("smtps://mail.example.com", 465, True, False),
            ("smtps://mail.example.com:10465", 10465, True, False),
        ],
    )
    def test_reads_urls(self, url: str, port: int, tls: bool, start_tls: bool | None) -> None:
        server = SmtpServer.parse(url)

        assert (server.port, server.tls, server.start_tls) == (port, tls, start_tls)

    @pytest.mark.parametrize("url", ["mail.example.com", "http://mail", "smtp://", "smtp://a:b:c"])
    def test_says_what_a_url_must_be(self, url: str) -> None:
        with pytest.raises(ValueError, match="smtps://"):
            SmtpServer.parse(url)


class TestFolder:
    async def test_writes_a_file_for_its_owner_alone(self, tmp_path: Path) -> None:
        folder = tmp_path / "mails"

        await FolderMailSender(folder, sender=SENDER).send(MAIL)

        [name] = names_in(folder)
        file = folder / name
        assert file.suffix == ".eml"
        assert file.stat().st_mode & 0o077 == 0
        mail = message_from_bytes(file.read_bytes(), policy=policy.default)
        assert mail["To"] == "ada@acme.test"

    @pytest.mark.parametrize("recipient", ["../../x@acme.test", "a/b@acme.test", "no address"])
    async def test_no_name_leads_out_of_it(self, tmp_path: Path, recipient: str) -> None:
        mail = Mail(recipient=recipient, subject="x", text="x")

        with contextlib.suppress(MailRefused):
            await FolderMailSender(tmp_path / "mails", sender=SENDER).send(mail)

        assert names_in(tmp_path) in ([], ["mails"])


def test_a_company_name_stays_on_its_line() -> None:
    mail = invitation_mail(
        recipient="ada@acme.test", address="https://x", company="Acme\r\nBcc: all@acme.test\n\nHi"
    )

    assert "Acme Bcc: all@acme.test Hi" in mail.text
    assert "\n" not in mail.subject

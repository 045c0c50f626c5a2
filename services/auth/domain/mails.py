"""Mails: what they say, and the jobs that send them.

A job holds ids only. The link's secret is made at the moment of sending and only its hash is
stored, so no token lies readable in a queue, a log or a backup; a repeated job makes a new one.
"""

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from libs.common.jobs import Job
from services.auth.domain.tokens import Purpose


class SendVerification(Job, kind="send_verification", max_seconds=60):
    """Send a user the link that proves their address."""

    user_id: UUID


class SendPasswordReset(Job, kind="send_password_reset", max_seconds=60):
    """Send a user the link that sets a new password."""

    user_id: UUID


class SendInvitation(Job, kind="send_invitation", max_seconds=60):
    """Send the link by which somebody joins a company."""

    invitation_id: UUID


class SendNotice(Job, kind="send_notice", max_seconds=60):
    """Tell a user that something about their account has changed."""

    user_id: UUID
    notice: str


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One mail, as plain text."""

    recipient: str
    subject: str
    text: str = field(repr=False)


# Where links lead; what stands behind # is never sent to a server, nor kept in its logs.
_PAGES: Final = {
    Purpose.VERIFY_EMAIL: "verify-email",
    Purpose.RESET_PASSWORD: "reset-password",
    Purpose.INVITATION: "join",
}
PAGES: Final = frozenset(_PAGES.values())

HANDOFF_REQUESTED: Final = "handoff_requested"
WEBHOOK_DISABLED: Final = "webhook_disabled"
_NOTICES: Final = {
    "password_changed": "The password of your account was changed.",
    "mfa_enabled": "Your account now asks for a second factor when you log in.",
    "mfa_disabled": "Your account no longer asks for a second factor when you log in.",
    "mfa_reset": "An administrator removed the second factors of your account.",
    "passkey_added": "A passkey was added to your account.",
    "recovery_code_used": "Somebody logged in to your account with a recovery code.",
}


def link(public_url: str, purpose: Purpose, token: str) -> str:
    """Return the address that a mail shows."""
    return f"{public_url.rstrip('/')}/api/v1/auth/link/{_PAGES[purpose]}#{token}"


def verification_mail(*, recipient: str, address: str) -> Mail:
    """Say how to prove an address."""
    return Mail(
        recipient=recipient,
        subject="Confirm your e-mail address",
        text=(
            "Please confirm that this e-mail address is yours:\n\n"
            f"{address}\n\nThe link works once, within 24 hours."
            " If you did not ask for it, ignore this mail.\n"
        ),
    )


def reset_mail(*, recipient: str, address: str) -> Mail:
    """Say how to set a new password."""
    return Mail(
        recipient=recipient,
        subject="Set a new password",
        text=(
            "Somebody, probably you, wants to set a new password for your account:\n\n"
            f"{address}\n\nThe link works once, within 30 minutes. If it was not you, ignore this"
            " mail: your password stays as it is.\n"
        ),
    )


def invitation_mail(*, recipient: str, address: str, company: str) -> Mail:
    """Say who invites, and how to join."""
    # A company's name is what somebody typed; on one line it cannot pretend to be more.
    name = " ".join(company.split())
    return Mail(
        recipient=recipient,
        subject="You have been invited",
        text=(
            f'You have been invited to the company "{name}" on Knowrithm. To join, choose a'
            f" password here:\n\n{address}\n\nThe link works once, within 7 days.\n"
        ),
    )


def lead_link_mail(*, recipient: str, address: str, agent_name: str) -> Mail:
    """Say how to come back to earlier chats with an agent."""
    # As with a company's name: somebody typed it.
    name = " ".join(agent_name.split())
    return Mail(
        recipient=recipient,
        subject="Your earlier chats",
        text=(
            f'Somebody, probably you, wants to go on with the chats with "{name}":\n\n{address}'
            "\n\nThe link works once, within an hour. If it was not you, ignore this mail.\n"
        ),
    )


def notice_mail(*, recipient: str, notice: str) -> Mail:
    """Tell what happened, so that whoever did not do it can act."""
    if notice == HANDOFF_REQUESTED:
        return Mail(
            recipient=recipient,
            subject="A visitor asks for a person",
            text=(
                "A visitor of your agent has asked to talk to a person. The agent goes on"
                " answering until somebody takes the conversation over.\n"
            ),
        )
    if notice == WEBHOOK_DISABLED:
        return Mail(
            recipient=recipient,
            subject="A webhook was switched off",
            text=(
                "A webhook of your company took nothing that it was told for a day, or replied"
                " that it is gone, so it was switched off. Its log shows what went wrong. Once it"
                " works again, switch it on, and have delivered again what it missed.\n"
            ),
        )
    said = _NOTICES[notice]
    return Mail(
        recipient=recipient,
        subject="A change to your account",
        text=f"{said}\n\nIf this was not you, set a new password and tell your administrator.\n",
    )

"""Mails: what their heads say, the text, and the attachments that can be read."""

import email
import email.policy
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from typing import Final

from services.documents.adapters.parsing.charsets import decode
from services.documents.adapters.parsing.html import add_html
from services.documents.adapters.parsing.layout import Layout
from services.documents.domain.errors import (
    CorruptDocument,
    ParserLimitExceeded,
    UnreadableDocument,
)

MAX_PARTS: Final = 1_000
MAX_DEPTH: Final = 50
# A mail in a mail in a mail: further down only the names are kept.
MAX_ATTACHMENT_DEPTH: Final = 3
_SHOWN: Final = ("From", "To", "Cc", "Date")
_PARAGRAPHS: Final = re.compile(r"\n[^\S\n]*\n")
_TEXT_TYPES: Final = frozenset({"text/plain", "text/html"})

# Reads a file by its content: `formats.read`.
Read = Callable[..., Layout]


@dataclass(kw_only=True)
class Mail:
    """A mail as both kinds of files describe one."""

    subject: str = ""
    head: list[tuple[str, str]] = field(default_factory=list)
    plain: str = ""
    html: str = ""
    attachments: list[tuple[str, bytes]] = field(default_factory=list)


def read_eml(content: bytes, *, read: Read, depth: int) -> Layout:
    """Read a mail as it is sent.

    Args:
        content: The mail.
        read: Reads an attachment.
        depth: How many mails this one is attached to.
    """
    layout = Layout("eml", "message/rfc822")
    message = email.message_from_bytes(content, policy=email.policy.compat32)
    lay_out(layout, _mail(message), read=read, depth=depth)
    return layout


def lay_out(layout: Layout, mail: Mail, *, read: Read, depth: int) -> None:
    """Append a mail, its attachments below their names."""
    layout.title = mail.subject or None
    layout.heading(mail.subject, level=1)
    layout.add("\n".join(f"{name}: {value}" for name, value in mail.head if value))
    body = Layout("", "")
    if mail.html:
        add_html(body, mail.html)
    # A mail of pictures only has its words in the other form.
    if not body.blocks:
        for paragraph in _PARAGRAPHS.split(mail.plain.replace("\r\n", "\n")):
            body.add(paragraph)
    under = (mail.subject[:200],) if mail.subject else ()
    layout.include(body, under=under)
    for name, content in mail.attachments:
        _attach(layout, name, content, under=under, read=read, depth=depth)


def _attach(
    layout: Layout, name: str, content: bytes, *, under: tuple[str, ...], read: Read, depth: int
) -> None:
    name = " ".join(name.split())[:200] or "untitled"
    part = None
    if depth < MAX_ATTACHMENT_DEPTH:
        try:
            part = read(content, filename=name, depth=depth + 1)
        except ParserLimitExceeded:
            raise
        except UnreadableDocument as error:
            layout.warnings.append(f"attachment_not_read:{error.code}")
    layout.leave_headings()
    if under:
        layout.place(under[0], level=1)
    layout.add(f"Attachment: {name}")
    if part is not None:
        layout.include(part, under=(*under, name))


def _mail(message: "Message[str, str]") -> Mail:
    mail = Mail(subject=_header(message, "Subject"))
    mail.head = [(name, _header(message, name)) for name in _SHOWN]
    for part in _parts(message):
        kind = part.get_content_type()
        name = _name(part)
        if kind == "message/rfc822":
            inner = part.get_payload()
            if isinstance(inner, list) and inner and isinstance(inner[0], Message):
                subject = _header(inner[0], "Subject") or "message"
                mail.attachments.append((name or f"{subject}.eml", inner[0].as_bytes()))
            continue
        payload = part.get_payload(decode=True)
        if not isinstance(payload, bytes) or not payload:
            continue
        attached = part.get_content_disposition() == "attachment" or name
        if kind in _TEXT_TYPES and not attached:
            text = _text(payload, part.get_content_charset())
            if kind == "text/html":
                mail.html += text
            else:
                mail.plain += text + "\n\n"
        elif attached and not (kind.startswith("image/") and part.get("Content-ID")):
            # A picture that the text refers to is part of the mail's make-up: a logo, mostly.
            mail.attachments.append((name or "attachment", payload))
    return mail


def _parts(message: "Message[str, str]") -> Iterator["Message[str, str]"]:
    """Yield the leaves and attached mails; nesting is the sender's, and may be hostile."""
    waiting = [(message, 0)]
    count = 0
    while waiting:
        part, depth = waiting.pop()
        count += 1
        if count > MAX_PARTS or depth > MAX_DEPTH:
            raise ParserLimitExceeded
        if part.is_multipart() and part.get_content_maintype() == "multipart":
            inner = part.get_payload()
            if isinstance(inner, list):
                waiting.extend(
                    (each, depth + 1) for each in reversed(inner) if isinstance(each, Message)
                )
        else:
            yield part


def _header(message: "Message[str, str]", name: str) -> str:
    value = message.get(name)
    if value is None:
        return ""
    text = str(value)[:10_000]
    with suppress(HeaderParseError, LookupError, ValueError):
        text = str(make_header(decode_header(text)))
    return " ".join(text.split())


def _name(part: "Message[str, str]") -> str:
    try:
        name = part.get_filename() or ""
        return str(make_header(decode_header(name)))[:255]
    except (HeaderParseError, LookupError, ValueError, TypeError):
        return ""


def _text(payload: bytes, charset: str | None) -> str:
    if charset:
        try:
            return payload.decode(charset)
        except (LookupError, UnicodeDecodeError):
            pass
    return decode(payload)[0]


def check_is_mail(mail: Mail) -> None:
    """Refuse what has neither head nor text.

    Raises:
        CorruptDocument: There is nothing of a mail in it.
    """
    if not (mail.subject or mail.plain or mail.html or mail.attachments):
        raise CorruptDocument

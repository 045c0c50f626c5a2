"""Outlook's mails: properties in the streams of a compound file ([MS-OXMSG], [MS-OXCMSG])."""

from __future__ import annotations

import io
import struct
from datetime import UTC, datetime, timedelta
from typing import Final

import olefile

from services.documents.adapters.parsing.charsets import decode
from services.documents.adapters.parsing.layout import Layout
from services.documents.adapters.parsing.mail import Mail, Read, check_is_mail, lay_out
from services.documents.adapters.parsing.rtf import read_rtf
from services.documents.domain.errors import CorruptDocument, ParserLimitExceeded

MAX_ENTRIES: Final = 20_000
MAX_STREAM_BYTES: Final = 64 * 1024 * 1024
MAX_RTF_BYTES: Final = 32 * 1024 * 1024

_SUBJECT, _SENDER, _SENDER_MAIL, _SENDER_SMTP = "0037", "0C1A", "0C1F", "5D01"
_TO, _CC, _BODY, _RTF, _HTML = "0E04", "0E03", "1000", "1009", "1013"
_SENT, _DELIVERED = 0x0039, 0x0E06
_ATTACHED, _LONG_NAME, _SHORT_NAME = "3701", "3707", "3704"
_EPOCH: Final = datetime(1601, 1, 1, tzinfo=UTC)
_PROPERTIES: Final = "__properties_version1.0"
# What every dictionary of compressed rich text begins with ([MS-OXRTFCP] 2.1.2.1).
_RTF_START: Final = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern "
    b"\\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0"
    b"\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)


def read_msg(content: bytes, *, read: Read, depth: int) -> Layout:
    """Read a mail that Outlook has saved; see `mail.read_eml`.

    Raises:
        CorruptDocument: It is a compound file, but no whole mail.
    """
    try:
        with olefile.OleFileIO(io.BytesIO(content)) as file:
            entries = file.listdir(streams=True, storages=True)
            if len(entries) > MAX_ENTRIES:
                raise ParserLimitExceeded
            mail = _Folder(file, entries, ()).mail()
    except (struct.error, IndexError) as error:
        raise CorruptDocument from error
    check_is_mail(mail)
    layout = Layout("msg", "application/vnd.ms-outlook")
    lay_out(layout, mail, read=read, depth=depth)
    return layout


class _Folder:
    """A storage of the file: a mail, or an attachment."""

    def __init__(
        self, file: olefile.OleFileIO[str], entries: list[list[str]], path: tuple[str, ...]
    ) -> None:
        self._file = file
        self._entries = entries
        self._path = path
        self._names = {
            entry[len(path)]
            for entry in entries
            if len(entry) > len(path) and tuple(entry[: len(path)]) == path
        }

    def mail(self) -> Mail:
        mail = Mail(subject=" ".join(self._text(_SUBJECT).split()))
        address = self._text(_SENDER_SMTP) or self._text(_SENDER_MAIL)
        sender = self._text(_SENDER)
        if "@" in address and address != sender:
            sender = f"{sender} <{address}>".strip()
        sent = self._time(_SENT) or self._time(_DELIVERED)
        mail.head = [
            ("From", sender),
            ("To", self._text(_TO)),
            ("Cc", self._text(_CC)),
            ("Date", f"{sent:%Y-%m-%d %H:%M} UTC" if sent else ""),
        ]
        mail.plain = self._text(_BODY)
        html = self._stream(f"__substg1.0_{_HTML}0102")
        mail.html = decode(html)[0] if html else self._text(_HTML)
        if not (mail.plain or mail.html) and (packed := self._stream(f"__substg1.0_{_RTF}0102")):
            mail.plain = read_rtf(_unpacked(packed)).text
        for name in sorted(self._names):
            if name.startswith("__attach_version1.0_"):
                self._attachment(mail, name)
        return mail

    def _attachment(self, mail: Mail, name: str) -> None:
        inner = _Folder(self._file, self._entries, (*self._path, name))
        shown = inner._text(_LONG_NAME) or inner._text(_SHORT_NAME)
        content = inner._stream(f"__substg1.0_{_ATTACHED}0102")
        if content:
            mail.attachments.append((shown, content))
        elif f"__substg1.0_{_ATTACHED}000D" in inner._names:
            # A mail in the mail: its text, without attachments of its own.
            path = (*self._path, name, f"__substg1.0_{_ATTACHED}000D")
            if len(path) > 8:
                raise ParserLimitExceeded
            held = _Folder(self._file, self._entries, path).mail()
            lines = [held.subject, *(f"{key}: {value}" for key, value in held.head if value)]
            text = "\n".join(lines) + "\n\n" + (held.plain or "")
            mail.attachments.append((held.subject or shown, text.encode()))

    def _text(self, tag: str) -> str:
        if content := self._stream(f"__substg1.0_{tag}001F"):
            return content.decode("utf-16-le", errors="replace").rstrip("\0")
        if content := self._stream(f"__substg1.0_{tag}001E"):
            return decode(content)[0].rstrip("\0")
        return ""

    def _stream(self, name: str) -> bytes:
        if name not in self._names:
            return b""
        path = [*self._path, name]
        if self._file.get_type(path) != olefile.STGTY_STREAM:
            return b""
        if self._file.get_size(path) > MAX_STREAM_BYTES:
            raise ParserLimitExceeded
        with self._file.openstream(path) as stream:
            content: bytes = stream.read(MAX_STREAM_BYTES)
        return content

    def _time(self, tag: int) -> datetime | None:
        """Return a moment from the fixed-size properties: records of 16 bytes after the head."""
        content = self._stream(_PROPERTIES)
        head = 32 if not self._path else 24
        for at in range(head, len(content) - 15, 16):
            kind, found = struct.unpack_from("<HH", content, at)
            if (kind, found) == (0x0040, tag):
                (ticks,) = struct.unpack_from("<Q", content, at + 8)
                try:
                    return _EPOCH + timedelta(microseconds=ticks // 10)
                except OverflowError:
                    return None
        return None


def _unpacked(packed: bytes) -> bytes:
    """Undo the compression of rich text ([MS-OXRTFCP] 3.1.3): runs of a circular 4 KiB window.

    Raises:
        CorruptDocument: It is none.
        ParserLimitExceeded: It says it is larger than any mail.
    """
    _, size, kind, _ = struct.unpack_from("<IIII", packed)
    if size > MAX_RTF_BYTES:
        raise ParserLimitExceeded
    if kind == 0x414C454D:  # "MELA": as it is
        return packed[16 : 16 + size]
    if kind != 0x75465A4C:  # "LZFu"
        raise CorruptDocument
    window = bytearray(_RTF_START.ljust(4096, b"\0"))
    write = len(_RTF_START)
    out = bytearray()
    at = 16
    while at < len(packed) and len(out) < size:
        control = packed[at]
        at += 1
        for bit in range(8):
            if at >= len(packed):
                break
            if not control >> bit & 1:
                byte = packed[at]
                at += 1
                out.append(byte)
                window[write] = byte
                write = (write + 1) % 4096
                continue
            if at + 1 >= len(packed):
                break
            (reference,) = struct.unpack_from(">H", packed, at)
            at += 2
            offset, length = reference >> 4, (reference & 0xF) + 2
            if offset == write:
                return bytes(out)
            for step in range(length):
                byte = window[(offset + step) % 4096]
                out.append(byte)
                window[write] = byte
                write = (write + 1) % 4096
    return bytes(out)

from email.message import EmailMessage

import pytest

from services.documents.adapters.parsing.formats import read
from services.documents.adapters.parsing.sniff import sniff
from services.documents.domain.errors import CorruptDocument, ParserLimitExceeded, UnsupportedType
from tests.documents.adapters.parsing.compound import Tree, make_compound
from tests.documents.adapters.parsing.files import make_docx
from tests.documents.adapters.parsing.test_formats import blocks_of


def make_mail(subject: str = "Prices for Köln") -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Ada <ada@example.com>"
    mail["To"] = "Bob <bob@example.com>"
    mail["Date"] = "Mon, 02 Mar 2026 10:00:00 +0000"
    mail["Message-ID"] = "<1@example.com>"
    mail["Subject"] = subject
    mail.set_content("The screw costs 25 cents.\n\nYours, Ada\n")
    return mail


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le")


def make_outlook_mail(**changes: bytes) -> bytes:
    """Make a mail of Outlook's with an attachment and a mail in it."""
    tree: Tree = {
        "__properties_version1.0": bytes(32)
        + b"\x40\0\x39\0"
        + bytes(4)
        + (133_000_000_000_000_000).to_bytes(8, "little"),
        "__substg1.0_0037001F": utf16("Prices"),
        "__substg1.0_0C1A001F": utf16("Ada"),
        "__substg1.0_5D01001F": utf16("ada@example.com"),
        "__substg1.0_0E04001F": utf16("Bob"),
        "__substg1.0_1000001F": utf16("See the list.\r\n\r\nYours, Ada"),
        "__attach_version1.0_#00000000": {
            "__properties_version1.0": bytes(8),
            "__substg1.0_3707001F": utf16("prices.csv"),
            "__substg1.0_37010102": b"Part,Price\nScrew,low\n" * 300,
        },
        "__attach_version1.0_#00000001": {
            "__substg1.0_3701000D": {
                "__properties_version1.0": bytes(24),
                "__substg1.0_0037001F": utf16("Earlier"),
                "__substg1.0_1000001F": utf16("Which screws?"),
            },
        },
    }
    tree.update(changes)
    return make_compound(tree)


class TestSentMails:
    def test_keeps_heads_text_and_attachments(self) -> None:
        mail = make_mail()
        mail.add_attachment(
            make_docx(),
            maintype="application",
            subtype="octet-stream",
            filename="Handbuch für alle.docx",
        )

        layout = read(mail.as_bytes(), filename="a.eml")

        assert (layout.document_type, layout.title) == ("eml", "Prices for Köln")
        blocks = [(path, text) for _, path, text in blocks_of(layout)]
        assert blocks[:5] == [
            (("Prices for Köln",), "Prices for Köln"),
            (
                ("Prices for Köln",),
                "From: Ada <ada@example.com>\nTo: Bob <bob@example.com>\n"
                "Date: Mon, 02 Mar 2026 10:00:00 +0000",
            ),
            (("Prices for Köln",), "The screw costs 25 cents."),
            (("Prices for Köln",), "Yours, Ada"),
            (("Prices for Köln",), "Attachment: Handbuch für alle.docx"),
        ]
        assert (
            ("Prices for Köln", "Handbuch für alle.docx", "Handbook", "Returns"),
            "| Country | Days |\n| --- | --- |\n| France | 30 |",
        ) in blocks

    def test_html_is_preferred_for_its_structure(self) -> None:
        mail = make_mail()
        mail.add_alternative("<h2>Prices</h2><p>The <b>screw</b>.</p>", subtype="html")

        layout = read(mail.as_bytes(), filename="a.eml")

        assert (None, ("Prices for Köln", "Prices"), "The screw.") in blocks_of(layout)
        assert "25 cents" not in layout.text

    def test_what_cannot_be_read_is_named(self) -> None:
        mail = make_mail()
        mail.add_attachment(b"GIF89a" + bytes(30), "image", "gif", filename="cat.gif")

        layout = read(mail.as_bytes(), filename="a.eml")

        assert layout.text.endswith("Attachment: cat.gif")
        assert layout.warnings == ["attachment_not_read:unsupported_type"]

    def test_mails_in_mails_are_read_to_a_depth(self) -> None:
        mail = make_mail("level 0")
        for level in range(1, 6):
            outer = make_mail(f"level {level}")
            outer.add_attachment(mail)
            mail = outer

        text = read(mail.as_bytes(), filename="a.eml").text

        assert "level 2" in text
        assert "Attachment: level 1.eml" in text
        assert "level 0" not in text

    def test_endless_parts_are_refused(self) -> None:
        mail = "MIME-Version: 1.0\nFrom: a\nSubject: b\nContent-Type: multipart/mixed; boundary=b\n"
        mail += "\n--b\nContent-Type: text/plain\n\nx" * 2000 + "\n--b--\n"

        with pytest.raises(ParserLimitExceeded):
            read(mail.encode(), filename="a.eml")

    @pytest.mark.parametrize("charset", ["iso-2022-jp", "shift_jis", "utf-8", "no-such-thing"])
    def test_any_charset(self, charset: str) -> None:
        encoding = "utf-8" if charset == "no-such-thing" else charset
        head = "MIME-Version: 1.0\r\nFrom: a@b\r\nSubject: =?bad?x?=\r\nMessage-ID: <1>\r\n"
        head += f"Content-Type: text/plain; charset={charset}\r\n\r\n"

        layout = read(head.encode() + "ネジの値段です。".encode(encoding), filename="a")

        assert "ネジの値段です。" in layout.text

    def test_letters_are_not_mails(self) -> None:
        assert sniff(b"Dear Ada,\nFrom: here\nTo: there\n\nSubject: none", "a.txt") == "txt"
        assert sniff(b"From: Ada\nTo: Bob\nSubject: Screws\n\nThey cost.", "memo.txt") == "txt"
        assert sniff(b"From: Ada\nTo: Bob\nSubject: Screws\n\nThey cost.", "memo.eml") == "eml"


class TestOutlooksMails:
    def test_keeps_heads_text_and_attachments(self) -> None:
        layout = read(make_outlook_mail(), filename="a.msg")

        assert (layout.document_type, layout.title) == ("msg", "Prices")
        blocks = [(path, text) for _, path, text in blocks_of(layout)]
        assert blocks[:5] == [
            (("Prices",), "Prices"),
            (("Prices",), "From: Ada <ada@example.com>\nTo: Bob\nDate: 2022-06-18 04:26 UTC"),
            (("Prices",), "See the list."),
            (("Prices",), "Yours, Ada"),
            (("Prices",), "Attachment: prices.csv"),
        ]
        assert blocks[5][0] == ("Prices", "prices.csv")
        assert blocks[5][1].startswith("Part: Screw; Price: low\n")
        assert blocks[-1] == (("Prices", "Earlier"), "Which screws?")

    def test_rich_text_is_unpacked_where_there_is_no_other(self) -> None:
        # The example of [MS-OXRTFCP] 4.1.1.
        packed = bytes.fromhex(
            "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af8"
            "2068656c090020627705b06c647d0a800fa0"
        )
        changes = {"__substg1.0_1000001F": b"", "__substg1.0_10090102": packed}

        assert "hello world" in read(make_outlook_mail(**changes), filename="a.msg").text

    def test_a_cut_one_is_damaged(self) -> None:
        with pytest.raises((CorruptDocument, UnsupportedType)):
            read(make_outlook_mail()[:2000], filename="a.msg")

    def test_old_office_files_are_not_read(self) -> None:
        with pytest.raises(UnsupportedType):
            read(make_compound({"WordDocument": bytes(5000)}), filename="a.doc")

"""Rich text, OpenDocument and books."""

import pytest

from services.documents.adapters.parsing.formats import read
from services.documents.domain.errors import (
    CorruptDocument,
    EncryptedDocument,
    ParserLimitExceeded,
    UnsupportedType,
)
from tests.documents.adapters.parsing.files import make_epub, make_opendocument, make_zip
from tests.documents.adapters.parsing.test_formats import blocks_of

RTF = rb"""{\rtf1\ansi\ansicpg1252\deff0
{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial Cyr;}{\f2\fcharset128 MS Mincho;}}
{\stylesheet{\s0 Normal;}{\s1\b heading 1;}{\s2\b heading 2;}}
{\info{\title House rules}{\author Nobody}}{\*\generator Writer;}{\header Page head}
\pard\s1 Handbook\par\pard Caf\'e9 costs \u8364?5. {\f1\'cf\'f0\'e8\'e2\'e5\'f2}{\v hidden}
{\f2 \'93\'fa\'96\'7b} \{sic\}.\par
\pard\s2 Returns\par
\pard{\listtext\bullet\tab}Keep the receipt\par{\listtext\bullet\tab}Use the box\par
\trowd\cellx100\cellx200\pard\intbl Country\cell Days\cell\row
\trowd\cellx100\cellx200\pard\intbl France\cell 30\cell\row
\pard Smile \u-10179?\u-8704?{\field{\*\fldinst HYPERLINK "http://a"}{\fldrslt there}}\par}"""
TEXT = """<text:h text:outline-level="1">Handbook</text:h>
<text:p>Be <text:span>kind</text:span>.<text:s text:c="2"/>Always<text:note><text:note-citation>1
</text:note-citation><text:note-body><text:p>Mostly</text:p></text:note-body></text:note>.</text:p>
<text:h text:outline-level="2">Returns</text:h>
<text:list><text:list-item><text:p>Keep the receipt</text:p><text:list><text:list-item>
<text:p>and the bag</text:p></text:list-item></text:list></text:list-item></text:list>
<table:table><table:table-header-rows><table:table-row><table:table-cell><text:p>Country</text:p>
</table:table-cell><table:table-cell><text:p>Days</text:p></table:table-cell></table:table-row>
</table:table-header-rows><table:table-row><table:table-cell><text:p>France</text:p>
</table:table-cell><table:table-cell><text:p>30</text:p></table:table-cell></table:table-row>
</table:table><text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>"""
SHEET = """<table:table table:name="Prices"><table:table-row><table:table-cell><text:p>Part</text:p>
</table:table-cell><table:table-cell><text:p>Price</text:p></table:table-cell></table:table-row>
<table:table-row table:number-rows-repeated="2"><table:table-cell><text:p>Screw</text:p>
</table:table-cell><table:table-cell><text:p>0.25</text:p></table:table-cell>
<table:table-cell table:number-columns-repeated="16000"/></table:table-row>
<table:table-row table:number-rows-repeated="1048000"><table:table-cell/></table:table-row>
</table:table>"""
SLIDES = """<draw:page><draw:frame presentation:class="title"><draw:text-box><text:p>Plan</text:p>
</draw:text-box></draw:frame><draw:frame><draw:text-box><text:p>What the plan says.</text:p>
</draw:text-box></draw:frame></draw:page>"""


class TestRichText:
    def test_keeps_headings_lists_and_tables(self) -> None:
        layout = read(RTF, filename="a.rtf")

        assert (layout.document_type, layout.title) == ("rtf", "House rules")
        assert [(path, text) for _, path, text in blocks_of(layout)] == [
            (("Handbook",), "Handbook"),
            (("Handbook",), "Café costs €5. Привет\n日本 {sic}.".replace("\n", "")),
            (("Handbook", "Returns"), "Returns"),
            (("Handbook", "Returns"), "- Keep the receipt\n- Use the box"),
            (("Handbook", "Returns"), "| Country | Days |\n| --- | --- |\n| France | 30 |"),
            (("Handbook", "Returns"), "Smile 😀there"),
        ]

    def test_the_content_decides_and_not_the_name(self) -> None:
        assert read(RTF, filename="letter.doc").document_type == "rtf"

    def test_endless_nesting_is_refused(self) -> None:
        with pytest.raises(ParserLimitExceeded):
            read(b"{\\rtf1 " + b"{" * 100_000, filename="a.rtf")

    def test_a_cut_one_gives_what_is_there(self) -> None:
        assert "Handbook" in read(RTF[: RTF.index(b"Returns")], filename="a.rtf").text


class TestOpenDocument:
    def test_texts_keep_headings_lists_and_tables(self) -> None:
        layout = read(make_opendocument("text", TEXT), filename="a.odt")

        assert (layout.document_type, layout.title) == ("odt", "House rules")
        assert [(path, text) for _, path, text in blocks_of(layout)] == [
            (("Handbook",), "Handbook"),
            (("Handbook",), "Be kind. Always (Mostly)."),
            (("Handbook", "Returns"), "Returns"),
            (("Handbook", "Returns"), "- Keep the receipt\n- and the bag"),
            (("Handbook", "Returns"), "| Country | Days |\n| --- | --- |\n| France | 30 |"),
        ]

    def test_sheets_and_slides_are_pages(self) -> None:
        sheet = read(make_opendocument("spreadsheet", SHEET), filename="a.ods")
        slides = read(make_opendocument("presentation", SLIDES), filename="a.odp")

        assert blocks_of(sheet) == [
            (1, ("Prices",), "Part: Screw; Price: 0.25\nPart: Screw; Price: 0.25")
        ]
        assert blocks_of(slides) == [
            (1, ("Plan",), "Plan"),
            (1, ("Plan",), "What the plan says."),
        ]

    def test_an_encrypted_one_is_named(self) -> None:
        content = make_opendocument("text", TEXT, manifest="<manifest:encryption-data/>")

        with pytest.raises(EncryptedDocument):
            read(content, filename="a.odt")

    def test_entities_are_refused(self) -> None:
        bomb = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'

        with pytest.raises(CorruptDocument):
            read(make_opendocument("text", "<text:p>&a;</text:p>", before=bomb), filename="a.odt")

    def test_deep_nesting_is_refused(self) -> None:
        deep = "<text:section>" * 1000 + "<text:p>x</text:p>" + "</text:section>" * 1000

        with pytest.raises(ParserLimitExceeded):
            read(make_opendocument("text", deep), filename="a.odt")


class TestBooks:
    def test_chapters_follow_the_spine(self) -> None:
        book = make_epub(
            {
                "two.xhtml": "<h1>Second</h1><p>The end.</p>",
                "one.xhtml": "<h1>First</h1><p>It began.</p>",
                "notes.xhtml": "<p>Without a heading.</p>",
            },
            spine=["one.xhtml", "two.xhtml", "notes.xhtml"],
        )

        layout = read(book, filename="a.epub")

        assert (layout.document_type, layout.title) == ("epub", "House rules")
        assert blocks_of(layout) == [
            (None, ("First",), "First"),
            (None, ("First",), "It began."),
            (None, ("Second",), "Second"),
            (None, ("Second",), "The end."),
            (None, (), "Without a heading."),
        ]

    def test_parts_outside_the_book_are_not_looked_for(self) -> None:
        with pytest.raises(CorruptDocument):
            read(make_epub({}, spine=["../../../../etc/passwd"]), filename="a.epub")

    def test_a_locked_one_is_named(self) -> None:
        book = make_epub({"one.xhtml": "\x00\x01"}, spine=["one.xhtml"], locked=["OPS/one.xhtml"])

        with pytest.raises(EncryptedDocument):
            read(book, filename="a.epub")

    def test_an_archive_of_another_kind_is_not_taken_for_one(self) -> None:
        with pytest.raises(UnsupportedType):
            read(make_zip({"mimetype": b"application/x-other", "a": b"b"}), filename="a.epub")

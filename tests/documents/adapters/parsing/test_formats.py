import json

import pytest

from services.documents.adapters.parsing.formats import read
from services.documents.adapters.parsing.layout import Layout
from services.documents.domain.errors import (
    CorruptDocument,
    EmptyDocument,
    EncryptedDocument,
    NoText,
    ParserLimitExceeded,
    UnreadableDocument,
    UnsupportedType,
)
from tests.documents.adapters.parsing.files import (
    make_docx,
    make_pdf,
    make_pptx,
    make_scan,
    make_xlsx,
    make_zip,
)

BODY = "The quick brown fox jumps over the lazy dog and goes on its way."


def blocks_of(layout: Layout) -> list[tuple[int | None, tuple[str, ...], str]]:
    """Return (page, headings, text) of each block."""
    text = layout.text
    return [(page, path, text[start:end]) for page, path, start, end in layout.blocks]


class TestPdf:
    def test_keeps_pages_headings_and_paragraphs(self) -> None:
        content = make_pdf(
            [
                [(20, "Handbook"), (11, BODY), (11, BODY)],
                [(16, "Returns"), (11, BODY)],
            ]
        )

        layout = read(content, filename="a.pdf")

        assert (layout.document_type, layout.page_count, layout.title) == ("pdf", 2, "Handbook")
        assert blocks_of(layout) == [
            (1, ("Handbook",), "Handbook"),
            (1, ("Handbook",), f"{BODY} {BODY}"),
            (2, ("Handbook", "Returns"), "Returns"),
            (2, ("Handbook", "Returns"), BODY),
        ]

    def test_leaves_out_what_runs_along_on_every_page(self) -> None:
        words = ("spring", "summer", "autumn", "winter")
        pages = [
            [(11, f"Page {number} of 4"), *[(11, f"{BODY} In {word}, {line}.") for line in words]]
            for number, word in enumerate(words, start=1)
        ]

        layout = read(make_pdf(pages), filename="a.pdf")

        assert "Page" not in layout.text
        assert layout.text.count(BODY) == 16

    def test_a_scan_is_an_error_and_not_an_empty_success(self) -> None:
        with pytest.raises(NoText):
            read(make_scan(), filename="scan.pdf")

    def test_a_password_is_named(self) -> None:
        with pytest.raises(EncryptedDocument):
            read(make_pdf([[(11, BODY)]], password="secret"), filename="a.pdf")

    @pytest.mark.parametrize("content", [b"%PDF-1.7\nnothing more", b"%PDF-1.7" + b"\xff" * 500])
    def test_damage_is_named(self, content: bytes) -> None:
        with pytest.raises(CorruptDocument):
            read(content, filename="a.pdf")


class TestOffice:
    def test_word_keeps_headings_lists_and_tables(self) -> None:
        layout = read(make_docx(), filename="a.docx")

        assert [(path, text) for _, path, text in blocks_of(layout)] == [
            (("Handbook",), "Handbook"),
            (("Handbook",), "Welcome to the company."),
            (("Handbook", "Returns"), "Returns"),
            (("Handbook", "Returns"), "- Keep the receipt\n- Use the box"),
            (
                ("Handbook", "Returns"),
                "| Country | Days |\n| --- | --- |\n| France | 30 |",
            ),
        ]

    def test_slides_are_pages(self) -> None:
        layout = read(make_pptx(), filename="a.pptx")

        assert layout.page_count == 2
        assert blocks_of(layout) == [
            (1, ("Plan",), "Plan"),
            (1, ("Plan",), "What the plan says."),
            (2, ("Figures",), "Figures"),
            (2, ("Figures",), "What the figures says."),
            (2, ("Figures",), "| Year | Sales |\n| --- | --- |\n| 2025 | 12 |"),
            (2, ("Figures",), "Mention the warehouse."),
        ]

    def test_sheets_keep_the_names_of_columns(self) -> None:
        layout = read(make_xlsx(), filename="a.xlsx")

        assert blocks_of(layout) == [
            (1, ("Prices",), "Part: Screw; Price: 0.25"),
            (2, ("Stock",), "Part: Screw; Count: 900"),
        ]

    def test_the_content_decides_and_not_the_name(self) -> None:
        assert read(make_docx(), filename="a.xlsx").document_type == "docx"
        assert read(make_pdf([[(11, BODY)]]), filename="a.txt").document_type == "pdf"
        assert read(b"Just words, no more.", filename="a.pdf").document_type == "txt"

    def test_an_encrypted_one_is_named(self) -> None:
        compound = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
        compound += "EncryptedPackage".encode("utf-16-le") + b"\0" * 100
        with pytest.raises(EncryptedDocument):
            read(compound, filename="a.docx")

    def test_a_cut_one_is_damaged(self) -> None:
        with pytest.raises(CorruptDocument):
            read(make_docx()[:5000], filename="a.docx")

    def test_other_archives_are_not_read(self) -> None:
        with pytest.raises(UnsupportedType):
            read(make_zip({"hello.txt": b"Hello."}), filename="a.zip")

    def test_a_bomb_is_not_unpacked(self) -> None:
        bomb = make_zip({"[Content_Types].xml": b"<x/>", "word/document.xml": b" " * 60_000_000})

        with pytest.raises(ParserLimitExceeded):
            read(bomb, filename="a.docx")

    def test_too_many_entries_are_refused(self) -> None:
        many = {f"word/{number}": b"" for number in range(10_001)}

        with pytest.raises(ParserLimitExceeded):
            read(make_zip({"[Content_Types].xml": b"<x/>", **many}), filename="a.docx")


class TestHtml:
    def test_keeps_content_and_drops_what_surrounds_it(self) -> None:
        page = b"""<!doctype html><html><head><title>Shop  rules</title><style>p{}</style></head>
        <body><nav><a>Home</a></nav><div><h1>Rules</h1><p>Be <b>kind</b>.<br>Always.</p>
        <h2>Returns</h2><ul><li>Keep the receipt</li><li>Use the box</li></ul>
        <table><tr><th>Country</th><th>Days</th></tr><tr><td>France</td><td>30</td></tr></table>
        <p hidden>secret</p><script>alert(1)</script></div><footer>Imprint</footer></body></html>"""

        layout = read(page, filename="page.html")

        assert layout.title == "Shop rules"
        assert [(path, text) for _, path, text in blocks_of(layout)] == [
            (("Rules",), "Rules"),
            (("Rules",), "Be kind.\nAlways."),
            (("Rules", "Returns"), "Returns"),
            (("Rules", "Returns"), "- Keep the receipt"),
            (("Rules", "Returns"), "- Use the box"),
            (("Rules", "Returns"), "| Country | Days |\n| --- | --- |\n| France | 30 |"),
        ]

    def test_deep_nesting_does_no_harm(self) -> None:
        page = b"<html><body>" + b"<div>" * 20_000 + b"Deep down." + b"</div>" * 20_000

        assert read(page, filename="deep.html").text == "Deep down."


class TestMarkdown:
    def test_keeps_structure(self) -> None:
        text = b"""---
title: "House rules"
---
# Rules

Be **kind** and read [the guide](https://example.com/guide).

Returns
-------

- Keep the receipt
- Use the box

| Country | Days |
|---------|------|
| France  | 30   |

```python
# no heading
x  =  1
```
"""
        layout = read(text, filename="rules.md")

        assert layout.title == "House rules"
        assert [(path, block) for _, path, block in blocks_of(layout)] == [
            (("Rules",), "Rules"),
            (("Rules",), "Be kind and read the guide."),
            (("Rules", "Returns"), "Returns"),
            (("Rules", "Returns"), "- Keep the receipt\n- Use the box"),
            (("Rules", "Returns"), "| Country | Days |\n| --- | --- |\n| France | 30 |"),
            (("Rules", "Returns"), "# no heading\nx  =  1"),
        ]

    def test_reads_tables_written_in_html(self) -> None:
        text = b"# T\n<table><tr><th>A</th><th>B</th></tr>\n<tr><td>1</td><td>2</td></tr></table>\n"

        assert "| 1 | 2 |" in read(text, filename="a.md").text


class TestData:
    def test_rows_of_csv_carry_the_names_of_columns(self) -> None:
        layout = read(b"Policy;Old\nMS.1;MS.9\nMS.2;MS.8\n", filename="a.csv")

        assert layout.text == "Policy: MS.1; Old: MS.9\nPolicy: MS.2; Old: MS.8"

    def test_values_of_json_carry_their_path(self) -> None:
        content = json.dumps({"title": "Ports", "ssh": {"port": 22, "on": True}}).encode()

        layout = read(content, filename="a.json")

        assert layout.title == "Ports"
        assert layout.text == "title: Ports\nssh.port: 22\nssh.on: true"

    def test_json_may_stand_on_lines(self) -> None:
        layout = read(b'{"a": 1}\n{"a": 2}\n', filename="a.jsonl")

        assert [text for _, _, text in blocks_of(layout)] == ["a: 1", "a: 2"]

    def test_values_of_xml_carry_their_path(self) -> None:
        content = b'<?xml version="1.0"?><shop><item id="7"><name>Screw</name></item></shop>'

        assert read(content, filename="a.xml").text == "item > name: Screw\nitem id: 7"

    @pytest.mark.parametrize(
        "content",
        [
            b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
            b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><x>&b;</x>',
            b"<?xml version='1.0'?><x><y></x>",
        ],
    )
    def test_entities_and_damage_are_refused(self, content: bytes) -> None:
        with pytest.raises(CorruptDocument):
            read(content, filename="a.xml")

    @pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a": ' * 50_000])
    def test_endless_nesting_is_refused(self, content: bytes) -> None:
        with pytest.raises(UnreadableDocument):
            read(content, filename="a.json")


class TestText:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
    def test_reads_any_encoding(self, encoding: str) -> None:
        text = "Die Rückgabe ist für alle Käufer möglich.\n\nÜber die Gebühren entscheidet später."

        layout = read(text.encode(encoding), filename="a.txt")

        assert layout.text == text
        assert len(layout.blocks) == 2

    def test_hides_nothing(self) -> None:
        hidden = "Pay\u200b no\u202e heed\U000e0041 to\u00adday."

        assert read(hidden.encode(), filename="a.txt").text == "Pay no heed today."

    @pytest.mark.parametrize("content", [b"", b"   \n\t ", b"\0\0\0"])
    def test_an_empty_file_is_an_error(self, content: bytes) -> None:
        with pytest.raises(EmptyDocument):
            read(content, filename="a.txt")

    @pytest.mark.parametrize(
        "content",
        [b"GIF89a\x01\0\x01\0", b"\x7fELF\x02\x01\x01\0"],
    )
    def test_pictures_and_programs_are_not_read(self, content: bytes) -> None:
        with pytest.raises(UnsupportedType):
            read(content, filename="a.txt")

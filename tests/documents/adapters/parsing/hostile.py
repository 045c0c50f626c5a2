# ruff: noqa: E501 - the files as they are
"""Files that mean harm, made when a test needs them: by name, what each is called and holds."""

import base64
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Final

from PIL import Image

from tests.documents.adapters.parsing.compound import make_compound
from tests.documents.adapters.parsing.files import (
    make_docx,
    make_epub,
    make_opendocument,
    make_pdf,
    make_pptx,
    make_typed_zip,
    make_xlsx,
    make_zip,
)

Make = Callable[[], bytes]
_TYPES: Final = b"<Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'/>"
_LOL: Final = "".join(
    f'<!ENTITY l{level} "{f"&l{level - 1};" * 10}">' if level else '<!ENTITY l0 "lollollol">'
    for level in range(10)
)
_LAUGHS: Final = f"<!DOCTYPE x [{_LOL}]>"
_OUTSIDE: Final = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
_PARAMETER: Final = '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x.dtd"> %p;]>'
_MARK: Final = '<?xml version="1.0"?>'


def changed(archive: bytes, name: str, content: bytes) -> bytes:
    """Put other content into an archive's entry."""
    with zipfile.ZipFile(io.BytesIO(archive)) as old:
        entries = {entry: old.read(entry) for entry in old.namelist()}
    return make_zip({**entries, name: content})


def pdf_of(*objects: bytes, root: int = 1) -> bytes:
    """Make a PDF of raw objects, numbered from 1, with a right table of where they are."""
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<</Size %d/Root %d 0 R>>\n" % (len(objects) + 1, root)
    return bytes(out + b"startxref\n%d\n%%%%EOF" % table)


def page_of(content: bytes, filters: bytes = b"/FlateDecode") -> bytes:
    """Make a PDF of one page with such a content stream."""
    return pdf_of(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R>>",
        b"<</Length %d/Filter%s>>stream\n%s\nendstream" % (len(content), filters, content),
    )


def deep_pages(depth: int) -> bytes:
    kids = [
        b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % (number + 1) for number in range(2, depth + 2)
    ]
    return pdf_of(b"<</Type/Catalog/Pages 2 0 R>>", *kids, b"<</Type/Page>>")


def lying_zip(real: bytes, claimed: int) -> bytes:
    """Say of an archive's entries that they are of another size than they are."""
    out = bytearray(real)
    at = 0
    while (at := out.find(b"PK\x01\x02", at)) >= 0:
        struct.pack_into("<I", out, at + 24, claimed)
        at += 4
    return bytes(out)


def overlapping(kernel_bytes: int, entries: int) -> bytes:
    """Make an archive whose entries all share the same packed bytes."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packed.compress(bytes(kernel_bytes)) + packed.flush()
    crc = zlib.crc32(bytes(kernel_bytes))
    name = b"word/document.xml"
    head = struct.pack(
        "<4sHHHHHIIIHH", b"PK\x03\x04", 20, 0, 8, 0, 0, crc, len(body), kernel_bytes, len(name), 0
    )
    directory = b"".join(
        struct.pack(
            "<4sHHHHHHIIIHHHHHII",
            b"PK\x01\x02",
            *(20, 20, 0, 8, 0, 0, crc, len(body), kernel_bytes, len(entry), 0, 0, 0, 0, 0, 0),
        )
        + entry
        for entry in (b"word/%d.xml" % number for number in range(entries))
    )
    start = head + name + body
    end = struct.pack(
        "<4sHHHHIIH",
        *(b"PK\x05\x06", 0, 0, entries, entries, len(directory), len(start), 0),
    )
    return start + directory + end


def png_of(width: int, height: int) -> bytes:
    """Make a picture that says it is of such a size, and has no pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def one_bit_png() -> bytes:
    buffer = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(buffer, "PNG")
    return buffer.getvalue()


def mail_of(body: str, kind: str) -> bytes:
    head = "MIME-Version: 1.0\r\nFrom: a@b\r\nMessage-ID: <1>\r\nSubject: x\r\n"
    return f"{head}Content-Type: {kind}\r\n\r\n{body}".encode()


def nested_mail(depth: int) -> bytes:
    body = "".join(
        f"--b{level}\r\nContent-Type: multipart/mixed; boundary=b{level + 1}\r\n\r\n"
        for level in range(depth)
    )
    return mail_of(body + "end", "multipart/mixed; boundary=b0")


def looping_compound() -> bytes:
    """Let a compound file's chain of directory sectors lead back to its beginning."""
    out = bytearray(make_compound({"__properties_version1.0": bytes(5000), "x": bytes(9000)}))
    (table,) = struct.unpack_from("<I", out, 76)
    (directory,) = struct.unpack_from("<I", out, 48)
    struct.pack_into("<I", out, 512 + table * 512 + directory * 4, directory)
    return bytes(out)


SHEET: Final = "xl/worksheets/sheet1.xml"
_SHEET_XML: Final = (
    "<worksheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><sheetData>{}"
    "</sheetData></worksheet>"
)
_DOCUMENT_XML: Final = (
    "<w:document xmlns:w='http://schemas.openxmlformats.org/wordprocessingml/2006/main'><w:body>{}"
    "</w:body></w:document>"
)
WORD: Final = "word/document.xml"
SPACES: Final = b" " * 60_000_000

HOSTILE: Final[dict[str, tuple[str, Make]]] = {
    # Archives.
    "docx bomb": ("a.docx", lambda: make_zip({"[Content_Types].xml": _TYPES, WORD: SPACES})),
    "xlsx bomb": ("a.xlsx", lambda: changed(make_xlsx(), SHEET, SPACES)),
    "pptx bomb": ("a.pptx", lambda: changed(make_pptx(), "ppt/slides/slide1.xml", SPACES)),
    "odt bomb": ("a.odt", lambda: make_opendocument("text", "<text:p>" + " " * 60_000_000)),
    "epub bomb": ("a.epub", lambda: make_epub({"a": " " * 60_000_000}, spine=["a"])),
    "media bomb": ("a.docx", lambda: changed(make_docx(), "word/media/a.png", bytes(500_000_000))),
    "many entries": ("a.docx", lambda: make_zip({f"word/{n}": b"" for n in range(20_000)})),
    "overlapping entries": ("a.docx", lambda: overlapping(1_000_000, 5_000)),
    "size claimed too large": ("a.docx", lambda: lying_zip(make_docx(), 0xFFFFFFF0)),
    "size claimed too small": ("a.docx", lambda: lying_zip(make_docx(), 1)),
    "cut docx": ("a.docx", lambda: make_docx()[:4000]),
    "cut xlsx": ("a.xlsx", lambda: make_xlsx()[:3000]),
    "cut pptx": ("a.pptx", lambda: make_pptx()[:9000]),
    "cut odt": ("a.odt", lambda: make_opendocument("text", "<text:p>a</text:p>")[:300]),
    "cut epub": ("a.epub", lambda: make_epub({"a": "b"}, spine=["a"])[:300]),
    "plain zip": ("a.zip", lambda: make_zip({"a.txt": b"a"})),
    "zip in zip": ("a.zip", lambda: make_zip({"a.zip": make_zip({"b.zip": b""})})),
    "names that climb": ("a.docx", lambda: make_zip({"../../etc/cron.d/x": b"*"})),
    "encrypted entry": (
        "a.docx",
        lambda: make_docx().replace(
            b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"
        ),
    ),
    # XML.
    "docx laughs": (
        "a.docx",
        lambda: changed(make_docx(), WORD, (_MARK + _LAUGHS + "<x>&l9;</x>").encode()),
    ),
    "docx outside": (
        "a.docx",
        lambda: changed(
            make_docx(), WORD, (_MARK + _OUTSIDE + _DOCUMENT_XML.format("&a;")).encode()
        ),
    ),
    "docx nested": (
        "a.docx",
        lambda: changed(make_docx(), WORD, _DOCUMENT_XML.format("<w:p>" * 100_000).encode()),
    ),
    "xlsx laughs": (
        "a.xlsx",
        lambda: changed(make_xlsx(), SHEET, (_MARK + _LAUGHS + "<x>&l9;</x>").encode()),
    ),
    "xlsx rows": (
        "a.xlsx",
        lambda: changed(
            make_xlsx(),
            SHEET,
            _SHEET_XML.format(
                "<row><c t='inlineStr'><is><t>a</t></is></c></row>" * 250_000
            ).encode(),
        ),
    ),
    "odt laughs": (
        "a.odt",
        lambda: make_opendocument("text", "<text:p>&l9;</text:p>", before=_LAUGHS),
    ),
    "odt outside": (
        "a.odt",
        lambda: make_opendocument("text", "<text:p>&a;</text:p>", before=_OUTSIDE),
    ),
    "odt nested": (
        "a.odt",
        lambda: make_opendocument("text", "<text:p>" * 100_000 + "</text:p>" * 100_000),
    ),
    "ods repeated rows": (
        "a.ods",
        lambda: make_opendocument(
            "spreadsheet",
            "<table:table>"
            + "<table:table-row table:number-rows-repeated='999999999'><table:table-cell table:number-columns-repeated='999999999'><text:p>a</text:p></table:table-cell></table:table-row>"
            * 12000
            + "</table:table>",
        ),
    ),
    "epub laughs": (
        "a.epub",
        lambda: make_typed_zip(
            "application/epub+zip", {"META-INF/container.xml": _LAUGHS + "<x>&l9;</x>"}
        ),
    ),
    "epub outside": ("a.epub", lambda: make_epub({}, spine=["../../../../etc/passwd"])),
    "epub of itself": (
        "a.epub",
        lambda: make_typed_zip(
            "application/epub+zip",
            {"META-INF/container.xml": "<c><rootfile full-path='META-INF/container.xml'/></c>"},
        ),
    ),
    "xml laughs": ("a.xml", (_MARK + _LAUGHS + "<x>&l9;</x>").encode),
    "xml outside": ("a.xml", (_MARK + _OUTSIDE + "<x>&a;</x>").encode),
    "xml parameter": ("a.xml", (_MARK + _PARAMETER + "<x>a</x>").encode),
    "xml nested": ("a.xml", lambda: _MARK.encode() + b"<a>" * 200_000),
    "xml cut": ("a.xml", lambda: b"<?xml version='1.0'?><a><b>text"),
    "utf-16 laughs": (
        "a.xml",
        lambda: ('<?xml version="1.0" encoding="utf-16"?>' + _LAUGHS + "<x>&l9;</x>").encode(
            "utf-16"
        ),
    ),
    # PDF.
    "pdf cut": ("a.pdf", lambda: b"%PDF-1.7\n1 0 obj"),
    "pdf noise": ("a.pdf", lambda: b"%PDF-1.7\n" + bytes(range(256)) * 400),
    "pdf password": ("a.pdf", lambda: make_pdf([[(11, "x")]], password="secret")),
    "pdf of itself": (
        "a.pdf",
        lambda: pdf_of(
            b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"
        ),
    ),
    "pdf deep pages": ("a.pdf", lambda: deep_pages(20_000)),
    "pdf claims pages": (
        "a.pdf",
        lambda: pdf_of(
            b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 2000000000>>"
        ),
    ),
    "pdf no pages": (
        "a.pdf",
        lambda: pdf_of(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"),
    ),
    "pdf stream bomb": ("a.pdf", lambda: page_of(zlib.compress(b" " * 300_000_000, 9))),
    "pdf bomb in bomb": (
        "a.pdf",
        lambda: page_of(
            zlib.compress(zlib.compress(bytes(900_000_000), 9), 9), b"[/FlateDecode/FlateDecode]"
        ),
    ),
    "pdf drawing": ("a.pdf", lambda: page_of(zlib.compress(b"0 0 m 9 9 l S " * 8_000_000, 9))),
    "pdf form of itself": (
        "a.pdf",
        lambda: pdf_of(
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Resources<</XObject<</A 5 0 R>>>>/Contents 4 0 R>>",
            b"<</Length 4>>stream\n/A Do\nendstream",
            b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</A 5 0 R>>>>/Length 5>>stream\n/A Do\nendstream",
        ),
    ),
    # Mails.
    "mail nested": ("a.eml", lambda: nested_mail(500)),
    "mail parts": (
        "a.eml",
        lambda: mail_of("--b\r\n\r\nx\r\n" * 3000, "multipart/mixed; boundary=b"),
    ),
    "mail with a bomb": (
        "a.eml",
        lambda: mail_with(make_zip({"[Content_Types].xml": _TYPES, WORD: SPACES})),
    ),
    "msg loop": ("a.msg", looping_compound),
    "msg cut": ("a.msg", lambda: make_compound({"__properties_version1.0": bytes(9000)})[:1500]),
    "msg empty": ("a.msg", lambda: make_compound({"__properties_version1.0": bytes(32)})),
    "msg packed bomb": (
        "a.msg",
        lambda: make_compound(
            {
                "__properties_version1.0": bytes(32),
                "__substg1.0_10090102": struct.pack("<IIII", 0, 0xFFFFFFFF, 0x75465A4C, 0),
            }
        ),
    ),
    "old office": ("a.doc", lambda: make_compound({"WordDocument": bytes(9000)})),
    "encrypted office": ("a.docx", lambda: make_compound({"EncryptedPackage": bytes(9000)})),
    # Text.
    "rtf nested": ("a.rtf", lambda: b"{\\rtf1 " + b"{" * 1_000_000),
    "rtf bin": ("a.rtf", lambda: b"{\\rtf1 \\bin999999999 " + b"x" * 100),
    "json nested": ("a.json", lambda: b"[" * 1_000_000),
    "json objects": ("a.json", lambda: b'{"a":' * 500_000),
    "json number": ("a.json", lambda: b'{"a": ' + b"9" * 5_000_000 + b"}"),
    "csv fields": ("a.csv", lambda: b'a,b\n"' + b"x" * 3_000_000),
    "csv rows": ("a.csv", lambda: b"a,b\n" * 300_000),
    "text without end": ("a.txt", lambda: b"word " * 5_000_000),
    "only spaces": ("a.txt", lambda: b" \n\t" * 1_000_000),
    "only zeros": ("a.pdf", lambda: bytes(1_000_000)),
    "a program": ("a.pdf", lambda: b"\x7fELF\x02\x01\x01" + bytes(5000)),
    # Pictures.
    "png bomb": ("a.png", one_bit_png),
    "png claims": ("a.png", lambda: png_of(2_000_000_000, 2_000_000_000)),
    "png without pixels": ("a.png", lambda: png_of(100, 100)),
    "tiff loop": ("a.tif", lambda: b"II*\0\x08\0\0\0" + b"\0\0" + b"\x08\0\0\0"),
    "jpeg cut": ("a.jpg", lambda: b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
    "webp cut": ("a.webp", lambda: b"RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\xff"),
}


def mail_with(content: bytes) -> bytes:

    body = base64.encodebytes(content).decode()
    part = 'Content-Type: x/y; name="a.docx"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    return mail_of(f"--b\r\n{part}{body}\r\n--b--\r\n", "multipart/mixed; boundary=b")

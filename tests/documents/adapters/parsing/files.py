"""Small files of every format, made when a test needs them."""

import io
import zipfile
from collections.abc import Sequence

import docx
import openpyxl
import pptx
from pptx.util import Inches
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas


def make_pdf(pages: list[list[tuple[int, str]]], *, password: str | None = None) -> bytes:
    """Make a PDF from pages of (font size, line)."""
    buffer = io.BytesIO()
    encryption = StandardEncryption(password, canPrint=0) if password else None
    canvas = Canvas(buffer, pagesize=A4, encrypt=encryption)
    canvas.setTitle("Handbook")
    for lines in pages:
        top = 800.0
        for size, line in lines:
            canvas.setFont("Helvetica", size)
            canvas.drawString(60, top, line)
            top -= size * 1.3
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def make_scan() -> bytes:
    """Make a PDF without any text."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4)
    canvas.rect(50, 50, 300, 300, fill=1)
    canvas.save()
    return buffer.getvalue()


def make_docx() -> bytes:
    """Make a Word document with headings, a list and a table."""
    document = docx.Document()
    document.add_heading("Handbook", level=1)
    document.add_paragraph("Welcome to the company.")
    document.add_heading("Returns", level=2)
    document.add_paragraph("Keep the receipt", style="List Bullet")
    document.add_paragraph("Use the box", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for row, cells in enumerate((("Country", "Days"), ("France", "30"))):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def make_pptx() -> bytes:
    """Make two slides, the second with a table and notes."""
    presentation = pptx.Presentation()
    for title in ("Plan", "Figures"):
        slide = presentation.slides.add_slide(presentation.slide_layouts[5])
        slide.shapes.title.text = title
        box = slide.shapes.add_textbox(Inches(1), Inches(2), Inches(4), Inches(1))
        box.text_frame.text = f"What the {title.lower()} says."
    shape = slide.shapes.add_table(2, 2, Inches(1), Inches(4), Inches(4), Inches(1))
    for row, cells in enumerate((("Year", "Sales"), ("2025", "12"))):
        for column, text in enumerate(cells):
            shape.table.cell(row, column).text = text
    slide.notes_slide.notes_text_frame.text = "Mention the warehouse."
    buffer = io.BytesIO()
    presentation.save(buffer)
    return buffer.getvalue()


def make_xlsx() -> bytes:
    """Make a workbook of two sheets."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    first = book.create_sheet("Prices")
    first.append(["Part", "Price"])
    first.append(["Screw", 0.25])
    second = book.create_sheet("Stock")
    second.append(["Part", "Count"])
    second.append(["Screw", 900])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def make_zip(entries: dict[str, bytes]) -> bytes:
    """Make a compressed archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


_NAMESPACES = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for short, name in (
        ("office", "office"),
        ("text", "text"),
        ("table", "table"),
        ("draw", "drawing"),
        ("presentation", "presentation"),
        ("manifest", "manifest"),
    )
)


def make_opendocument(kind: str, body: str, *, manifest: str = "", before: str = "") -> bytes:
    """Make an OpenDocument file of a kind (`text`, `spreadsheet`, `presentation`)."""
    content = (
        f'<?xml version="1.0"?>{before}<office:document-content {_NAMESPACES}>'
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body>"
        "</office:document-content>"
    )
    meta = (
        f"<office:document-meta {_NAMESPACES}>"
        '<x:title xmlns:x="http://purl.org/dc/elements/1.1/">House  rules</x:title>'
        "</office:document-meta>"
    )
    return make_typed_zip(
        f"application/vnd.oasis.opendocument.{kind}",
        {
            "content.xml": content,
            "meta.xml": meta,
            "META-INF/manifest.xml": f"<manifest:manifest {_NAMESPACES}>{manifest}"
            "</manifest:manifest>",
        },
    )


def make_epub(chapters: dict[str, str], *, spine: list[str], locked: Sequence[str] = ()) -> bytes:
    """Make a book of chapters, by name; `spine` orders them, `locked` are said to be encrypted."""
    items = "".join(
        f'<item id="i{at}" href="{name}" media-type="application/xhtml+xml"/>'
        for at, name in enumerate(spine)
    )
    order = "".join(f'<itemref idref="i{at}"/>' for at in range(len(spine)))
    entries = {
        "META-INF/container.xml": '<container xmlns="c"><rootfiles>'
        '<rootfile full-path="OPS/book.opf"/></rootfiles></container>',
        "OPS/book.opf": '<package xmlns="p"><metadata><x:title xmlns:x="d">House rules</x:title>'
        f"</metadata><manifest>{items}</manifest><spine>{order}</spine></package>",
    }
    for name, body in chapters.items():
        entries[f"OPS/{name}"] = (
            '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">'
            f"<head><title>{name}</title></head><body>{body}</body></html>"
        )
    if locked:
        uris = "".join(f'<CipherReference URI="{name}"/>' for name in locked)
        entries["META-INF/encryption.xml"] = f"<encryption>{uris}</encryption>"
    return make_typed_zip("application/epub+zip", entries)


def make_typed_zip(media_type: str, entries: dict[str, str]) -> bytes:
    """Make an archive whose first entry names its type."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", media_type, zipfile.ZIP_STORED)
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()

"""Make `handbook.pdf` from `handbook.md`: `python -m ops.demo.make_handbook`.

The result is committed, so that a first start needs no PDF writer.
"""

from pathlib import Path

from reportlab.lib import colors
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    Flowable,
    PageBreak,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

FOREST = colors.HexColor("#1f4d3a")
SOURCE = Path(__file__).with_name("handbook.md")
OUTPUT = Path(__file__).with_name("handbook.pdf")
TITLE = "Fjellvik Cycles Handbook"


def make(path: Path) -> None:
    """Write the handbook; the same words give the same bytes."""
    document = SimpleDocTemplate(
        str(path),
        pagesize=A4,
        leftMargin=25 * mm,
        rightMargin=25 * mm,
        topMargin=24 * mm,
        bottomMargin=24 * mm,
        title=TITLE,
        author="Fjellvik Cycles AS",
        invariant=1,
    )
    document.build(list(_story()), onLaterPages=_footer)


def _story() -> list[Flowable]:
    base = getSampleStyleSheet()
    body = ParagraphStyle("body", parent=base["BodyText"], fontSize=11, leading=16, spaceAfter=9)
    chapter = ParagraphStyle(
        "chapter",
        parent=base["Heading1"],
        textColor=FOREST,
        fontSize=19,
        spaceBefore=16,
        spaceAfter=8,
        keepWithNext=True,
    )
    section = ParagraphStyle(
        "section",
        parent=base["Heading2"],
        textColor=FOREST,
        fontSize=13,
        spaceBefore=8,
        spaceAfter=3,
        keepWithNext=True,
    )
    centred = ParagraphStyle("centred", parent=body, alignment=TA_CENTER)
    title = ParagraphStyle("title", parent=base["Title"], textColor=FOREST, fontSize=30, leading=38)
    heading, subtitle, edition, *blocks = SOURCE.read_text().strip().split("\n\n")
    story: list[Flowable] = [
        Spacer(1, 75 * mm),
        Paragraph(heading.removeprefix("# "), title),
        Paragraph(subtitle, centred),
        Spacer(1, 12 * mm),
        Paragraph(edition, centred),
        PageBreak(),
    ]
    for block in blocks:
        if block.startswith("|"):
            story += [_table(block), Spacer(1, 4 * mm)]
        elif block.startswith("### "):
            story.append(Paragraph(block.removeprefix("### "), section))
        elif block.startswith("## "):
            story.append(Paragraph(block.removeprefix("## "), chapter))
        else:
            story.append(Paragraph(block.replace("\n", " "), body))
    return story


def _table(block: str) -> Table:
    lines = [line for line in block.splitlines() if not line.startswith("|---")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    table = Table(rows, hAlign="LEFT", colWidths=[42 * mm, 36 * mm, 36 * mm, 36 * mm])
    table.setStyle(
        TableStyle(
            [
                ("FONT", (0, 0), (-1, 0), "Helvetica-Bold"),
                ("BACKGROUND", (0, 0), (-1, 0), FOREST),
                ("TEXTCOLOR", (0, 0), (-1, 0), colors.white),
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, colors.grey),
                ("FONTSIZE", (0, 0), (-1, -1), 10),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
            ]
        )
    )
    return table


def _footer(canvas: Canvas, document: SimpleDocTemplate) -> None:
    canvas.saveState()
    canvas.setFont("Helvetica", 8)
    canvas.setFillColor(colors.grey)
    canvas.drawString(25 * mm, 13 * mm, TITLE)
    canvas.drawRightString(A4[0] - 25 * mm, 13 * mm, f"Page {document.page}")
    canvas.restoreState()


if __name__ == "__main__":
    make(OUTPUT)

import io
from time import process_time
from typing import Any

from reportlab.lib.colors import black
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table, TableStyle

from services.documents.adapters.parsing.pdf import read_pdf
from tests.documents.adapters.parsing.files import make_pdf


class TestPdfLines:
    def test_prose_runs_on_and_rows_end(self) -> None:
        prose = [
            "Frames carry a warranty of ten years, batteries of three years or 800",
            "full charges, whichever comes first, and all other parts of two years.",
            "Lofoten is our oldest model and is built in the workshop at the harbour,",
            "by hand.",
        ]
        rows = ["Weight 38 kg 31 kg 54 kg", "Range 55 km 50 km 70 km", "Price 64,900 NOK"]
        page = [(20, "Bikes"), *((11, line) for line in prose), (11, "")]

        layout = read_pdf(make_pdf([page, [(11, row) for row in rows]]))

        assert " ".join(prose) in layout.text
        assert "\n".join(rows) in layout.text

    def test_items_of_a_list_stay_apart(self) -> None:
        items = [
            "• The first item of this list is a long one that fills its line to the end",
            "• The second item of this list is a long one and fills its line to the end",
        ]

        layout = read_pdf(make_pdf([[(11, item) for item in items]]))

        assert "\n".join(items) in layout.text


RULED = ("GRID", (0, 0), (-1, -1), 0.5, black)
PRICES = [["Country", "Days", "Fee"], *([f"Land {n}", str(n), f"{n}.50 EUR"] for n in range(60))]


def printed(*parts: Any) -> bytes:
    """Make a PDF of paragraphs and tables."""
    buffer = io.BytesIO()
    style = getSampleStyleSheet()["Normal"]
    flow = [Paragraph(part, style) if isinstance(part, str) else part for part in parts]
    SimpleDocTemplate(buffer).build(flow)
    return buffer.getvalue()


class TestTables:
    def test_rows_and_cells_are_told_below_their_header(self) -> None:
        table = Table(PRICES, repeatRows=1, style=TableStyle([RULED]))

        layout = read_pdf(printed("Before the table.", table, "After the table."))

        blocks = [layout.text[start:end] for _, _, start, end in layout.blocks]
        assert (blocks[0], blocks[-1]) == ("Before the table.", "After the table.")
        parts = blocks[1:-1]
        assert len(parts) > 2
        for part in parts:
            assert part.startswith("| Country | Days | Fee |\n| --- | --- | --- |\n| Land ")
        rows = [line for part in parts for line in part.split("\n")[2:]]
        assert rows == [f"| Land {n} | {n} | {n}.50 EUR |" for n in range(60)]
        assert {page for page, *_ in layout.blocks} == {1, 2}

    def test_a_cell_may_reach_over_rows_and_columns(self) -> None:
        cells = [["Region", "Sales", ""], ["", "2024", "2025"], ["North", "1", "2"]]
        spans = [("SPAN", (1, 0), (2, 0)), ("SPAN", (0, 0), (0, 1))]

        layout = read_pdf(printed(Table(cells, style=TableStyle([RULED, *spans]))))

        assert "| Region | Sales | |" in layout.text
        assert "| | 2024 | 2025 |\n| North | 1 | 2 |" in layout.text

    def test_words_broken_in_a_cell_and_several_lines_are_whole(self) -> None:
        style = getSampleStyleSheet()["Normal"]
        long = Paragraph("The deposit is paid back within thirty days of delivery. " * 3, style)
        rows = [["Term", "Meaning"], ["Deposit", long], ["Fee", "None"]]

        layout = read_pdf(printed(Table(rows, colWidths=[80, 200], style=TableStyle([RULED]))))

        told = " ".join(["The deposit is paid back within thirty days of delivery."] * 3)
        assert f"| Deposit | {told} |" in layout.text

    def test_a_frame_around_prose_is_none(self) -> None:
        framed = Table([["All of this stands in one frame."]], style=TableStyle([RULED]))

        layout = read_pdf(printed("First.", framed, "Last."))

        assert "|" not in layout.text
        assert "All of this stands in one frame." in layout.text

    def test_no_text_is_lost_where_rules_are_no_table(self) -> None:
        """Rules across a page of prose, which would cut its words."""
        buffer = io.BytesIO()
        canvas = Canvas(buffer)
        for number in range(8):
            canvas.drawString(60, 700 - 20 * number, f"Sentence {number} runs right across it.")
        for place in range(5):
            canvas.line(50, 710 - 33 * place, 300, 710 - 33 * place)
            canvas.line(50 + 62 * place, 578, 50 + 62 * place, 710)
        canvas.save()

        layout = read_pdf(buffer.getvalue())

        for number in range(8):
            assert f"Sentence {number} runs right across it." in layout.text

    def test_a_page_full_of_rules_is_read_in_time(self) -> None:
        buffer = io.BytesIO()
        canvas = Canvas(buffer)
        canvas.drawString(60, 780, "A drawing.")
        for number in range(3_000):
            canvas.line(number % 500, 0, number % 500, 700)
            canvas.line(0, number % 700, 500, number % 700)
        canvas.save()
        started = process_time()

        layout = read_pdf(buffer.getvalue())

        assert "A drawing." in layout.text
        assert process_time() - started < 5

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

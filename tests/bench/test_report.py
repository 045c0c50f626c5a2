"""The page of an evaluation."""

from bench.report import page


def test_shows_all_figures_and_escapes_what_people_wrote() -> None:
    shown = page(
        title="Evaluation of <docs>",
        shares={"the document is found": (0.75, 8)},
        times={"search": [0.1, 0.2, 0.4], "nothing measured": []},
        missed=[("q-1", "Is a < b?", "<script>alert(1)</script>")],
    )

    assert "Evaluation of &lt;docs&gt;" in shown
    assert "75% of 8" in shown
    assert "search: 0 to 400 ms" in shown
    assert "nothing measured" not in shown
    assert "Is a &lt; b?" in shown
    assert "<script>" not in shown


def test_needs_nothing_from_elsewhere() -> None:
    shown = page(title="t", shares={}, times={}, missed=[])

    assert "http" not in shown
    assert "What went wrong" not in shown

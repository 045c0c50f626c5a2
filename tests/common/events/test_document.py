"""docs/events.md says what the catalogue declares."""

from pathlib import Path

from libs.common.events.document import document_events

DOCUMENT = Path(__file__).parents[3] / "docs" / "events.md"


def test_is_current() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document_events(), (
        "run `python -m libs.common.events.document > docs/events.md`"
    )

"""Which sentences are offered as quotes."""

from uuid import UUID

from services.documents.domain.quotes import likeliest
from services.documents.domain.search import FoundPassage


def passage(text: str) -> FoundPassage:
    return FoundPassage(
        number=1,
        passage_id=UUID(int=1),
        document_id=UUID(int=2),
        document_version=1,
        document_name="rules.csv",
        url=None,
        position=0,
        page=None,
        heading_path=(),
        char_start=0,
        char_end=len(text),
        text=text,
        score=1.0,
    )


def quoted(question: str, text: str) -> list[str]:
    return [sentence.text for sentence, _ in likeliest(question, [passage(text)], limit=5)]


OTHER = "Rule AB.14.3v2 was replaced by the new rule ZX.1.1v1 in spring."
ASKED = "Rule AB.2.2v2 is now AB.2.2v3, which allows a soft fail as well."
GENERAL = "A new rule keeps the number of the rule that it replaced."


def test_a_sentence_about_another_code_is_no_answer() -> None:
    lines = "\n\n".join([OTHER, ASKED, GENERAL])

    assert quoted("Which new rule replaced AB.2.2v2?", lines) == [ASKED, GENERAL]


def test_all_are_offered_when_no_sentence_has_the_code() -> None:
    lines = "\n\n".join([OTHER, GENERAL])

    assert set(quoted("Which new rule replaced AB.9.9v9?", lines)) == {OTHER, GENERAL}


def test_codes_of_other_kinds_do_not_matter() -> None:
    crash = "The airplane N5921D struck trees at dusk on the approach."
    form = "Its pilot had filed form NTSB-6120 before the approach to land."

    assert set(quoted("What did N5921D strike on the approach?", f"{crash} {form}")) == {
        crash,
        form,
    }

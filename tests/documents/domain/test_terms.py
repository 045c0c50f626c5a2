import pytest

from services.documents.domain.terms import likely_languages, terms_of


class TestTermsOf:
    def test_counts_stems_and_leaves_common_words_out(self) -> None:
        terms = terms_of("The refunds of the company are refunded to the customer by the company.")

        assert terms == {"refund": 2, "compani": 2, "custom": 1}

    @pytest.mark.parametrize(
        ("passage", "question"),
        [
            ("Refunds are made within thirty days.", "refund"),
            ("Die Rückgabefristen betragen bei uns nach dem Kauf dreißig Tage.", "Rückgabefrist"),
            ("Les remboursements sont effectués dans un délai de trente jours.", "remboursement"),
            ("Los reembolsos se realizan en un plazo de treinta días.", "reembolso"),
            ("Возвраты оформляются в течение тридцати дней.", "возврат"),
        ],
    )
    def test_a_word_finds_its_other_forms(self, passage: str, question: str) -> None:
        assert terms_of(passage).keys() & terms_of(question).keys()

    def test_chinese_is_cut_into_pairs(self) -> None:
        assert terms_of("退款政策") == {"退款": 1, "款政": 1, "政策": 1}
        assert terms_of("金") == {"金": 1}

    def test_identifiers_are_found_whole_and_by_their_parts(self) -> None:
        terms = terms_of("The policy MS.TEAMS.1.1v1 is not the one for the XR-9000.")

        assert {"ms.teams.1.1v1", "team", "1v1", "xr-9000", "9000"} <= terms.keys()

    def test_width_and_case_do_not_matter(self) -> None:
        assert terms_of("ＲＥＦＵＮＤ") == terms_of("refund")  # noqa: RUF001 - full-width letters are what this is about

    def test_nothing_gives_nothing(self) -> None:
        assert terms_of(" … ") == {}


class TestLikelyLanguages:
    def test_a_page_has_one(self) -> None:
        text = "der hund und die katze sind nicht im haus weil sie auf dem feld bei uns war"

        assert likely_languages(text.split()) == ["german"]

    def test_a_word_alone_may_be_of_any(self) -> None:
        assert {"english", "german", "spanish"} <= set(likely_languages(["hotel"]))
